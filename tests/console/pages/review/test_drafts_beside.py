"""Drafts of decisions on campaigns and over earlier decisions: kept, theirs alone, back on the page, gone with the decision."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from moderation.decisions.basis import campaign_basis_of
from moderation.models import Campaign, DecisionDraft, Item, WaitingDecision
from moderation.review.waiting import waiting_apply_due
from tests.support import scenes
from tests.support.acts import _campaign
from tests.support.people import seen
from tests.support.sign_in import signed_in

TYPED = {"outcome": "4", "category": "harassment", "note": "A sentence that took a while."}


@pytest.fixture
def senior() -> User:
    scenes.policy_ready()
    return scenes.person("senior", "sol")


@pytest.fixture
def browser(senior: User) -> Client:
    return signed_in(senior)


@pytest.fixture(params=["campaign", "overturn"])
def place(request: pytest.FixtureRequest, senior: User) -> tuple[str, Campaign | Item, str]:
    """Return the name of a place to decide, what is decided, and the name of its page."""
    if request.param == "campaign":
        return "campaign", _campaign(), "campaign_page"
    return "overturn", scenes.item_judged("fine-1"), "item_page"


pytestmark = pytest.mark.django_db


def token(on: Campaign | Item) -> str:
    return campaign_basis_of(on).token if isinstance(on, Campaign) else seen(on)


def keep(browser: Client, place: Any, **fields: str) -> Any:
    name, on, _ = place
    data = {**TYPED, "expected_decision": token(on), **fields}
    return browser.post(reverse(f"{name}_draft", args=[on.key]), data)


def page(browser: Client, place: Any) -> str:
    return browser.get(reverse(place[2], args=[place[1].key])).content.decode()


def test_what_was_typed_is_back_on_the_page_and_says_from_when(browser: Client, place: Any) -> None:
    response = keep(browser, place)
    assert response.status_code == 204
    draft = DecisionDraft.objects.get()
    assert response["Draft-Kept-At"] == draft.updated_at.isoformat()
    text = page(browser, place)
    assert f"Your draft of {draft.updated_at:%H:%M} is back; it was not sent." in text
    assert "A sentence that took a while." in text
    assert "has changed since" not in text


def test_it_is_nobody_elses(browser: Client, place: Any) -> None:
    keep(browser, place)
    assert "A sentence that took a while." not in page(signed_in(scenes.person("senior", "ben")), place)


def test_what_changed_since_is_said(browser: Client, place: Any) -> None:
    keep(browser, place, expected_decision="undecided")
    assert "has changed since" in page(browser, place)


def test_it_is_discarded_and_what_is_emptied_is_gone(browser: Client, place: Any) -> None:
    name, on, where = place
    keep(browser, place)
    for _ in range(2):
        response: Any = browser.post(reverse(f"{name}_draft_discard", args=[on.key]))
        assert response.url == reverse(where, args=[on.key])
    assert not DecisionDraft.objects.exists()
    keep(browser, place)
    browser.post(reverse(f"{name}_draft", args=[on.key]), {"note": " "})
    assert not DecisionDraft.objects.exists()


def test_the_decision_takes_it_along_and_a_late_save_keeps_nothing(browser: Client, place: Any) -> None:
    name, on, _ = place
    keep(browser, place)
    before = token(on)
    data = {**TYPED, "expected_decision": before}
    address = "campaign_decide" if name == "campaign" else "item_overturn"
    assert browser.post(reverse(address, args=[on.key]), data).status_code == 302
    assert not DecisionDraft.objects.exists()
    keep(browser, place, expected_decision=before)
    assert not DecisionDraft.objects.exists()


def test_what_was_refused_is_kept_as_well(browser: Client, place: Any) -> None:
    name, on, _ = place
    address = reverse("campaign_decide" if name == "campaign" else "item_overturn", args=[on.key])
    refused = browser.post(address, {**TYPED, "category": "", "expected_decision": token(on)})
    assert refused.status_code == 422
    assert DecisionDraft.objects.get().fields == {"outcome": "4", "note": TYPED["note"]}
    assert browser.post(address, {**TYPED, "expected_decision": "undecided"}).status_code == 409
    assert DecisionDraft.objects.get().fields == TYPED
    assert TYPED["note"] in page(browser, place)


def test_one_that_is_too_large_is_said(browser: Client, place: Any) -> None:
    response = keep(browser, place, note="a" * 16_001)
    assert response.status_code == 413
    assert "more than a draft holds" in response.json()["detail"]


def test_a_restoration_that_waited_in_vain_is_a_draft_again(browser: Client, senior: User, settings: Any) -> None:
    settings.CLEARING_WAITS_SECONDS = 10
    job = scenes.job_open()
    data = {"outcome": "0", "note": "News footage.", "expected_decision": seen(job.item)}
    browser.post(reverse("item_overturn", args=[job.item.key]), data)
    waiting = WaitingDecision.objects.get()
    scenes.judged_again(job.item, [scenes.bank_hit("violence")], stage="deep")  # type: ignore[arg-type]
    waiting_apply_due(now=waiting.due_at)
    assert "News footage." in page(browser, ("overturn", job.item, "item_page"))


def test_a_reviewer_keeps_none_over_an_earlier_decision(senior: User) -> None:
    item = scenes.item_judged("fine-1")
    response = signed_in(scenes.person("reviewer")).post(reverse("overturn_draft", args=[item.key]), TYPED)
    assert response.status_code == 403


def test_a_draft_is_of_one_thing(senior: User) -> None:
    job = scenes.job_open()
    values = {"person": senior, "fields": TYPED, "updated_at": timezone.now()}
    for of in ({}, {"job": job, "item": job.item}):
        with pytest.raises(IntegrityError), transaction.atomic():
            DecisionDraft.objects.create(**values, **of)
