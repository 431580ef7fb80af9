"""Which job a person gets next, asked of the database in the order of `verdict.job_order`.

One statement picks and leases. It looks for a few candidates in each queue that the person works on, and locks the first of
them that nobody else is taking: two claims never win the same job, and none takes a lesser one because of another's locks.
What is kept for the person comes after imminent harm and before all else; what is kept for others, or has a decision waiting, is
not looked at.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import QuerySet

from moderation.items.visibility import may_know
from moderation.models import Job, Reviewer
from moderation.models.review import JobState
from moderation.verdict.job_order import AT_RISK
from moderation.verdict.routing import grave_queues
from policies.choices import SENIOR_QUEUE
from policies.live import active_policy

#: Who asked for a job within so long is at work, unless they handed over.
AT_WORK = timedelta(hours=1)
#: What somebody gave back does not come to them again sooner than this, though nobody else be there.
PASS_HOLDS = timedelta(minutes=30)
#: Candidates of each queue (and language), and how many of all are tried; more people than that rarely claim in one instant.
_OF_EACH, _OF_ALL = 12, 48

#: What is known of a person before every claim; building this query would cost more than running it.
_SEAT = """
    SELECT held.id, held.lease_expires_at, r.languages, r.queues, r.opted_out,
        r.grave_per_day IS NOT NULL AND r.grave_on = %(today)s AND r.n_grave >= r.grave_per_day OR r.grave_per_day = 0,
        ARRAY(SELECT job_id FROM moderation_jobpass WHERE person_id = %(actor)s ORDER BY job_id),
        ARRAY(SELECT passed_at FROM moderation_jobpass WHERE person_id = %(actor)s ORDER BY job_id)
    FROM (SELECT 1) AS one
    LEFT JOIN moderation_job held ON held.lease_holder_id = %(actor)s AND held.state = 'leased'
    LEFT JOIN moderation_reviewer r ON r.user_id = %(actor)s
"""
#: Languages of open jobs that nobody reads who is at work: those are for everybody, or they would wait for ever.
_UNREAD = """
    WITH RECURSIVE found AS (
        (SELECT language FROM moderation_job WHERE state = 'open' ORDER BY language LIMIT 1)
        UNION ALL
        SELECT (SELECT language FROM moderation_job WHERE state = 'open' AND language > found.language ORDER BY language LIMIT 1)
        FROM found WHERE found.language IS NOT NULL
    ), colleagues AS (
        SELECT r.languages FROM moderation_reviewer r JOIN auth_user u ON u.id = r.user_id AND u.is_active
        WHERE r.at_work_at > %(since)s AND r.user_id <> %(actor)s
    )
    SELECT language FROM found WHERE language <> '' AND NOT EXISTS (
        SELECT FROM colleagues c WHERE c.languages = '{}' OR found.language = ANY(c.languages)
    )
"""

_IN_QUEUES = "FROM q CROSS JOIN LATERAL"
_IN_LANGUAGES = "FROM unnest(%(languages)s::text[]) AS l (language) CROSS JOIN q CROSS JOIN LATERAL"
_MAY = """
    state = 'open' AND category <> ALL(%(opted_out)s::text[]) AND j.id <> ALL(%(passed)s::bigint[])
    AND (kept_until IS NULL OR kept_until <= %(now)s)
    AND (%(may_restricted)s OR NOT EXISTS (SELECT 1 FROM moderation_item i WHERE i.id = item_id AND i.is_restricted))
"""


def _first(of: str, *, where: str, order: str) -> str:
    """Return a subselect of the first job that can be locked, of the candidates of each queue."""
    return f"""(
        SELECT id FROM moderation_job
        WHERE state = 'open' AND queue_id IN (SELECT id FROM q) AND id = ANY(ARRAY(
            SELECT found.id {of} (
                SELECT j.id, {order}, created_at FROM moderation_job j WHERE queue_id = q.id AND {where} AND {_MAY}
                ORDER BY {order}, created_at, id LIMIT {_OF_EACH}
            ) AS found ORDER BY found.{order}, found.created_at, found.id LIMIT {_OF_ALL}
        ))
        ORDER BY {order}, created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
    )"""  # noqa: S608 # our own words


def _claim(of: str, language: str) -> str:
    imminent = _first(_IN_QUEUES, where=f"is_imminent AND {_READS}", order="due_at")
    soon = _first(of, where=f"due_at <= %(soon)s {language}", order="due_at")
    rest = _first(of, where=f"true {language}", order="claim_by")
    kept = """(
        SELECT id FROM moderation_job j
        WHERE state = 'open' AND kept_until > %(now)s AND kept_for_id = %(actor)s AND queue_id IN (SELECT id FROM q)
            AND (%(may_restricted)s OR NOT EXISTS (SELECT 1 FROM moderation_item i WHERE i.id = item_id AND i.is_restricted))
        ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
    )"""
    return f"""
    WITH q AS MATERIALIZED (
        SELECT id FROM moderation_queue
        WHERE (%(may_restricted)s OR NOT is_restricted) AND (%(any_queue)s OR slug = ANY(%(slugs)s::text[]))
          AND (%(is_senior)s OR slug <> %(seniors)s) AND slug <> ALL(%(spent)s::text[])
    ), leased AS (
        UPDATE moderation_job SET state = 'leased', lease_holder_id = %(actor)s, lease_token = %(token)s,
               lease_expires_at = %(expires)s, claimed_at = %(now)s, n_leases = n_leases + 1
        WHERE state = 'open' AND id = COALESCE({imminent}, {kept}, {soon}, {rest})
        RETURNING moderation_job.*
    ), lifted AS (
        DELETE FROM moderation_jobpass p USING leased WHERE p.job_id = leased.id
    ), at_work AS (
        INSERT INTO moderation_reviewer AS r (key, created_at, user_id, at_work_at, grave_on, n_grave)
        SELECT gen_random_uuid(), %(now)s, %(actor)s, %(now)s, %(today)s, (
            SELECT count(*) FROM leased JOIN moderation_queue g ON g.id = leased.queue_id WHERE g.slug = ANY(%(grave)s::text[])
        )
        ON CONFLICT (user_id) DO UPDATE SET at_work_at = EXCLUDED.at_work_at, grave_on = EXCLUDED.grave_on,
            n_grave = CASE WHEN r.grave_on = EXCLUDED.grave_on THEN r.n_grave ELSE 0 END + EXCLUDED.n_grave
    )
    SELECT leased.*, g.slug AS queue_slug FROM leased JOIN moderation_queue g ON g.id = leased.queue_id
    """  # noqa: S608 # our own words


_READS = "(%(reads_all)s OR language = ANY(%(languages)s::text[]))"
_CLAIM = _claim(_IN_QUEUES, "")
_CLAIM_IN_LANGUAGES = _claim(_IN_LANGUAGES, "AND language = l.language")


@dataclass(frozen=True, slots=True)
class Seat:
    """What a claim depends on, of one person.

    Attributes:
        held: primary key of the job that they hold a lease on, live or over.
        languages, queues: what they read and are trained for; empty for all.
        is_spent: they had as many grave jobs today as they said they can bear.
        passed: primary keys of what they gave back, and when; nobody else had it since.
    """

    held: int | None = None
    held_until: datetime | None = None
    languages: Sequence[str] = ()
    queues: Sequence[str] = ()
    opted_out: Sequence[str] = ()
    is_spent: bool = False
    passed: dict[int, datetime] = field(default_factory=dict)


def seat_of(actor: User, now: datetime) -> Seat:
    """Return what is known of a person, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(_SEAT, {"actor": actor.pk, "today": _day(now)})
        held, until, languages, queues, opted_out, is_spent, passed, passed_at = cursor.fetchone()
    passes = dict(zip(passed, passed_at, strict=True))
    return Seat(held, until, languages or (), queues or (), opted_out or (), bool(is_spent), passes)


