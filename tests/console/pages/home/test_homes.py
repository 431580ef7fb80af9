"""A home for every role: what each sees first, in few queries, and nothing that is not theirs."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.pages.home.views import HOMES
from moderation.jobs.questions import question_ask
from moderation.models import EmergencyTerm, Job, Queue
from tests.support import scenes
from tests.support.query_counts import fewest_queries
from tests.support.sign_in import signed_in


def words(response: Any) -> str:
    """Return what a page says, without its tags and with single spaces."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def _home(role: str, tab: str = "") -> str:
    return words(_client(role).get("/", {"as": tab} if tab else {}))


def _client(role: str) -> Client:
    known = User.objects.filter(username=f"{role}-1").first()
    return signed_in(known or scenes.person(role))


@pytest.mark.parametrize(
    ("role", "first"),
    [
        ("reviewer", "What waits for you"),
        ("senior", "Questions to you"),
        ("policy-editor", "Versions that wait for approval"),
        ("policy-approver", "Versions that wait for approval"),
        ("analyst", "Saved simulations"),
        ("admin", "API keys that work"),
    ],
)
def test_each_role_sees_its_own_home_first(ready: None, role: str, first: str) -> None:
    assert first in _home(role)


@pytest.mark.parametrize("tab", [home.slug for home in HOMES])
def test_every_home_needs_few_queries_however_much_waits(ready: None, tab: str) -> None:
    for n in range(4):
        scenes.job_open(f"waits-{n}")
    client = _client("admin")
    assert len(fewest_queries(lambda: client.get("/", {"as": tab}), 12)) <= 12


@pytest.mark.parametrize("role", ["reviewer", "analyst", "policy-editor"])
def test_a_home_of_another_role_is_not_shown_to_who_asks_for_it(ready: None, role: str) -> None:
    own = _home(role)
    assert _home(role, "lead") == own
    assert _home(role, "admin") == own


def test_a_lead_sees_when_each_queue_is_overdue_and_who_is_on_what_and_no_league(ready: None) -> None:
    job = scenes.job_held(scenes.person("reviewer", "rita"))
    page = _home("senior", "lead")
    assert job.queue.title in page
    assert "rita" in page
    assert "First overdue at this pace" in page
    assert "How computed" in page


def test_a_lead_moves_jobs_and_they_keep_their_due_time(ready: None) -> None:
    job = scenes.job_open()
    Queue.objects.create(slug="overflow", title="Overflow")
    data = {"source": job.queue.slug, "target": "overflow", "n": "5"}
    assert "1 job moved" in words(_client("senior").post(reverse("lead_move"), data, follow=True))
    moved = Job.objects.get(pk=job.pk)
    assert (moved.queue.slug, moved.due_at, moved.state) == ("overflow", job.due_at, "open")


def test_jobs_of_the_partition_and_those_that_somebody_holds_are_not_moved(ready: None) -> None:
    held, hidden = scenes.job_held(scenes.person("reviewer", "rita")), scenes.job_restricted()
    Queue.objects.create(slug="overflow", title="Overflow")
    senior = _client("senior")
    for source, target in (
        (held.queue.slug, "overflow"),
        (hidden.queue.slug, "overflow"),
        ("overflow", hidden.queue.slug),
    ):
        senior.post(reverse("lead_move"), {"source": source, "target": target, "n": "5"})
    assert list(Queue.objects.get(slug="overflow").jobs.all()) == []


def test_a_senior_sees_questions_to_them_and_jobs_that_waited_too_long(ready: None) -> None:
    job = scenes.job_open()
    past = timezone.now() - timedelta(hours=2)
    Job.objects.filter(pk=job.pk).update(claim_by=past, due_at=past)
    question_ask(job=job, asker=scenes.person("reviewer", "rita"), text="Is this a quote?", now=timezone.now())
    page = _home("senior")
    assert "Is this a quote?" in page
    assert job.item.external_id in page


def test_what_is_hidden_is_on_no_home_of_who_may_not_know_of_it(ready: None) -> None:
    job = scenes.job_restricted()
    for role in ("reviewer", "analyst", "policy-editor", "policy-approver"):
        assert job.item.external_id not in _home(role)


def test_policy_people_see_terms_that_end(ready: None) -> None:
    editor = _client("policy-editor")
    editor.post(
        reverse("emergency_add"),
        {"text": "purple zeppelin", "category": "hate", "outcome": "4", "note": "A wave since noon."},
    )
    assert EmergencyTerm.objects.get().is_open
    page = _home("policy-approver")
    assert "purple zeppelin" in page
    assert "unless confirmed" in page


def test_administrators_see_people_and_what_is_usable(ready: None) -> None:
    scenes.person("", "newcomer")
    page = _home("admin")
    assert "1 without a role" in page
    assert "Queue of tasks" in page
    assert "usable" in page
