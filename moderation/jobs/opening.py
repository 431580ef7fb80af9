"""Opening and closing jobs as a consequence of decisions and reports; reviewers' own acts are in review/leases.py."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime

from django.db.models import Case, F, Value, When

from moderation.audit.log import audit_write
from moderation.db.statements import run
from moderation.items.visibility import is_partition
from moderation.models import Item, Job, JobNote, Queue
from moderation.models.item import ItemState
from moderation.models.job_note import NoteKind
from moderation.models.review import ACTIVE_JOB_STATES, JobState
from moderation.verdict.job_order import Place, is_graver, language_of, place_job, place_raised
from moderation.verdict.routing import route_job
from policies.choices import REPORTED_QUEUE, SENIOR_QUEUE, UNEXAMINED_QUEUE, Outcome
from policies.decision.compiled import CompiledPolicy, Route

#: What the holder of a job is told that was taken from them because of hard evidence.
HARD_EVIDENCE = "New hard evidence came in while you had it: a match against a bank, or a word that always counts."
#: However many report an item, no more is assumed than of one whose reports are usually right.
_SCORE_BY_REPORTS = 0.9
#: Items that some viewer may be shown.
SHOWN = (ItemState.CLEARED, ItemState.RESTRICTED)


def job_open(
    *,
    item: Item,
    policy: CompiledPolicy,
    category: str,
    score: float,
    reason: str,
    now: datetime,
    queue_slug: str = "",
    due_by: datetime | None = None,
) -> Job:
    """Open a job for an item, inside the caller's transaction with the item locked; an active one is raised by what is new.

    In a category of the restricted partition the item becomes part of it first: an active job moves there by trigger, and
    what mere reports had opened for its people is closed in favour of this one.

    Args:
        due_by: the latest due time, where the item has waited in another job before.
    """
    if category in policy.child_safety:
        Item.objects.filter(pk=item.pk, is_restricted=False).update(is_restricted=True)
        Job.objects.filter(item=item, state=JobState.OPEN, is_unconfirmed=True).update(
            state=JobState.CLOSED, closed_at=now
        )
    active = _active(item, is_unconfirmed=False)
    route = route_job(
        policy,
        category=category,
        language=item.language,
        kind=item.kind,
        queue=queue_slug,
        is_restricted=item.is_restricted,
    )
    if active:
        return _raise(active, item, policy, route, category, score, reason, now)
    return _open(item, policy, route, category, score, reason, now, due_by=due_by)


def job_escalate(
    *,
    item: Item,
    policy: CompiledPolicy,
    category: str,
    note: str,
    now: datetime,
    score: float = 0.5,
    due_by: datetime | None = None,
) -> Job:
    """Open the job in which seniors find what a reviewer passed on to them; called as `job_open` is."""
    return job_open(
        item=item,
        policy=policy,
        category=category,
        score=max(score, 0.5),
        reason=f"Escalated: {note.strip()}",
        queue_slug=SENIOR_QUEUE,
        due_by=due_by,
        now=now,
    )


def job_unconfirmed(
    *, item: Item, policy: CompiledPolicy, category: str, score: float, reason: str, now: datetime
) -> Job:
    """Open a job for the partition's people because somebody said so, or raise the one there is; the item stays where it is.

    Whatever other job the item has is left to whoever works on it: one person's word takes nothing out of anybody's sight.
    Called as `job_open` is.
    """
    route = route_job(policy, category=category, language=item.language, kind=item.kind, is_unconfirmed=True)
    active = _active(item, is_unconfirmed=True)
    if active is None:
        return _open(item, policy, route, category, score, reason, now, is_unconfirmed=True)
    score = max(active.score, min(1 - (1 - active.score) * (1 - score), _SCORE_BY_REPORTS))
    return _raise(active, item, policy, route, category, score, reason, now)


def _raise(
    job: Job, item: Item, policy: CompiledPolicy, route: Route, category: str, score: float, reason: str, now: datetime
) -> Job:
    job_raise(
        job=job,
        policy=policy,
        route=route,
        category=category,
        score=score,
        views=views_of(item),
        reason=reason,
        now=now,
    )
    return job


def _active(item: Item, *, is_unconfirmed: bool) -> Job | None:
    """Lock and return the item's job that is open or with somebody."""
    jobs = Job.objects.select_for_update(of=("self",), no_key=True).select_related("queue")
    return jobs.filter(item=item, state__in=ACTIVE_JOB_STATES, is_unconfirmed=is_unconfirmed).first()


