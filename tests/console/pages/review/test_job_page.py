"""The job page and what its reviewer can do there, with and without htmx."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from moderation.models import Decision, Job
from moderation.review.leases import job_claim, job_decide
from policies.choices import ItemKind, Outcome
from tests.support import scenes
from tests.support.people import seen
from tests.support.sign_in import signed_in

HTMX = {"HX-Request": "true"}


def _decide(browser: Client, job: Job, *, htmx: bool = False, **fields: Any) -> HttpResponse:
    data = {"lease_token": str(job.lease_token), "expected_decision": seen(job.item), "outcome": "0", **fields}
    return browser.post(reverse("job_decide", args=[job.key]), data, headers=HTMX if htmx else None)


BLOCK = {"outcome": str(int(Outcome.BLOCK)), "category": "harassment", "note": "Aimed at a private person."}


def test_it_shows_evidence_with_score_against_threshold(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    page = browser.get(reverse("job_page", args=[job.key])).content.decode()
    assert "over 0.65 (escalate)" in page
    assert "0.70" in page
    assert '<mark title="Harassment">nobody likes you</mark>' in page
    assert "Insults aimed at a person" in page


def test_it_says_which_detectors_are_missing_and_why(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer, findings=[], missing=[scenes.Missing("history", "late")])
    page = browser.get(reverse("job_page", args=[job.key])).content.decode()
    assert "“Creator’s record” gave no answer, so a machine may not clear it" in page
    assert "it did not answer in time" in page


def test_media_are_veiled_until_asked(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer, kind=ItemKind.VIDEO, media=scenes.stored(b"clip" * 99), duration_ms=4_000)
    page = browser.get(reverse("job_page", args=[job.key])).content.decode()
    assert "<video" in page
    assert " muted " in page
    assert 'class="show-sharp"' in page
    assert "checked" not in page.split('class="toggles"')[1].split("</fieldset>")[0]


def test_claiming_leads_to_the_job(browser: Client) -> None:
    job = scenes.job_open()
    response = browser.post(reverse("job_claim"))
    assert response.url == reverse("job_page", args=[job.key])
    assert browser.get(response.url).status_code == 200


def test_claiming_from_one_queue_takes_from_that_queue(browser: Client) -> None:
    scenes.job_open("other-1", findings=[], missing=[scenes.Missing("history", "late")])
    job = scenes.job_open("hate-1")
    response = browser.post(reverse("job_claim"), {"queue": "hate"})
    assert response.url == reverse("job_page", args=[job.key])


def test_claiming_with_nothing_to_do_says_so(browser: Client) -> None:
    response = browser.post(reverse("job_claim"), follow=True)
    assert "Nothing waits there right now" in response.content.decode()


def test_a_plain_decision_leads_to_the_next_job(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    following = scenes.job_open("waits-2")
    response = _decide(browser, job, **BLOCK)
    assert response.status_code == 302
    assert response.url == reverse("job_page", args=[following.key])
    decision = Decision.objects.get(job=job)
    assert (decision.outcome, decision.actor, decision.item.state) == (Outcome.BLOCK, reviewer, "blocked")


def test_an_htmx_decision_brings_the_next_job_in_place(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    following = scenes.job_open("waits-2")
    response = _decide(browser, job, htmx=True)
    page = response.content.decode()
    assert response["HX-Push-Url"] == reverse("job_page", args=[following.key])
    assert page.lstrip().startswith('<div id="job"')
    assert "waits-2" in page
    assert "Decided waits-1." in page


def test_after_the_last_job_the_queues_come_back(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    assert _decide(browser, job, htmx=True)["HX-Redirect"] == reverse("queue_list")
    assert "is empty" in browser.get(reverse("queue_list")).content.decode()


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"outcome": ""}, "Choose an outcome."),
        ({"outcome": "3"}, "Select a valid choice"),
        ({"outcome": "4", "category": "", "note": "why"}, "Choose the policy"),
        ({"outcome": "4", "category": "harassment", "note": "  "}, "Say in a sentence why"),
        ({"outcome": "4", "category": "made-up", "note": "why"}, "Choose the policy"),
        ({"outcome": "1", "category": "harassment", "note": "why"}, "Choose a minimum age or countries"),
        ({"outcome": "1", "category": "harassment", "note": "why", "min_age": "17"}, "minimum age"),
        ({"outcome": "1", "category": "harassment", "note": "why", "territories": "D1"}, "not a country code"),
    ],
)
def test_an_incomplete_decision_comes_back_with_the_form(
    browser: Client, reviewer: User, fields: dict[str, str], sentence: str, htmx: bool
) -> None:
    job = scenes.job_held(reviewer)
    response = _decide(browser, job, htmx=htmx, **fields)
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert ("<html" in response.content.decode()) is not htmx
    assert not Decision.objects.filter(actor=reviewer).exists()


def test_a_restriction_carries_age_and_countries(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    fields = {"outcome": "1", "category": "harassment", "note": "mild", "min_age": "16", "territories": "de, fr"}
    assert _decide(browser, job, **fields).status_code == 302
    decision = Decision.objects.get(job=job)
    assert (decision.min_age, decision.territories_blocked) == (16, ["DE", "FR"])


def test_escalating_hands_it_to_the_seniors(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    _decide(browser, job, outcome="2", category="harassment", note="unsure who is meant")
    assert Job.objects.filter(item=job.item, state="open", queue__slug="seniors").exists()


def test_the_seniors_queue_is_seen_by_all_and_worked_on_by_seniors(
    browser: Client, reviewer: User, senior_browser: Client
) -> None:
    job = scenes.job_held(reviewer)
    _decide(browser, job, outcome="2", category="harassment", note="unsure who is meant")
    assert "for seniors" in browser.get(reverse("queue_list")).content.decode()
    assert browser.post(reverse("job_claim"), {"queue": "seniors"}).status_code == 403
    assert browser.post(reverse("job_claim")).url == reverse("queue_list")
    assert "/jobs/" in senior_browser.post(reverse("job_claim"), {"queue": "seniors"}).url


def test_a_second_submit_records_nothing_and_says_so(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    _decide(browser, job, **BLOCK)
    again = _decide(browser, job, htmx=True, **BLOCK)
    assert again.status_code == 409
    assert "You have decided this job" in again.content.decode()
    assert Decision.objects.filter(item=job.item, actor=reviewer).count() == 1


@pytest.mark.parametrize("htmx", [False, True])
def test_a_lost_lease_is_explained_and_records_nothing(browser: Client, reviewer: User, htmx: bool) -> None:
    job = scenes.job_held(reviewer)
    scenes.lease_over(job)
    response = _decide(browser, job, htmx=htmx, **BLOCK)
    assert response.status_code == 409
    assert "A claim runs out after ten minutes" in response.content.decode()
    assert not Decision.objects.filter(actor=reviewer).exists()


def test_an_older_tab_is_sent_to_the_newer_claim(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    response = browser.post(
        reverse("job_decide", args=[job.key]), {"outcome": "0", "lease_token": "00000000-0000-0000-0000-000000000001"}
    )
    assert response.status_code == 409
    assert "Open the job as it is now" in response.content.decode()


def test_an_outsider_sees_whose_turn_it_is_but_not_the_job(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(scenes.person("reviewer", "other"))
    response = browser.get(reverse("job_page", args=[job.key]))
    assert response.status_code == 403
    page = response.content.decode()
    assert "Another reviewer has this job" in page
    assert "nobody likes you" not in page
    assert _decide(browser, job, lease_token=str(job.lease_token)).status_code == 409
    assert not Decision.objects.filter(actor=reviewer).exists()


def test_somebody_elses_decision_is_told(browser: Client, reviewer: User) -> None:
    other = scenes.person("reviewer", "other")
    job = scenes.job_held(other)
    token = str(job.lease_token)
    job_decide(
        actor=other, job_key=str(job.key), lease_token=token, outcome=Outcome.CLEAR, category="", note="", min_age=0,
        territories=[], now=timezone.now(), expected_decision=seen(job.item),
    )  # fmt: skip
    assert "Somebody else has decided this job" in browser.get(reverse("job_page", args=[job.key])).content.decode()


def test_giving_a_job_back_opens_it_again(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    browser.post(reverse("job_release", args=[job.key]), {"lease_token": str(job.lease_token)})
    job.refresh_from_db()
    assert job.state == "open"
    assert browser.post(reverse("job_release", args=[job.key]), {"lease_token": "x"}).status_code == 409


def test_a_heartbeat_extends_the_lease_and_ends_with_it(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    Job.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() + timedelta(seconds=30))
    url, data = reverse("job_heartbeat", args=[job.key]), {"lease_token": str(job.lease_token)}
    assert browser.post(url, data).status_code == 200
    job.refresh_from_db()
    assert job.lease_expires_at is not None
    assert job.lease_expires_at > timezone.now() + timedelta(minutes=5)
    scenes.lease_over(job)
    assert browser.post(url, data).status_code == 409


def test_restricted_jobs_do_not_exist_for_others(browser: Client) -> None:
    job = scenes.job_restricted()
    for name, method in (
        ("job_page", "get"),
        ("job_decide", "post"),
        ("job_release", "post"),
        ("job_heartbeat", "post"),
    ):
        assert getattr(browser, method)(reverse(name, args=[job.key])).status_code == 404, name
    assert browser.post(reverse("job_claim"), {"queue": "child-safety"}).status_code == 404
    browser.post(reverse("job_claim"))
    job.refresh_from_db()
    assert job.state == "open"
    page = browser.get(reverse("queue_list")).content.decode()
    assert "Child safety" not in page
    assert "0 open" in page


def test_restricted_jobs_show_no_media_to_those_who_may(senior: User, senior_browser: Client) -> None:
    job = scenes.job_restricted()
    media = scenes.stored(b"opaque" * 50, mime="image/png")
    Job.objects.filter(pk=job.pk).update(item=scenes.item_judged("opaque-2", kind=ItemKind.IMAGE, media=media).pk)
    claimed = job_claim(actor=senior, now=timezone.now())
    assert claimed is not None
    page = senior_browser.get(reverse("job_page", args=[claimed.key])).content.decode()
    assert "Media are not shown in this partition" in page
    assert "/media/" not in page


def test_a_creators_restricted_items_are_not_told(browser: Client, reviewer: User) -> None:
    scenes.job_restricted("opaque-3")
    job = scenes.job_held(reviewer, creator="creator-9")
    assert "opaque-3" not in browser.get(reverse("job_page", args=[job.key])).content.decode()


def test_the_page_needs_few_queries_however_much_there_is(
    browser: Client, reviewer: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    job = scenes.job_held(reviewer)
    for n in range(12):
        scenes.item_judged(f"earlier-{n}")
    browser.get(reverse("job_page", args=[job.key]))
    with django_assert_max_num_queries(12):
        browser.get(reverse("job_page", args=[job.key]))


def test_one_press_is_one_request_for_everybody(reviewer: User, ready: None) -> None:
    scenes.job_open()
    first, second = signed_in(reviewer), signed_in(reviewer)
    assert first.post(reverse("job_claim")).url == second.post(reverse("job_claim")).url