def job_pick(actor: User, seat: Seat, queue_slugs: Sequence[str] | None, now: datetime) -> Job | None:
    """Lease the first job in order that the person may have, inside a transaction; None where there is none.

    Where somebody else is taking every candidate at this instant, it waits to see what they leave.
    """
    values = _values(actor, seat, queue_slugs, now)
    statement = _CLAIM_IN_LANGUAGES if seat.languages else _CLAIM
    for asked in (statement, statement.replace("SKIP LOCKED", "")):
        if job := next(iter(Job.objects.raw(asked, values)), None):
            return job
    return None


def _values(actor: User, seat: Seat, queue_slugs: Sequence[str] | None, now: datetime) -> dict[str, Any]:
    grave = grave_queues(active_policy())
    slugs = queue_slugs if queue_slugs is not None else seat.queues or None
    return {
        "actor": actor.pk,
        "token": uuid.uuid4(),
        "now": now,
        "today": _day(now),
        "soon": now + AT_RISK,
        "expires": now + timedelta(seconds=settings.LEASE_SECONDS),
        "slugs": list(slugs or ()),
        "any_queue": slugs is None,
        "may_restricted": may_know(actor),
        "is_senior": actor.has_perm("moderation.overturn_decisions"),
        "seniors": SENIOR_QUEUE,
        "reads_all": not seat.languages,
        "languages": sorted({*seat.languages, "", *_unread(actor, now)}) if seat.languages else [],
        "opted_out": list(seat.opted_out),
        "grave": grave,
        "spent": grave if seat.is_spent else [],
        "passed": _passes_that_hold(actor, seat, now),
    }


def _unread(actor: User, now: datetime) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_UNREAD, {"actor": actor.pk, "since": now - AT_WORK})
        return [language for (language,) in cursor.fetchall()]


def _passes_that_hold(actor: User, seat: Seat, now: datetime) -> list[int]:
    """Return the jobs that the person gave back and does not get again yet.

    A pass holds for PASS_HOLDS, and after that as long as somebody is at work who could take the job.
    """
    since = now - PASS_HOLDS
    over = [job for job, passed_at in seat.passed.items() if passed_at <= since]
    if not over:
        return list(seat.passed)
    colleagues = reviewers_at_work(now).exclude(user=actor)
    jobs = Job.objects.filter(pk__in=over, state=JobState.OPEN).select_related("queue", "item")
    free = {job.pk for job in jobs if not any(_could_take(colleague, job) for colleague in colleagues)}
    return [job for job in seat.passed if job not in free]


def reviewers_at_work(now: datetime) -> QuerySet[Reviewer]:
    """Return those who asked for a job lately and have not handed over."""
    at_work = Reviewer.objects.filter(at_work_at__gt=now - AT_WORK, user__is_active=True)
    return at_work.select_related("user").order_by("user__username")


def _could_take(colleague: Reviewer, job: Job) -> bool:
    is_hidden = job.queue.is_restricted or job.item.is_restricted
    return (
        colleague.user.has_perm("moderation.review_jobs")
        and (not is_hidden or may_know(colleague.user))
        and (job.queue.slug != SENIOR_QUEUE or colleague.user.has_perm("moderation.overturn_decisions"))
        and (not colleague.queues or job.queue.slug in colleague.queues)
        and (not colleague.languages or not job.language or job.language in colleague.languages)
        and job.category not in colleague.opted_out
    )


def _day(now: datetime) -> date:
    return now.astimezone(UTC).date()
