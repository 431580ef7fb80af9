"""What reviewers ask seniors about a job, and what comes back to them; inside the transactions of others."""

from datetime import datetime

from django.contrib.auth.models import AbstractUser

from moderation.models import Decision, Item, Job, Question
from policies.choices import Outcome


def question_ask(*, job: Job, asker: AbstractUser, text: str, now: datetime) -> Question:
    """Put a question to whoever opens a job next."""
    return Question.objects.create(job=job, asker_id=asker.pk, text=text.strip()[:2_000], created_at=now)


def questions_move(*, job: Job, to: Job) -> None:
    """Let what was asked in one job wait in another: whoever had it passed it on."""
    Question.objects.filter(job=job, answered_at__isnull=True).update(job=to)


def questions_answer(*, item: Item, actor: AbstractUser, answer: str, decision: Decision, now: datetime) -> int:
    """Answer what was asked about an item by the decision on it; return how many questions that were.

    Their own question comes back to nobody: who decides what they had asked has found out.

    Args:
        answer: in words; without any, the outcome is the answer.
    """
    words = answer.strip()[:2_000] or f"Decided: {Outcome(decision.outcome).label}."
    open_ones = Question.objects.filter(job__item=item, answered_at__isnull=True)
    open_ones.filter(asker_id=actor.pk).update(
        answer=words, answered_by=actor.pk, answered_at=now, decision=decision, seen_at=now
    )
    return open_ones.exclude(asker_id=actor.pk).update(
        answer=words, answered_by=actor.pk, answered_at=now, decision=decision
    )
