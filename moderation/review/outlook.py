"""How queues stand and will stand: the pace of the last hour, when the first job is overdue at it, and what waits in some hours.

For those who lead a shift. Nobody's pace is told, only a queue's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import connection

from moderation.items.visibility import jobs_visible
from moderation.models import Job
from moderation.models.review import JobState
from moderation.review.queries import QueueDepth, queue_depths

#: The pace is that of so long before now.
PACE = timedelta(hours=1)
#: Arrivals are those of so long before now, spread evenly.
ARRIVALS = timedelta(hours=24)
#: Hours for which a forecast is made.
HORIZONS = (1, 2, 4, 8)
#: Open jobs of a queue that are looked at, those due first first: what is due after so many is not overdue first.
_MOST = 2_000

#: What was decided lately and what came, by queue; each by an index of its own.
_FLOWS = """
    SELECT q.slug, sum(f.decided)::int, sum(f.arrived)::int FROM (
        SELECT queue_id, count(*) AS decided, 0 AS arrived FROM moderation_job
        WHERE state = 'decided' AND closed_at > %(since)s GROUP BY queue_id
        UNION ALL SELECT queue_id, 0, count(*) FROM moderation_job WHERE created_at > %(day)s GROUP BY queue_id
    ) f JOIN moderation_queue q ON q.id = f.queue_id GROUP BY q.slug
"""
_DUE = """
    SELECT q.slug, d.due_at FROM moderation_queue q CROSS JOIN LATERAL (
        SELECT due_at FROM moderation_job j WHERE j.queue_id = q.id AND j.state = 'open' ORDER BY due_at, created_at, id LIMIT %(most)s
    ) d WHERE q.slug = ANY(%(queues)s::text[])
"""


@dataclass(frozen=True, slots=True)
class Outlook:
    """How one queue stands.

    Attributes:
        per_hour: jobs decided in the last hour.
        arrivals_per_hour: jobs opened in the last day, an hour.
        minutes_to_breach: until the first job is overdue at this pace; 0 where one is, None where none of those looked at
            would be.
        forecast: jobs open after each of HORIZONS.
    """

    depth: QueueDepth
    per_hour: float
    arrivals_per_hour: float
    minutes_to_breach: float | None
    forecast: tuple[int, ...]

    @property
    def is_growing(self) -> bool:
        """Whether more comes than is decided."""
        return self.arrivals_per_hour > self.per_hour


def minutes_to_breach(due: Sequence[datetime], per_hour: float, now: datetime) -> float | None:
    """Return when the first of some jobs is overdue, in minutes from now, if they are decided at a steady pace, those due first
    first; None where none is. Pure.

    The k-th job is decided k / per_hour hours from now, and is overdue from its due time on if that comes before.
    """
    for k, due_at in enumerate(due, start=1):
        left = (due_at - now).total_seconds() / 3_600
        if not per_hour or k / per_hour > left:
            return max(left * 60, 0.0)
    return None


def forecast(n_open: int, per_hour: float, arrivals_per_hour: float) -> tuple[int, ...]:
    """Return how many jobs are open after each of HORIZONS: what is open, and what comes, less what is decided. Pure."""
    return tuple(max(round(n_open + hours * (arrivals_per_hour - per_hour)), 0) for hours in HORIZONS)


def outlooks(user: AbstractUser, now: datetime) -> list[Outlook]:
    """Return how each queue that a person may see stands, the soonest breach first; four queries."""
    depths = queue_depths(user, now)
    values: dict[str, Any] = {
        "since": now - PACE,
        "day": now - ARRIVALS,
        "queues": [depth.slug for depth in depths],
        "most": _MOST,
    }
    with connection.cursor() as cursor:
        cursor.execute(_FLOWS, values)
        flows = {slug: (n_decided, n_arrived) for slug, n_decided, n_arrived in cursor.fetchall()}
        cursor.execute(_DUE, values)
        due: defaultdict[str, list[datetime]] = defaultdict(list)
        for slug, due_at in cursor.fetchall():
            due[slug].append(due_at)
    found = [_outlook(depth, *flows.get(depth.slug, (0, 0)), due[depth.slug], now) for depth in depths]
    never = float("inf")
    return sorted(
        found, key=lambda o: (never if o.minutes_to_breach is None else o.minutes_to_breach, -o.depth.severity)
    )


def _outlook(depth: QueueDepth, n_decided: int, n_arrived: int, due: Sequence[datetime], now: datetime) -> Outlook:
    per_hour = n_decided / (PACE.total_seconds() / 3_600)
    arrivals = n_arrived / (ARRIVALS.total_seconds() / 3_600)
    breach = minutes_to_breach(due, per_hour, now)
    return Outlook(depth, per_hour, arrivals, breach, forecast(depth.n_open, per_hour, arrivals))


def jobs_held(user: AbstractUser, now: datetime) -> list[Job]:
    """Return the jobs that people work on now and this person may know of, by queue and name: who is on what, and nothing more."""
    held = (
        jobs_visible(user)
        .filter(state=JobState.LEASED, lease_expires_at__gt=now)
        .select_related("queue", "lease_holder")
    )
    return list(held.order_by("queue__slug", "lease_holder__username")[:200])
