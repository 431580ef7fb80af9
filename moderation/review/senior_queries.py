"""Reads for seniors: open questions, overturned decisions, and jobs that have waited too long. As far as one may know of them."""

from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractUser
from django.db.models import Q, QuerySet

from moderation.items.visibility import decisions_visible, jobs_visible
from moderation.models import Decision, Job, Question
from moderation.models.decision import DecisionStage
from moderation.models.review import ACTIVE_JOB_STATES, JobState

#: Overturned decisions that are listed are at most so old.
OVERTURN_DAYS = 7
#: A job that was given out so often and is open again is one that people give back.
_OFTEN = 3
_MOST = 12


def questions_open(user: AbstractUser) -> QuerySet[Question]:
    """Return the questions that nobody has answered and whose job is open, the oldest first."""
    jobs = jobs_visible(user).filter(state__in=ACTIVE_JOB_STATES)
    asked = Question.objects.filter(answered_at__isnull=True, job__in=jobs).exclude(asker_id=user.pk)
    return asked.select_related("asker", "job__queue", "job__item").order_by("created_at")[:_MOST]


def overturns_lately(user: AbstractUser, now: datetime) -> QuerySet[Decision]:
    """Return the decisions of the last days that a senior made over an earlier one, the newest first."""
    since = now - timedelta(days=OVERTURN_DAYS)
    made = decisions_visible(user).filter(stage=DecisionStage.SENIOR, supersedes__isnull=False, created_at__gte=since)
    return (
        made.select_related("item", "actor", "supersedes__actor").defer("evidence", "reasons").order_by("-pk")[:_MOST]
    )


def jobs_aged(user: AbstractUser, now: datetime) -> QuerySet[Job]:
    """Return the open jobs that are overdue, or that were given back again and again, those due first first."""
    late = Q(due_at__lt=now) | Q(n_leases__gte=_OFTEN)
    jobs = jobs_visible(user).filter(late, state=JobState.OPEN)
    return jobs.select_related("queue", "item").order_by("due_at", "pk")[:_MOST]
