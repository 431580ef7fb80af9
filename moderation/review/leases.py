"""Jobs and their leases: opened by decisions, claimed by one reviewer at a time, given back when a lease ends."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction

from moderation.audit.log import audit_write
from moderation.decisions.locking import item_locked
from moderation.decisions.record import PersonVerdict, decision_by_person
from moderation.exceptions import LeaseLost
from moderation.items.visibility import may_know
from moderation.jobs.opening import job_close, job_escalate
from moderation.models import Decision, Item, Job
from moderation.models.decision import DecisionStage
from moderation.models.review import JobState
from policies.choices import SENIOR_QUEUE, Outcome
from policies.live import active_policy

#: Asked before every claim; building this query would cost more than running it.
_HELD = "SELECT id, lease_expires_at FROM moderation_job WHERE lease_holder_id = %s AND state = 'leased'"
#: The claim, as one statement: of the best open job of each queue that nobody else is picking, lease the best.
_CLAIM = """
UPDATE moderation_job SET state = 'leased', lease_holder_id = %(actor)s, lease_token = %(token)s,
       lease_expires_at = %(expires)s, n_leases = n_leases + 1
WHERE id = (
    SELECT j.id FROM moderation_queue q
    CROSS JOIN LATERAL (
        SELECT id, priority FROM moderation_job
        WHERE queue_id = q.id AND state = 'open' AND (%(may_restricted)s OR NOT EXISTS (
            SELECT 1 FROM moderation_item i WHERE i.id = item_id AND i.is_restricted
        ))
        ORDER BY priority DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED
    ) AS j
    WHERE (%(may_restricted)s OR NOT q.is_restricted)
      AND (%(any_queue)s OR q.slug = ANY(%(slugs)s)) AND (%(is_senior)s OR q.slug <> %(seniors)s)
    ORDER BY j.priority DESC, j.id LIMIT 1
)
RETURNING moderation_job.*, (SELECT slug FROM moderation_queue q WHERE q.id = queue_id) AS queue_slug
"""


def job_claim(*, actor: User, queue_slugs: Sequence[str] | None = None, now: datetime) -> Job | None:
    """Lease the best open job to the actor, or return the one they hold already; None when there is nothing to do.

    1. a live lease of the actor's own is returned again (a second tab, a repeated click),
    2. one UPDATE picks and leases with SKIP LOCKED: two claims never win the same job,
    3. two claims of the same person at once: the database allows one lease each, the loser gets the winner's job.

    Raises:
        PermissionDenied: the actor may not review.
    """
    if not actor.has_perm("moderation.review_jobs"):
        raise PermissionDenied("Only reviewers claim jobs.")
    for held in Job.objects.raw(_HELD, [actor.pk]):  # at most one: the database allows no second
        if held.lease_expires_at and held.lease_expires_at > now:
            return job_held(actor)
        leases_expire(now=now, holder=actor)
    try:
        with transaction.atomic():
            return _claim(actor, queue_slugs, now)
    except IntegrityError:
        return job_held(actor)


def _claim(actor: User, queue_slugs: Sequence[str] | None, now: datetime) -> Job | None:
    parameters = {
        "actor": actor.pk,
        "token": uuid.uuid4(),
        "expires": now + timedelta(seconds=settings.LEASE_SECONDS),
        "slugs": list(queue_slugs or ()),
        "any_queue": queue_slugs is None,
        "may_restricted": may_know(actor),
        "is_senior": actor.has_perm("moderation.overturn_decisions"),
        "seniors": SENIOR_QUEUE,
    }
    job = next(iter(Job.objects.raw(_CLAIM, parameters)), None)
    if job:
        slug = getattr(job, "queue_slug", "")
        audit_write(actor=actor, action="job.claimed", object_type="job", object_key=job.key, queue=slug)
    return job


def job_held(actor: User) -> Job | None:
    """Return the job that the actor holds a lease on, live or just over."""
    return Job.objects.select_related("queue", "item").filter(lease_holder=actor, state=JobState.LEASED).first()


def _job_under_lease(job_key: str, actor: User, token: str, now: datetime) -> Job:
    """Lock the actor's leased job.

    Raises:
        LeaseLost: the lease is over or is not theirs.
    """
    job = Job.objects.select_for_update(of=("self",)).select_related("queue").filter(key=job_key).first()
    live = job is not None and job.state == JobState.LEASED and job.lease_holder_id == actor.pk
    if not (
        job and live and str(job.lease_token) == str(token) and job.lease_expires_at and job.lease_expires_at > now
    ):
        raise LeaseLost(_why_lost(job, actor))
    return job


def _why_lost(job: Job | None, actor: User) -> str:
    """Return what a person is told who does not hold a job (any more)."""
    if job is not None and job.taken_from_id == actor.pk:
        return f"{job.taken_why} Nothing from you was recorded."
    return "Your claim on this job is over, so it went back to its queue. Claim the next one."


@transaction.atomic
def job_heartbeat(*, actor: User, job_key: str, lease_token: str, now: datetime) -> datetime:
    """Extend a live lease and return its new end.

    Raises:
        LeaseLost: it ended before.
    """
    job = _job_under_lease(job_key, actor, lease_token, now)
    job.lease_expires_at = now + timedelta(seconds=settings.LEASE_SECONDS)
    job.save(update_fields=["lease_expires_at"])
    return job.lease_expires_at


@transaction.atomic
def job_release(*, actor: User, job_key: str, lease_token: str, now: datetime) -> Job:
    """Give a job back undecided.

    Raises:
        LeaseLost: it is not the actor's any more.
    """
    job = _job_under_lease(job_key, actor, lease_token, now)
    _unlease(job, JobState.OPEN)
    job.save()
    audit_write(actor=actor, action="job.released", object_type="job", object_key=job.key)
    return job


def _unlease(job: Job, state: JobState) -> None:
    job.state = state
    job.lease_holder, job.lease_token, job.lease_expires_at = None, None, None


@transaction.atomic
def leases_expire(*, now: datetime, holder: User | None = None) -> int:
    """Give jobs back whose lease is over, however often that happens; return how many.

    Concurrency: the jobs are locked and looked at again once they are, so a heartbeat that came first wins.
    """
    over = Job.objects.filter(state=JobState.LEASED, lease_expires_at__lte=now)
    if holder is not None:
        over = over.filter(lease_holder=holder)
    jobs = list(over.select_for_update(of=("self",), no_key=True).select_related("lease_holder").order_by("pk"))
    Job.objects.filter(pk__in=[job.pk for job in jobs]).update(
        state=JobState.OPEN, lease_holder=None, lease_token=None, lease_expires_at=None
    )
    for job in jobs:
        holder_name = job.lease_holder.get_username() if job.lease_holder else ""
        audit_write(
            actor="system", action="job.lease_expired", object_type="job", object_key=job.key, holder=holder_name
        )
    return len(jobs)


@transaction.atomic
def job_decide(
    *,
    actor: User,
    job_key: str,
    lease_token: str,
    expected_decision: str,
    outcome: Outcome,
    category: str,
    note: str,
    min_age: int,
    territories: Sequence[str],
    now: datetime,
) -> Decision:
    """Decide the item of a job that the actor holds.

    1. lock the item, then the job (the order every writer keeps), and check the lease,
    2. check that what the reviewer's page showed still stands, and record the decision; the item's state and clearance
       follow in the same transaction,
    3. end the job; ESCALATE opens another for seniors,
    4. audit.

    Args:
        expected_decision: token of the `Basis` that the reviewer's page was made from.
        outcome: CLEAR, RESTRICT, BLOCK, or ESCALATE to a senior.
        category: slug of the policy it rests on; required but for CLEAR, as is the note.

    Raises:
        PermissionDenied, LeaseLost, DecisionChanged, DecisionInvalid, ItemNotOpen.
    """
    if not actor.has_perm("moderation.review_jobs"):
        raise PermissionDenied("Only reviewers decide jobs.")
    item = _item_of(job_key)
    job = _job_under_lease(job_key, actor, lease_token, now)
    decision = decision_by_person(
        actor=actor,
        item=item,
        expected_decision=expected_decision,
        verdict=PersonVerdict(outcome, category, note, min_age, tuple(territories)),
        stage=DecisionStage.REVIEW,
        now=now,
    )
    _end(job, decision, now)
    if job.is_unconfirmed and outcome == Outcome.BLOCK:
        job_close(item=item, now=now)  # what else waited for a person has been answered by it
    if outcome == Outcome.ESCALATE:
        job_escalate(item=item, policy=active_policy(), category=category, note=note, score=job.score, now=now)
    audit_write(
        actor=actor,
        action="job.decided",
        object_type="job",
        object_key=job.key,
        outcome=outcome.name,
        category=category,
        item=item.external_id,
    )
    return decision


def _item_of(job_key: str) -> Item:
    try:
        return item_locked(jobs__key=job_key)
    except Item.DoesNotExist:
        raise LeaseLost("There is no such job.") from None


def _end(job: Job, decision: Decision, now: datetime) -> None:
    _unlease(job, JobState.DECIDED)
    job.decision, job.closed_at = decision, now
    job.save()
