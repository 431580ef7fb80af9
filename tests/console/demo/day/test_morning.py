"""The hours before the start, through the services: a question answered, a decision changed kindly, a breach narrowly avoided."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from console.demo.catalogue import PREFIX, uploads
from console.demo.day import cast
from console.demo.day.morning import KIND_NOTE, MORNING, morning_live
from moderation.models import AuditEvent, CreatorAct, Decision, Item, Job, JobNote, Question
from moderation.models.decision import DecisionStage
from moderation.models.enforcement import ActKind
from moderation.models.review import JobState
from moderation.review.feedback import overturns_unread
from moderation.review.lead_calls import lead_calls_open
from moderation.review.queries import answers_back

pytestmark = pytest.mark.usefixtures("people")


@pytest.fixture
def lived(tmp_path: Path) -> None:
    """Let the whole morning happen."""
    now = timezone.now()
    cast.seats_take(now)
    morning_live(uploads=uploads(tmp_path), now=now, seen=lambda n, of: None)


def job_of(slug: str, *, state: str = JobState.DECIDED) -> Job:
    return Job.objects.filter(item__external_id=PREFIX + slug, state=state).order_by("pk")[0]


def test_the_morning_is_full_and_a_repeat_changes_nothing(lived: None, tmp_path: Path) -> None:
    assert Item.objects.count() == len(MORNING)
    assert Decision.objects.filter(stage=DecisionStage.REVIEW).count() >= 10
    assert not Job.objects.filter(state=JobState.LEASED).exists()
    before = Decision.objects.count(), Job.objects.count(), JobNote.objects.count(), Question.objects.count()
    morning_live(uploads=uploads(tmp_path), now=timezone.now(), seen=lambda n, of: None)
    after = Decision.objects.count(), Job.objects.count(), JobNote.objects.count(), Question.objects.count()
    assert after == before


def test_times_run_one_way_and_lie_in_the_past(lived: None) -> None:
    now = timezone.now()
    for job in Job.objects.filter(state=JobState.DECIDED).select_related("item"):
        assert job.claimed_at
        assert job.decided_at
        assert job.item.created_at <= job.created_at <= job.claimed_at <= job.decided_at < now
        assert job.n_leases <= 2


def test_a_job_was_decided_minutes_before_it_was_due(lived: None) -> None:
    job = job_of("text-091")
    assert job.decided_at
    assert timedelta(0) < job.due_at - job.decided_at < timedelta(minutes=4)


def test_the_reviewers_question_was_answered_and_waits_to_be_read(lived: None) -> None:
    [answer] = answers_back(User.objects.get(username="reviewer"))
    assert answer.job.item.external_id == "demo-text-107"
    assert answer.answered_by == User.objects.get(username="senior")
    assert "not hate" in answer.answer


def test_a_senior_changed_a_decision_of_the_reviewers_and_says_why_kindly(lived: None) -> None:
    decision = Decision.objects.get(item__external_id="demo-text-102", stage=DecisionStage.SENIOR)
    assert decision.note == KIND_NOTE.note
    assert decision.supersedes
    assert decision.supersedes.actor == User.objects.get(username="reviewer")


def test_a_question_waits_for_seniors_and_a_note_for_the_next_holder(lived: None) -> None:
    assert Question.objects.filter(answered_at=None, asker__username="reviewer2").exists()
    assert JobNote.objects.filter(author__username="lead", job__state=JobState.OPEN).exists()
    assert AuditEvent.objects.filter(action="shift.ended", actor__username="lead").exists()


def test_somebody_who_may_be_in_danger_got_a_help_message_and_the_lead_a_call(lived: None) -> None:
    act = CreatorAct.objects.get(kind=ActKind.HELP)
    assert (act.item.external_id, act.clause) == ("demo-text-089", "self-harm-help")
    [call] = lead_calls_open(User.objects.get(username="lead"))
    assert call.caller == User.objects.get(username="reviewer")


def test_a_changed_decision_waits_to_be_read_by_whom_it_concerns(lived: None) -> None:
    [overturn] = overturns_unread(User.objects.get(username="reviewer"))
    assert overturn.decision.item.external_id == "demo-text-102"