def _open(
    item: Item,
    policy: CompiledPolicy,
    route: Route,
    category: str,
    score: float,
    reason: str,
    now: datetime,
    *,
    is_unconfirmed: bool = False,
    due_by: datetime | None = None,
) -> Job:
    place = place_job(policy, route=route, category=category, score=score, views=views_of(item), now=now)
    if due_by is not None:
        place = replace(place, due_at=min(place.due_at, due_by), claim_by=min(place.claim_by, due_by))
    return Job.objects.create(
        item=item,
        queue=queue_of(route),
        category=category,
        reason=reason[:120],
        score=score,
        language=language_of(item.language),
        created_at=now,
        is_unconfirmed=is_unconfirmed,
        **asdict(place),
    )


def views_of(item: Item) -> int | None:
    """Return the views that are expected of an item before somebody looks: none where it is shown to nobody."""
    return item.creator.expected_views if item.state in SHOWN else 0


def place_of(job: Job) -> Place:
    """Return where a job stands in the order."""
    return Place(job.due_at, job.claim_by, job.harm, job.is_imminent)


def job_raise(
    *,
    job: Job,
    policy: CompiledPolicy,
    route: Route,
    category: str,
    score: float,
    views: int | None,
    reason: str,
    now: datetime,
    opened_at: datetime | None = None,
) -> bool:
    """Let an active job, locked by the caller, follow one more reason: sooner, graver, elsewhere, and never the other way.

    Whoever holds it keeps it, and is told by the note. A job that was passed on to seniors stays with them.

    Args:
        opened_at: when the time for this reason began; now, unless the reason is as old as the job.

    Returns whether anything changed.
    """
    old = place_of(job)
    new = place_job(policy, route=route, category=category, score=score, views=views, now=opened_at or now)
    place, before, was_reason = place_raised(old, new), _facts(job), job.reason
    if is_graver(old, new):
        job.category, job.reason = category, reason[:120]
        if job.queue.slug != SENIOR_QUEUE:
            job.queue = queue_of(route)
    job.score = max(job.score, score)
    job.due_at, job.claim_by, job.harm, job.is_imminent = place.due_at, place.claim_by, place.harm, place.is_imminent
    if _facts(job) == before:
        return False
    job.save(update_fields=["queue", "category", "reason", "score", "due_at", "claim_by", "harm", "is_imminent"])
    data = _facts(job) | {f"was_{name}": value for name, value in before.items()}
    JobNote.objects.create(
        job=job, kind=NoteKind.RAISED, text=reason[:500] or "New evidence", data=data | {"was_reason": was_reason},
        created_at=now,
    )  # fmt: skip
    audit_write(actor="system", action="job.raised", object_type="job", object_key=job.key, **data)
    return True


def _facts(job: Job) -> dict[str, object]:
    """Return what a raise may change, as it is told."""
    return {
        "queue": job.queue.slug,
        "category": job.category,
        "due_at": job.due_at.isoformat(),
        "is_imminent": job.is_imminent,
        "harm": round(job.harm, 3),
    }


def queue_of(route: Route) -> Queue:
    """Return the queue that a policy routes to; a slug that is new to the database becomes a queue, never a loss."""
    queue, _ = Queue.objects.get_or_create(
        slug=route.queue,
        defaults={
            "title": _TITLES.get(route.queue) or route.queue.replace("-", " ").capitalize(),
            "severity": route.severity,
            "sla_minutes": route.sla_minutes,
            "is_restricted": is_partition(route.queue),
        },
    )
    return queue


