"""Leases of jobs: claimed by one reviewer at a time, given back when a lease ends."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import AbstractUser, User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction

from moderation.audit.log import audit_write
from moderation.decisions.record import PersonVerdict, decision_by_person
from moderation.jobs.opening import job_close, job_escalate
from moderation.jobs.questions import question_ask, questions_answer, questions_move
from moderation.models import Decision, Item, Job
from moderation.models.decision import DecisionStage
from moderation.models.review import JobState
from moderation.review.drafts import drafts_settle
from moderation.review.held import item_under_lease, job_give_back, job_under_lease, unlease
from moderation.review.next_job import Seat, job_pick, seat_of
from policies.choices import Outcome
from policies.live import active_policy


def job_claim(*, actor: User, queue_slugs: Sequence[str] | None = None, now: datetime) -> Job | None:
    """Lease the best open job to the actor, or return the one they hold already; None when there is nothing to do.

    1. a live lease of the actor's own is returned again (a second tab, a repeated click),
    2. one statement picks and leases, in the order of `verdict.job_order`: two claims never win the same job,
    3. two claims of the same person at once: the database allows one lease each, the loser gets the winner's job.

    Raises:
        PermissionDenied: the actor may not review.
    """
    if not actor.has_perm("moderation.review_jobs"):
        raise PermissionDenied("Only reviewers claim jobs.")
    seat = seat_of(actor, now)
    if seat.held:  # at most one: the database allows no second
        if seat.held_until and seat.held_until > now:
            return job_held(actor)
        leases_expire(now=now, holder=actor)
    try:
        with transaction.atomic():
            return _claim(actor, seat, queue_slugs, now)
    except IntegrityError:
        return job_held(actor)


def _claim(actor: User, seat: Seat, queue_slugs: Sequence[str] | None, now: datetime) -> Job | None:
    job = job_pick(actor, seat, queue_slugs, now)
    if job:
        slug = getattr(job, "queue_slug", "")
        audit_write(actor=actor, action="job.claimed", object_type="job", object_key=job.key, queue=slug)
    return job


def job_held(actor: User) -> Job | None:
    """Return the job that the actor holds a lease on, live or just over."""
    return Job.objects.select_related("queue", "item").filter(lease_holder=actor, state=JobState.LEASED).first()


@transaction.atomic
def job_heartbeat(*, actor: User, job_key: str, lease_token: str, now: datetime) -> datetime:
    """Extend a live lease and return its new end.

    Raises:
        LeaseLost: it ended before.
    """
    job = job_under_lease(job_key, actor, lease_token, now)
    job.lease_expires_at = now + timedelta(seconds=settings.LEASE_SECONDS)
    job.save(update_fields=["lease_expires_at"])
    return job.lease_expires_at


@transaction.atomic
def job_release(*, actor: User, job_key: str, lease_token: str, now: datetime) -> Job:
    """Give a job back undecided, without a word; it is not the actor's again before somebody else had it.

    Raises:
        LeaseLost: it is not the actor's any more.
    """
    job = job_under_lease(job_key, actor, lease_token, now)
    job_give_back(job=job, actor=actor, now=now)
    return job


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
    answer: str = "",
    span: tuple[int, int] | None = None,
    clause: str = "",
) -> Decision:
    """Decide the item of a job that the actor holds.

    1. lock the item, then the job (the order every writer keeps), and check the lease,
    2. check that what the reviewer's page showed still stands, and record the decision; the item's state and clearance
       follow in the same transaction,
    3. end the job, drop the actor's drafts and answer what was asked in it; ESCALATE opens another for seniors, with the note
       as its question,
    4. audit.

    Args:
        expected_decision: token of the `Basis` that the reviewer's page was made from.
        outcome: CLEAR, RESTRICT, BLOCK, or ESCALATE to a senior.
        category: slug of the policy it rests on; required but for CLEAR, as is the note.
        clause: key of the clause of the version in force that it rests on; empty where none is named.
        answer: to whoever asked about the job; without one they are told the note.
        span: the part of the clip that breaks the rule, in ms.

    Raises:
        PermissionDenied, LeaseLost, DecisionChanged, DecisionInvalid, ItemNotOpen.
    """
    if not actor.has_perm("moderation.review_jobs"):
        raise PermissionDenied("Only reviewers decide jobs.")
    item = item_under_lease(job_key)
    job = job_under_lease(job_key, actor, lease_token, now)
    verdict = PersonVerdict(outcome, category, note, min_age, tuple(territories), span, clause)
    return job_end(
        actor=actor, job=job, item=item, expected_decision=expected_decision, verdict=verdict, answer=answer, now=now
    )


def job_end(
    *,
    actor: AbstractUser,
    job: Job,
    item: Item,
    expected_decision: str,
    verdict: PersonVerdict,
    answer: str,
    now: datetime,
    decided_at: datetime | None = None,
) -> Decision:
    """Record a decision on a job and end it: steps 2 to 4 of `job_decide`, inside the transaction that locked item and job.

    Args:
        decided_at: when the person decided; now, unless it waited.

    Raises:
        DecisionChanged, DecisionInvalid, ItemNotOpen: as `decision_by_person`.
    """
    decision = decision_by_person(
        actor=actor,
        item=item,
        expected_decision=expected_decision,
        verdict=verdict,
        stage=DecisionStage.REVIEW,
        now=now,
    )
    unlease(job, JobState.DECIDED)
    job.decision, job.closed_at, job.decided_at = decision, now, decided_at or now
    job.save()
    drafts_settle(actor=actor, item=item)
    outcome, note = verdict.outcome, verdict.note
    if job.is_unconfirmed and outcome == Outcome.BLOCK:
        job_close(item=item, now=now)  # what else waited for a person has been answered by it
    if outcome == Outcome.ESCALATE:
        seniors = job_escalate(
            item=item,
            policy=active_policy(),
            category=verdict.category,
            note=note,
            score=job.score,
            due_by=job.due_at,
            now=now,
        )
        questions_move(job=job, to=seniors)
        question_ask(job=seniors, asker=actor, text=note, now=now)
    else:
        questions_answer(item=item, actor=actor, answer=answer or note, decision=decision, now=now)
    audit_write(
        actor=actor,
        action="job.decided",
        object_type="job",
        object_key=job.key,
        outcome=outcome.name,
        category=verdict.category,
        clause=verdict.clause,
        item=item.external_id,
    )
    return decision
