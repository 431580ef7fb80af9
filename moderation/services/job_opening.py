"""Opening and closing jobs as a consequence of decisions and reports; reviewers' own acts are in jobs.py."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Case, Value, When

from moderation.models import Item, Job, Queue
from moderation.models.review import ACTIVE_JOB_STATES, JobState
from moderation.routing import RESTRICTED_QUEUE, job_priority, route_job
from policies.compiled import CompiledPolicy, Route

#: What the holder of a job is told that was taken from them because of hard evidence.
HARD_EVIDENCE = "New hard evidence came in while you had it: a match against a bank, or a word that always counts."


def job_open(
    *,
    item: Item,
    policy: CompiledPolicy,
    category: str,
    score: float,
    reason: str,
    now: datetime,
    queue_slug: str = "",
) -> Job:
    """Open a job for an item, inside the caller's transaction with the item locked; an active one is returned as it is."""
    active = Job.objects.filter(item=item, state__in=ACTIVE_JOB_STATES).first()
    if active:
        return active
    route = route_job(policy, category=category, language=item.language, kind=item.kind, queue=queue_slug)
    return Job.objects.create(
        item=item,
        queue=queue_of(route),
        category=category,
        reason=reason[:120],
        score=score,
        created_at=now,
        priority=job_priority(score=score, route=route, created_epoch=now.timestamp()),
        due_at=now + timedelta(minutes=route.sla_minutes),
    )


def queue_of(route: Route) -> Queue:
    """Return the queue that a policy routes to; a slug that is new to the database becomes a queue, never a loss."""
    queue, _ = Queue.objects.get_or_create(
        slug=route.queue,
        defaults={
            "title": route.queue.replace("-", " ").capitalize(),
            "severity": route.severity,
            "sla_minutes": route.sla_minutes,
            "is_restricted": route.queue == RESTRICTED_QUEUE,
        },
    )
    return queue


def job_close(*, item: Item, now: datetime, even_leased: bool = False, why: str = "") -> int:
    """Close the item's job because it needs no person any more; return how many were closed.

    Args:
        even_leased: also take it from the reviewer who works on it, because what they see has been overtaken; their
            decision is then refused. Otherwise a leased job stays with its holder.
        why: what its holder is told then, a sentence of at most 200 characters that tells nothing of the restricted
            partition; empty for a general one.
    """
    return jobs_close(items=[item], now=now, even_leased=even_leased, why=why)


def jobs_close(*, items: Sequence[Item], now: datetime, even_leased: bool = False, why: str = "") -> int:
    """Close the jobs of items, as `job_close` does. The database notes from whom a leased one was taken."""
    states = ACTIVE_JOB_STATES if even_leased else (JobState.OPEN,)
    return Job.objects.filter(item__in=items, state__in=states).update(
        state=JobState.CLOSED,
        closed_at=now,
        taken_why=Case(When(state=JobState.LEASED, then=Value(why[:200])), default=Value("")),
        lease_holder=None,
        lease_token=None,
        lease_expires_at=None,
    )
