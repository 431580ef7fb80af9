"""What somebody decided last, and taking it back, as pages; what comes back to them on their home."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from moderation.models import Clearance, Decision, DecisionDraft, Job, Overturn, WaitingDecision
from moderation.models.decision import DecisionStage
from moderation.reports.service import report_file
from moderation.review.leases import job_claim
from moderation.review.waiting import waiting_apply_due
from policies.choices import Outcome
from tests.support import scenes
from tests.support.people import escalating_caption, seen, text_item
from tests.support.sign_in import signed_in

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _ten_seconds(settings: Any) -> None:
    settings.CLEARING_WAITS_SECONDS = 10


def held(reviewer: User, name: str = "real-1") -> Job:
    """Return the job of an item that machines have really judged."""
    text_item(name, escalating_caption(), creator=name)
    job = job_claim(actor=reviewer, now=timezone.now())
    assert job is not None
    return job


def decide(browser: Client, job: Job, outcome: Outcome, *, htmx: bool = False, **fields: Any) -> Any:
    data = {
        "lease_token": str(job.lease_token), "expected_decision": seen(job.item), "outcome": str(int(outcome)),
        "category": "violence", "note": "A threat.", **fields,
    }  # fmt: skip
    return browser.post(reverse("job_decide", args=[job.key]), data, headers=HTMX if htmx else None)


def page(browser: Client, name: str = "undo_list") -> str:
    return browser.get(reverse(name)).content.decode()


def take(browser: Client, key: object, **given: Any) -> Any:
    return browser.post(reverse("undo_take", args=[key]), **given)


def overturned(reviewer: User, browser: Client) -> tuple[Overturn, User]:
    decide(browser, held(reviewer), Outcome.BLOCK)
    senior = scenes.person("senior", "sol")
    item = Decision.objects.get(actor=reviewer).item
    data = {"outcome": "1", "min_age": "16", "category": "violence", "note": "News footage, not a threat."}
    data["expected_decision"] = seen(item)
    signed_in(senior).post(reverse("item_overturn", args=[item.key]), data)
    waiting_apply_due(now=timezone.now() + timedelta(seconds=11))
    return Overturn.objects.get(), senior


# --- deciding ----------------------------------------------------------------------------------------------------


def test_who_clears_is_told_when_it_takes_effect_and_how_it_is_taken_back(browser: Client, reviewer: User) -> None:
    job, _ = held(reviewer), text_item("real-2", escalating_caption(), creator="real-2")
    response = decide(browser, job, Outcome.CLEAR, htmx=True)
    assert "Cleared in 10 s: real-1. Press u to take it back." in response.content.decode()
    assert not Clearance.objects.filter(is_granted=True).exists()


def test_the_page_of_a_job_whose_decision_waits_says_so(browser: Client, reviewer: User) -> None:
    job = held(reviewer)
    decide(browser, job, Outcome.CLEAR)
    response = browser.get(reverse("job_page", args=[job.key]))
    assert response.status_code == 403
    assert "You have decided this" in response.content.decode()


def test_a_senior_who_restores_is_told_as_well(reviewer: User, browser: Client) -> None:
    decide(browser, held(reviewer), Outcome.BLOCK)
    item, senior = Decision.objects.get(actor=reviewer).item, scenes.person("senior", "sol")
    their = signed_in(senior)
    data = {"outcome": "0", "note": "News footage.", "expected_decision": seen(item)}
    response = their.post(reverse("item_overturn", args=[item.key]), data, follow=True)
    assert "Cleared in 10 s: real-1. Press u to take it back." in response.content.decode()
    assert "waits: nobody is shown" in response.content.decode()
    item.refresh_from_db()
    assert item.state == "blocked"


# --- the list ----------------------------------------------------------------------------------------------------


def test_each_decision_is_there_with_its_words_and_what_became_of_it(browser: Client, reviewer: User) -> None:
    decide(browser, held(reviewer), Outcome.BLOCK)
    decide(browser, held(reviewer, "real-2"), Outcome.CLEAR)
    text = page(browser)
    assert text.index("Waits") < text.index("Stands.")
    assert "nobody is shown it before" in text
    assert text.count("Take back<span") == 2
    assert "watch this" in text


def test_nobody_elses_are_there(browser: Client, reviewer: User) -> None:
    decide(browser, held(reviewer), Outcome.BLOCK)
    assert "You have decided nothing yet" in page(signed_in(scenes.person("reviewer", "ben")))


def test_taking_back_leads_to_the_job_with_what_was_typed(browser: Client, reviewer: User) -> None:
    decide(browser, held(reviewer), Outcome.BLOCK)
    response = take(browser, Decision.objects.get(actor=reviewer).key, follow=True)
    text = response.content.decode()
    assert "Taken back. The job is yours again, with what you had typed." in text
    assert "A threat." in text
    assert "Your draft of" in text


@pytest.mark.parametrize("outcome", [Outcome.CLEAR, Outcome.BLOCK])
def test_a_second_press_and_a_second_tab_lead_there_too_and_count_once(
    browser: Client, reviewer: User, outcome: Outcome
) -> None:
    job = held(reviewer)
    decide(browser, job, outcome)
    made = WaitingDecision.objects.first() or Decision.objects.get(actor=reviewer)
    there = {take(tab, made.key).url for tab in (browser, signed_in(reviewer), browser)}
    assert len(there) == 1
    assert Decision.objects.filter(stage=DecisionStage.UNDONE).count() == (outcome == Outcome.BLOCK)
    assert DecisionDraft.objects.count() == 1


def test_what_cannot_be_taken_back_any_more_is_said(browser: Client, reviewer: User) -> None:
    overturn, _ = overturned(reviewer, browser)
    response = take(browser, overturn.earlier.key)
    assert response.status_code == 409
    assert "sol has decided this item since." in response.content.decode()
    assert "Your decision stands no more" in response.content.decode()


def test_a_key_of_nothing_and_somebody_elses_are_refused_alike(browser: Client, reviewer: User) -> None:
    decide(browser, held(reviewer), Outcome.BLOCK)
    other = signed_in(scenes.person("reviewer", "ben"))
    theirs = take(other, Decision.objects.get(actor=reviewer).key)
    assert theirs.status_code == take(other, "00000000-0000-0000-0000-000000000007").status_code == 409
    assert "watch this" not in theirs.content.decode()


# --- what comes back ---------------------------------------------------------------------------------------------


def test_what_a_senior_changed_and_why_is_on_the_home_of_whom_it_concerns(browser: Client, reviewer: User) -> None:
    overturn, senior = overturned(reviewer, browser)
    text = page(browser, "home")
    assert "What seniors changed and why" in text
    assert "News footage, not a threat." in text
    assert "by sol" in text
    for other in (senior, scenes.person("reviewer", "ben")):
        assert "What seniors changed" not in page(signed_in(other), "home")
    read = reverse("overturn_read", args=[overturn.key])
    assert signed_in(senior).post(read).status_code == 404
    for _ in range(2):
        answer: Any = browser.post(read)
        assert answer.url == reverse("home")
    assert "What seniors changed" not in page(browser, "home")


def test_what_a_senior_took_back_or_confirmed_is_no_change(browser: Client, reviewer: User) -> None:
    overturn, senior = overturned(reviewer, browser)
    take(signed_in(senior), overturn.decision.key)
    assert "What seniors changed" not in page(browser, "home")


def test_a_senior_who_decides_the_same_changes_nothing(browser: Client, reviewer: User) -> None:
    decide(browser, held(reviewer), Outcome.BLOCK)
    item = Decision.objects.get(actor=reviewer).item
    data = {"outcome": "4", "category": "violence", "note": "Right.", "expected_decision": seen(item)}
    signed_in(scenes.person("senior")).post(reverse("item_overturn", args=[item.key]), data)
    assert not Overturn.objects.exists()


def test_what_moved_into_the_partition_is_not_told_of(browser: Client, reviewer: User) -> None:
    overturn, _ = overturned(reviewer, browser)
    scenes.restrict(overturn.decision.item)
    assert "What seniors changed" not in page(browser, "home")


def test_what_did_not_take_effect_is_on_ones_home_until_it_is_read(browser: Client, reviewer: User) -> None:
    job = held(reviewer)
    decide(browser, job, Outcome.CLEAR)
    report_file(actor="api:test", external_id="real-1", reporter="r", category="violence", text="", now=timezone.now())
    waiting_apply_due(now=timezone.now() + timedelta(seconds=11))
    text = page(browser, "home")
    assert "What did not take effect" in text
    assert "Somebody reported the item before it took effect. Nothing was cleared." in text
    assert "The job comes back to you" in text
    read = reverse("overtaken_read", args=[WaitingDecision.objects.get().key])
    assert signed_in(scenes.person("reviewer", "ben")).post(read).status_code == 404
    for _ in range(2):
        assert browser.post(read).status_code == 302
    assert "What did not take effect" not in page(browser, "home")


def test_the_heartbeat_tells_of_it_where_they_went_on(browser: Client, reviewer: User) -> None:
    decide(browser, held(reviewer), Outcome.CLEAR)
    other = held(reviewer, "real-2")
    report_file(actor="api:test", external_id="real-1", reporter="r", category="violence", text="", now=timezone.now())
    waiting_apply_due(now=timezone.now() + timedelta(seconds=11))
    data = {"lease_token": str(other.lease_token), "expected_decision": seen(other.item)}
    told = browser.post(reverse("job_heartbeat", args=[other.key]), data).json()
    assert told["said"] == (
        "What you cleared did not take effect: real-1. Somebody reported the item before it took effect. "
        "It comes back to you; press u to see."
    )


@pytest.mark.parametrize("name", ["undo_take", "overturn_read", "overtaken_read"])
def test_a_link_takes_nothing_back(browser: Client, reviewer: User, name: str) -> None:
    assert browser.get(reverse(name, args=["00000000-0000-0000-0000-000000000007"])).status_code == 405
