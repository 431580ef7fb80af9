"""What a person typed on a job and did not send: there again whenever they open it, and nobody else's."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from moderation.models import AuditEvent, DecisionDraft, Job
from moderation.reports.service import report_file
from moderation.review.leases import job_claim, leases_expire
from tests.support import scenes
from tests.support.people import seen
from tests.support.sign_in import signed_in

HTMX = {"HX-Request": "true"}
NOTE = "Aimed at a private person, said twice."
TYPED: dict[str, Any] = {"outcome": "4", "category": "harassment", "note": NOTE}
BACK = "is back; it was not sent."


def _keep(browser: Client, job: Job, **fields: str) -> Any:
    data = {"expected_decision": seen(job.item), **(fields or TYPED)}
    return browser.post(reverse("job_draft", args=[job.key]), data)


def _page(browser: Client, job: Job) -> str:
    return " ".join(browser.get(reverse("job_page", args=[job.key])).content.decode().split())


def _decide(browser: Client, job: Job, *, htmx: bool = False, **fields: Any) -> Any:
    data = {"lease_token": str(job.lease_token), "expected_decision": seen(job.item), **fields}
    return browser.post(reverse("job_decide", args=[job.key]), data, headers=HTMX if htmx else None)


def _expire_and_claim(person: User, job: Job) -> Job:
    scenes.lease_over(job)
    leases_expire(now=timezone.now())
    claimed = job_claim(actor=person, now=timezone.now())
    assert claimed == job
    return claimed


def _is_chosen(page: str, outcome: str) -> bool:
    return "checked" in page.split(f'name="outcome" value="{outcome}"')[1].split(">")[0]


# --- it is back --------------------------------------------------------------------------------------------------


def test_who_goes_elsewhere_and_comes_back_finds_all_that_they_had_typed(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    answer = _keep(browser, job, **TYPED, question="Who is meant?", skip_note="Dutch")
    kept = DecisionDraft.objects.get()
    assert (answer.status_code, answer["Draft-Kept-At"]) == (204, kept.updated_at.isoformat())
    browser.get(reverse("queue_list"))
    page = _page(browser, job)
    assert f"Your draft of {kept.updated_at:%H:%M} {BACK}" in page
    assert f">{NOTE}</textarea>" in page
    assert '<option value="harassment" selected>' in page
    assert ">Who is meant?</textarea>" in page
    assert 'value="Dutch"' in page
    assert page.count("<details open>") == 2
    assert _is_chosen(page, "4")
    assert not _is_chosen(page, "2")


def test_a_restriction_is_back_with_its_age_and_its_countries(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    _keep(browser, job, outcome="2", min_age="16", territories="DE, F")
    page = _page(browser, job)
    assert 'name="min_age" value="16" checked' in page
    assert 'value="DE, F"' in page


def test_a_page_without_a_draft_says_nothing_of_one(browser: Client, reviewer: User) -> None:
    assert BACK not in _page(browser, scenes.job_held(reviewer))


def test_it_is_back_when_the_lease_was_lost_and_is_theirs_again(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    _keep(browser, job)
    scenes.lease_over(job)
    leases_expire(now=timezone.now())
    away = browser.get(reverse("job_page", args=[job.key]))
    assert away.status_code == 403
    assert NOTE in away.content.decode()  # to be read and copied meanwhile
    assert _keep(browser, job, **{**TYPED, "note": "Typed when the lease was over."}).status_code == 204
    job_claim(actor=reviewer, now=timezone.now())
    assert "Typed when the lease was over." in _page(browser, job)


def test_it_is_back_after_somebody_else_had_the_job_who_never_saw_it(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    _keep(browser, job)
    other = scenes.person("senior", "other")
    _expire_and_claim(other, job)
    theirs = _page(signed_in(other), job)
    assert NOTE not in theirs
    assert BACK not in theirs
    assert _keep(signed_in(other), job, note="Another's.").status_code == 204
    _expire_and_claim(reviewer, job)
    page = _page(browser, job)
    assert NOTE in page
    assert "Another's." not in page


def test_it_is_back_after_a_new_sign_in_and_on_another_machine(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    _keep(browser, job)
    Session.objects.all().delete()
    lost = _keep(browser, job, note="Sent after the session had ended.")
    assert lost.status_code == 302  # the browser keeps what it could not send
    assert NOTE in _page(signed_in(reviewer), job)


def test_of_two_tabs_the_later_write_wins(reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    first, second = signed_in(reviewer), signed_in(reviewer)
    _keep(first, job, note="Typed first.")
    _keep(second, job, note="Typed later.")
    page = _page(first, job)
    assert "Typed later." in page
    assert "Typed first." not in page


def test_the_next_job_comes_with_its_own_draft_and_not_with_what_was_just_sent(browser: Client, reviewer: User) -> None:
    following = scenes.job_held(reviewer, "waits-2")
    _keep(browser, following, note="On the second.")
    scenes.lease_over(following)
    leases_expire(now=timezone.now())
    job = scenes.job_open("waits-1")
    Job.objects.filter(pk=job.pk).update(is_imminent=True)
    claimed = job_claim(actor=reviewer, now=timezone.now())
    assert claimed == job
    page = _decide(browser, claimed, htmx=True, outcome="0", note=NOTE, answer="To nobody.").content.decode()
    assert "On the second." in page
    assert NOTE not in page
    assert "To nobody." not in page


# --- what it is not ----------------------------------------------------------------------------------------------


def test_it_brings_neither_an_old_claim_nor_an_old_basis_and_says_that_the_item_changed(
    browser: Client, reviewer: User
) -> None:
    job = scenes.job_held(reviewer)
    _keep(browser, job, **TYPED, lease_token="11111111-1111-4111-8111-111111111111")
    assert "The item has changed since" not in _page(browser, job)
    before = seen(job.item)
    report_file(
        actor="api:test", external_id=job.item.external_id, reporter="r-1", category="harassment", text="Please look.",
        now=timezone.now(),
    )  # fmt: skip
    page = _page(browser, job)
    assert f"{BACK} <strong>The item has changed since: look again before you send it.</strong>" in page
    assert f'name="expected_decision" value="{before}"' not in page
    assert f'name="expected_decision" value="{seen(job.item)}"' in page
    assert "11111111-1111-4111-8111-111111111111" not in page
    assert f'name="lease_token" value="{job.lease_token}"' in page


def test_what_is_offered_no_more_stays_empty_and_the_rest_is_there(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    _keep(browser, job, outcome="77", category="made-up", min_age="17", note=NOTE, territories="DE")
    page = _page(browser, job)
    assert NOTE in page
    assert 'value="DE"' in page
    assert not any(_is_chosen(page, value) for value in "0234" if f'name="outcome" value="{value}"' in page)
    assert '<option value="harassment" selected>' in page  # the job's own, as on a page without a draft
    assert "made-up" not in page


def test_nobody_who_never_had_the_job_keeps_a_draft_of_it(browser: Client) -> None:
    job = scenes.job_held(scenes.person("senior", "other"))
    assert _keep(browser, job).status_code == 403
    assert not DecisionDraft.objects.exists()


def test_a_draft_on_what_became_restricted_is_neither_shown_nor_taken(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    _keep(browser, job)
    scenes.restrict(job.item)
    assert _keep(browser, job, note="more").status_code == 404
    assert NOTE not in _page(browser, job)
    assert DecisionDraft.objects.get().fields == TYPED


def test_no_log_and_no_audit_row_holds_a_word_of_it(
    browser: Client, reviewer: User, caplog: pytest.LogCaptureFixture
) -> None:
    job = scenes.job_held(reviewer)
    with caplog.at_level(logging.DEBUG):
        _keep(browser, job)
        browser.post(reverse("job_draft_discard", args=[job.key]))
    told = " ".join(record.getMessage() for record in caplog.records if not record.name.startswith("django.db"))
    assert NOTE not in told
    assert not [row for row in AuditEvent.objects.all() if NOTE in str(row.data)]


def test_no_page_of_the_admin_site_shows_it(reviewer: User) -> None:
    admin = User.objects.create_superuser("root", password=scenes.PASSWORD)
    job = scenes.job_held(reviewer)
    _keep(signed_in(reviewer), job)
    browser = signed_in(admin)
    for address in ("/admin/", f"/admin/auth/user/{reviewer.pk}/delete/"):
        assert NOTE not in browser.get(address, follow=True).content.decode()


# --- when it goes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("htmx", [False, True])
def test_a_decision_drops_the_draft_with_and_without_a_script(browser: Client, reviewer: User, htmx: bool) -> None:
    job = scenes.job_held(reviewer)
    _keep(browser, job)
    _decide(browser, job, htmx=htmx, **TYPED)
    assert not DecisionDraft.objects.exists()
    assert _keep(browser, job).status_code == 204  # sent when the page was left, and late
    assert not DecisionDraft.objects.exists()


@pytest.mark.parametrize("htmx", [False, True])
def test_a_refused_decision_drops_nothing_and_keeps_what_it_sent(browser: Client, reviewer: User, htmx: bool) -> None:
    job = scenes.job_held(reviewer)
    _keep(browser, job, note="Typed before.", question="Who is meant?")
    refused = _decide(browser, job, htmx=htmx, outcome="4", note=NOTE, category="")
    assert refused.status_code == 422
    assert BACK not in refused.content.decode()  # it is what they have just sent, not something that came back
    page = _page(browser, job)
    assert NOTE in page
    assert "Who is meant?" in page


def test_a_refused_decision_is_kept_where_no_script_kept_a_draft(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    _decide(browser, job, outcome="4", note=NOTE, category="")
    assert NOTE in _page(browser, job)


def test_a_decision_that_was_overtaken_is_kept(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    assert _decide(browser, job, **{**TYPED, "expected_decision": "outdated"}).status_code == 409
    page = _page(browser, job)
    assert NOTE in page
    assert "The item has changed since" in page


def test_what_was_sent_after_the_lease_was_over_is_kept_for_the_next_one(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    scenes.lease_over(job)
    leases_expire(now=timezone.now())
    assert NOTE in _decide(browser, job, **TYPED).content.decode()
    job_claim(actor=reviewer, now=timezone.now())
    assert NOTE in _page(browser, job)


def test_a_skip_that_is_refused_leaves_the_decision_that_was_begun(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    _keep(browser, job)
    data = {"lease_token": str(job.lease_token), "skip_note": "half a sentence"}
    page = browser.post(reverse("job_skip", args=[job.key]), data).content.decode()
    assert NOTE in page
    assert 'value="half a sentence"' in page
    assert DecisionDraft.objects.get().fields == {**TYPED, "skip_note": "half a sentence"}


@pytest.mark.parametrize("name", ["job_skip", "job_ask"])
def test_a_question_that_cannot_be_sent_any_more_is_given_back(browser: Client, reviewer: User, name: str) -> None:
    job = scenes.job_held(reviewer)
    scenes.lease_over(job)
    leases_expire(now=timezone.now())
    data = {"lease_token": str(job.lease_token), "reason": "advice", "skip_note": "Who is meant?", "question": NOTE}
    answer = browser.post(reverse(name, args=[job.key]), data)
    assert answer.status_code == 409
    assert NOTE in answer.content.decode()


def test_a_draft_is_discarded_without_a_script_and_only_ones_own(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    _keep(browser, job)
    discard = reverse("job_draft_discard", args=[job.key])
    assert f'action="{discard}"' in _page(browser, job)
    signed_in(scenes.person("senior", "other")).post(discard)
    assert NOTE in _page(browser, job)
    page = browser.post(discard, follow=True).content.decode()
    assert "Your draft is discarded." in page
    assert NOTE not in page
    assert browser.post(discard).status_code == 302


@pytest.mark.parametrize("name", ["job_draft", "job_draft_discard"])
def test_nothing_is_done_by_looking(browser: Client, reviewer: User, name: str) -> None:
    job = scenes.job_held(reviewer)
    _keep(browser, job)
    assert browser.get(reverse(name, args=[job.key])).status_code == 405
    assert DecisionDraft.objects.exists()


# --- limits ------------------------------------------------------------------------------------------------------


def test_one_that_is_too_large_is_refused_in_words_and_what_was_kept_stays(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    _keep(browser, job)
    answer = _keep(browser, job, note="a" * 16_001)
    assert answer.status_code == 413
    assert "This is more than a draft holds" in answer.json()["detail"]
    assert "stays on this page" in answer.json()["detail"]
    assert _keep(browser, job, note="a" * 70_000).status_code == 413  # no address takes so much
    assert DecisionDraft.objects.get().fields == TYPED


def test_a_browser_that_saves_without_end_is_slowed_down(
    browser: Client, reviewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = scenes.job_held(reviewer)
    monkeypatch.setattr("console.access.calls_in_window", lambda caller: 121)
    assert _keep(browser, job).status_code == 429