_TITLES = {REPORTED_QUEUE: "Reported as child safety", UNEXAMINED_QUEUE: "Not fully looked at"}


def job_close(
    *, item: Item, now: datetime, even_leased: bool = False, even_unconfirmed: bool = False, why: str = ""
) -> int:
    """Close the item's job because it needs no person any more; return how many were closed.

    Args:
        even_leased: also take it from the reviewer who works on it, because what they see has been overtaken; their
            decision is then refused. Otherwise a leased job stays with its holder.
        even_unconfirmed: also where a report says that the item belongs into the restricted partition. No machine answers
            that, nor anybody who may not know what is in there.
        why: what its holder is told then, a sentence of at most 200 characters that tells nothing of the restricted
            partition; empty for a general one.
    """
    return jobs_close(items=[item], now=now, even_leased=even_leased, even_unconfirmed=even_unconfirmed, why=why)


def jobs_close(
    *,
    items: Sequence[Item],
    now: datetime,
    even_leased: bool = False,
    even_unconfirmed: bool = False,
    why: str = "",
) -> int:
    """Close the jobs of items, as `job_close` does. The database notes from whom a leased one was taken."""
    states = ACTIVE_JOB_STATES if even_leased else (JobState.OPEN,)
    jobs = Job.objects.filter(item__in=items, state__in=states)
    if not even_unconfirmed:
        jobs = jobs.filter(is_unconfirmed=False)
    return jobs.update(
        state=JobState.CLOSED,
        closed_at=now,
        taken_why=Case(When(state=JobState.LEASED, then=Value(why[:200])), default=Value("")),
        lease_holder=None,
        lease_token=None,
        lease_expires_at=None,
    )


def leases_take(*, item: Item, why: str) -> int:
    """Take the item's jobs from those who work on them, and leave them to the next; return how many.

    Args:
        why: as for `job_close`.
    """
    return Job.objects.filter(item=item, state=JobState.LEASED).update(
        state=JobState.OPEN,
        taken_from=F("lease_holder"),
        taken_why=why[:200],
        lease_holder=None,
        lease_token=None,
        lease_expires_at=None,
    )


# A report is answered once its job is over and a person decided the item then or later: what a machine decides answers none.
# The job's queue is set, to what it is, so that the trigger sees whether the item belongs to the partition meanwhile.
_REPORTS_WAIT = """
    UPDATE moderation_job SET state = 'open', closed_at = NULL, queue_id = queue_id
    WHERE id IN (
        SELECT max(j.id) FROM moderation_job j
        JOIN moderation_item i ON i.id = j.item_id
        JOIN moderation_decision d ON d.id = i.current_decision_id
        JOIN moderation_report r ON r.job_id = j.id
        WHERE j.item_id = ANY(%(items)s) AND j.state = 'closed' AND i.withdrawn_at IS NULL AND d.outcome <> %(block)s
          AND NOT EXISTS (
              SELECT FROM moderation_decision p
              WHERE p.item_id = j.item_id AND p.actor_id IS NOT NULL
                AND p.created_at >= greatest(j.closed_at, r.created_at)
          )
          AND NOT EXISTS (
              SELECT FROM moderation_job a
              WHERE a.item_id = j.item_id AND a.is_unconfirmed = j.is_unconfirmed AND a.state IN ('open', 'leased')
          )
        GROUP BY j.item_id, j.is_unconfirmed
    )
"""


def reports_wait(*, item_pks: Sequence[int]) -> int:
    """Open again what machines closed and reports nobody answered wait in, unless the item is blocked; return how many.

    Called last, inside the transaction that decided the items. Where another job of an item is active, they wait for its end.
    """
    n_opened: int = run(_REPORTS_WAIT, {"items": list(item_pks), "block": Outcome.BLOCK.value}).rowcount
    return n_opened
