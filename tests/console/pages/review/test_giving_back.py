"""A job that its holder does not decide: skipped, asked about, handed over; and the seat that "next" goes by."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from moderation.jobs.opening import job_open
from moderation.models import AuditEvent, Decision, Job, JobNote, Question, Reviewer
from moderation.review.leases import job_claim
from policies.live import active_policy
from tests.support import scenes
from tests.support.people import seen
from tests.support.sign_in import signed_in

HTMX = {"HX-Request": "true"}


def _back(browser: Client, name: str, job: Job, *, htmx: bool = False, **fields: Any) -> Any:
    data = {"lease_token": str(job.lease_token), **fields}
    return browser.post(reverse(name, args=[job.key]), data, headers=HTMX if htmx else None)


def _page(browser: Client, job: Job) -> str:
    return browser.get(reverse("job_page", args=[job.key])).content.decode()


# --- why this one ------------------------------------------------------------------------------------------------


def test_the_order_is_written_on_the_page_and_the_job_says_why_it_comes(browser: Client, reviewer: User) -> None:
    assert "Imminent harm first" in browser.get(reverse("queue_list")).content.decode()
    job = scenes.job_held(reviewer)
    assert "Due in 3 h, harassment: the least time left" in _page(browser, job)


def test_next_goes_to_the_most_urgent_job_whatever_its_queue(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    scenes.job_open("waits-2")
    item = scenes.item_judged("note-1")
    urgent = job_open(
        item=item, policy=active_policy(), category="self_harm", score=0.9, reason="Reported", now=timezone.now()
    )
    data = {"lease_token": str(job.lease_token), "expected_decision": seen(job.item), "outcome": "0"}
    response = browser.post(reverse("job_decide", args=[job.key]), data)
    assert response.url == reverse("job_page", args=[urgent.key])
    assert "self-harm and suicide: imminent harm goes first" in _page(browser, urgent)


# --- skip --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("htmx", [False, True])
def test_a_skipped_job_goes_to_others_and_the_next_one_comes(browser: Client, reviewer: User, htmx: bool) -> None:
    job, following = scenes.job_held(reviewer), scenes.job_open("waits-2")
    response = _back(browser, "job_skip", job, htmx=htmx, reason="language", skip_note="Dutch")
    there = reverse("job_page", args=[following.key])
    assert (response["HX-Push-Url"] if htmx else response.url) == there
    other = scenes.person("reviewer", "other")
    assert job_claim(actor=other, now=timezone.now()) == job
    assert "does not read its language. Dutch" in _page(signed_in(other), job)


def test_too_much_is_written_nowhere(browser: Client, reviewer: User) -> None:
    released, too_much = scenes.job_held(reviewer), scenes.job_open("waits-2")
    _back(browser, "job_release", released)
    claimed = job_claim(actor=reviewer, now=timezone.now())
    assert claimed == too_much
    _back(browser, "job_skip", claimed, reason="too_much", skip_note="I cannot look at this")
    rows = [
        list(
            AuditEvent.objects.filter(object_key=str(job.key))
            .order_by("pk")
            .values_list("action", "data", "actor_name")
        )
        for job in (released, too_much)
    ]
    assert rows[0] == rows[1]
    assert not JobNote.objects.exists()
    assert not Question.objects.exists()


@pytest.mark.parametrize("htmx", [False, True])
def test_a_skip_without_a_reason_keeps_what_was_typed_and_the_job(browser: Client, reviewer: User, htmx: bool) -> None:
    job = scenes.job_held(reviewer)
    response = _back(browser, "job_skip", job, htmx=htmx, reason="", skip_note="half a sentence")
    page = response.content.decode()
    assert response.status_code == 422
    assert "Choose why you skip it." in page
    assert 'value="half a sentence"' in page
    job.refresh_from_db()
    assert job.lease_holder == reviewer


def test_advice_needs_a_question(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    response = _back(browser, "job_skip", job, reason="advice")
    assert response.status_code == 422
    assert "Write what you want to know" in response.content.decode()


@pytest.mark.parametrize("name", ["job_skip", "job_ask"])
def test_a_repeat_is_told_that_the_job_is_gone(browser: Client, reviewer: User, name: str) -> None:
    job = scenes.job_held(reviewer)
    fields = {"reason": "technical", "question": "Who is meant?"}
    _back(browser, name, job, **fields)
    assert _back(browser, name, job, **fields).status_code == 409
    assert JobNote.objects.count() + Question.objects.count() == 1


@pytest.mark.parametrize("name", ["job_skip", "job_ask", "shift_end", "answer_read", "seat_save", "seat_train"])
def test_nothing_is_done_by_looking(browser: Client, reviewer: User, name: str) -> None:
    job = scenes.job_held(reviewer)
    args = [] if name in {"shift_end", "seat_save"} else [job.key]
    assert browser.get(reverse(name, args=args)).status_code == 405


def test_nobody_gives_back_what_somebody_else_holds(browser: Client) -> None:
    job = scenes.job_held(scenes.person("reviewer", "other"))
    for name in ("job_skip", "job_ask"):
        assert _back(browser, name, job, reason="language", question="x").status_code == 409
    job.refresh_from_db()
    assert job.state == "leased"


# --- ask ---------------------------------------------------------------------------------------------------------


def test_the_seniors_job_opens_with_the_question_and_the_answer_comes_back(
    browser: Client, reviewer: User, senior: User, senior_browser: Client
) -> None:
    job = scenes.job_held(reviewer)
    assert _back(browser, "job_ask", job, question="Is the person named a public figure?").url == reverse("queue_list")
    assert job_claim(actor=reviewer, now=timezone.now()) is None
    held = job_claim(actor=senior, now=timezone.now())
    assert held == job
    assert held.queue.slug == "seniors"
    assert held.due_at == job.due_at
    page = _page(senior_browser, held)
    assert f"{reviewer.username} asks" in page
    assert "Is the person named a public figure?" in page
    data = {
        "lease_token": str(held.lease_token), "expected_decision": seen(job.item, senior), "outcome": "4",
        "category": "harassment", "note": "Aimed at a private person.", "answer": "No: she has forty followers.",
    }  # fmt: skip
    assert senior_browser.post(reverse("job_decide", args=[held.key]), data).status_code == 302
    for name in ("queue_list", "home"):
        shown = browser.get(reverse(name)).content.decode()
        assert "No: she has forty followers." in shown
        assert "You asked: Is the person named a public figure?" in shown
    key = Question.objects.get().key
    assert senior_browser.post(reverse("answer_read", args=[key])).status_code == 404  # it is not theirs to put aside
    for _ in range(2):
        assert browser.post(reverse("answer_read", args=[key])).status_code == 302
    assert "forty followers" not in browser.get(reverse("queue_list")).content.decode()


def test_an_escalation_is_a_question_too_and_its_note_is_read_whole(
    browser: Client, reviewer: User, senior: User, senior_browser: Client
) -> None:
    job = scenes.job_held(reviewer)
    note = "I cannot tell who is meant, " * 6
    data = {
        "lease_token": str(job.lease_token), "expected_decision": seen(job.item), "outcome": "2", "category": "harassment",
        "note": note,
    }  # fmt: skip
    browser.post(reverse("job_decide", args=[job.key]), data)
    held = job_claim(actor=senior, now=timezone.now())
    assert held is not None
    assert held.due_at <= job.due_at  # passing it on wins no time
    assert note.strip() in _page(senior_browser, held)


def test_a_senior_who_overturns_answers_what_was_asked(reviewer: User, browser: Client, senior_browser: Client) -> None:
    job = scenes.job_held(reviewer)
    _back(browser, "job_ask", job, question="Who is meant?")
    data = {"outcome": "4", "category": "harassment", "note": "Her neighbour.", "expected_decision": seen(job.item)}
    senior_browser.post(reverse("item_overturn", args=[job.item.key]), data)
    assert "Her neighbour." in browser.get(reverse("queue_list")).content.decode()


def test_what_waits_in_the_partition_stays_there_when_somebody_asks(senior: User, senior_browser: Client) -> None:
    job = scenes.job_restricted()
    held = job_claim(actor=senior, now=timezone.now())
    assert held == job
    _back(senior_browser, "job_ask", held, question="Opaque?")
    job.refresh_from_db()
    assert (job.state, job.queue.slug) == ("open", "child-safety")
    assert job_claim(actor=scenes.person("senior", "another"), now=timezone.now()) == job


# --- raised ------------------------------------------------------------------------------------------------------


def test_a_holder_is_told_on_their_page_that_the_job_was_raised(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    url, data = reverse("job_heartbeat", args=[job.key]), {"lease_token": str(job.lease_token), "last_note": ""}
    assert browser.post(url, data).json()["news"] == ""
    job_open(
        item=job.item, policy=active_policy(), category="self_harm", score=0.9, reason="Reported by a trusted flagger",
        now=timezone.now(),
    )  # fmt: skip
    news = browser.post(url, data).json()["news"]
    assert news.startswith("Reported by a trusted flagger: now Self-harm and suicide (was Harassment)")
    assert "goes first" in news
    page = _page(browser, job)
    assert "Reported by a trusted flagger: now Self-harm" in page
    data["last_note"] = str(JobNote.objects.get().key)
    assert browser.post(url, data).json()["news"] == ""
    job.refresh_from_db()
    assert (job.state, job.lease_holder, job.queue.slug) == ("leased", reviewer, "wellbeing")


# --- hand-over ---------------------------------------------------------------------------------------------------


def test_a_shift_ends_in_one_act_with_a_note_for_the_next(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    response = browser.post(reverse("shift_end"), {"shift_note": "I saw the first half."}, follow=True)
    assert "Handed over" in response.content.decode()
    job.refresh_from_db()
    assert job.state == "open"
    assert Reviewer.objects.get(user=reviewer).at_work_at is None
    assert "You hold nothing" in browser.post(reverse("shift_end"), follow=True).content.decode()
    assert AuditEvent.objects.filter(action="shift.ended").count() == 1
    other = scenes.person("reviewer", "other")
    job_claim(actor=other, now=timezone.now())
    assert "I saw the first half." in _page(signed_in(other), job)


def test_skip_ask_and_hand_over_have_keys(browser: Client, reviewer: User) -> None:
    page = _page(browser, scenes.job_held(reviewer))
    for key in ("s", "a", "e", "r"):
        assert page.count(f'data-key="{key}"') == 1, key


# --- the seat ----------------------------------------------------------------------------------------------------


def test_a_seat_is_saved_and_next_goes_by_it(browser: Client, reviewer: User) -> None:
    scenes.job_open("english-1")
    german = scenes.job_open("german-1", language="de")
    data = {"languages": "de-AT", "opted_out": ["self_harm"], "grave_per_day": "20"}
    assert browser.post(reverse("seat_save"), data).url == reverse("seat_page")
    page = browser.get(reverse("seat_page")).content.decode()
    assert 'value="de"' in page
    assert 'value="20"' in page
    scenes.job_held(scenes.person("reviewer", "other"), "english-0")  # somebody who reads English is at work
    assert browser.post(reverse("job_claim")).url == reverse("job_page", args=[german.key])


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"languages": "german"}, "is not a language code"),
        ({"grave_per_day": "-1"}, "greater than or equal to 0"),
        ({"opted_out": ["made-up"]}, "made-up is not one of the available choices"),
    ],
)
def test_a_seat_that_makes_no_sense_comes_back(browser: Client, data: dict[str, Any], sentence: str) -> None:
    response = browser.post(reverse("seat_save"), {"languages": "", **data})
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert not Reviewer.objects.exists()


def test_what_somebody_does_not_want_is_shown_to_nobody(
    browser: Client, reviewer: User, senior_browser: Client
) -> None:
    browser.post(reverse("seat_save"), {"languages": "de", "opted_out": ["self_harm"], "grave_per_day": "3"})
    page = senior_browser.get(reverse("seat_list")).content.decode()
    assert reviewer.username in page
    assert "self_harm" not in page
    assert "self_harm" not in str(list(AuditEvent.objects.values_list("data", flat=True)))


def test_a_senior_says_what_somebody_is_trained_for(reviewer: User, senior_browser: Client, browser: Client) -> None:
    scenes.job_open()
    browser.post(reverse("seat_save"), {"languages": ""})
    key = Reviewer.objects.get(user=reviewer).key
    assert senior_browser.post(reverse("seat_train", args=[key]), {"queues": ["hate"]}).status_code == 302
    assert Reviewer.objects.get(user=reviewer).queues == ["hate"]
    assert (
        "There is no such queue"
        in senior_browser.post(reverse("seat_train", args=[key]), {"queues": ["made-up"]}, follow=True).content.decode()
    )
    assert browser.post(reverse("seat_train", args=[key]), {"queues": ["hate"]}).status_code == 403


@pytest.mark.parametrize("name", ["queue_list", "seat_page", "seat_list"])
def test_pages_need_few_queries_however_much_there_is(
    ready: None, name: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    asker, senior = scenes.person("senior"), scenes.person("senior", "another")
    scenes.question_answered(asker, senior)
    for n in range(8):
        Reviewer.objects.create(user=scenes.person("reviewer", f"r-{n}"))
    browser = signed_in(asker)
    browser.get(reverse(name))
    with django_assert_max_num_queries(12):
        browser.get(reverse(name))


def test_a_job_page_with_notes_and_questions_needs_few_queries(
    browser: Client, reviewer: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    job = scenes.job_held(reviewer)
    for n in range(6):
        JobNote.objects.create(job=job, kind="left", author=reviewer, text=f"note {n}")
        Question.objects.create(job=job, asker=reviewer, text=f"question {n}")
    _page(browser, job)
    with django_assert_max_num_queries(12):
        _page(browser, job)
    assert not Decision.objects.filter(actor=reviewer).exists()
