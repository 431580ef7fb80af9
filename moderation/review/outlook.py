"""How queues stand and will stand: the pace of the last hour, when the first job is overdue at it, and what waits in some hours.

For those who lead a shift. Nobody's pace is told, only a queue's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import connection

from moderation.items.visibility import jobs_visible, queues_visible
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

_DECIDED = """
    SELECT queue_id, count(*) FROM moderation_job WHERE state = 'decided' AND closed_at > %(since)s GROUP BY queue_id
"""
_ARRIVED = "SELECT queue_id, count(*) FROM moderation_job WHERE created_at > %(day)s GROUP BY queue_id"
_DUE = """
    SELECT q.id, d.due_at FROM unnest(%(queues)s::bigint[]) AS q (id) CROSS JOIN LATERAL (
        SELECT due_at FROM moderation_job j WHERE j.queue_id = q.id AND j.state = 'open' ORDER BY due_at, created_at, id LIMIT %(most)s
    ) d
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
    """Return how each queue that a person may see stands, the soonest breach first; five queries."""
    depths = queue_depths(user, now)
    pks = dict(queues_visible(user).values_list("slug", "pk"))
    values = {"since": now - PACE, "day": now - ARRIVALS, "queues": list(pks.values()), "most": _MOST}
    decided, arrived = _counts(_DECIDED, values), _counts(_ARRIVED, values)
    due: dict[int, list[datetime]] = {}
    for pk, due_at in _rows(_DUE, values):
        due.setdefault(pk, []).append(due_at)
    found = [_outlook(depth, pks[depth.slug], decided, arrived, due, now) for depth in depths]
    never = float("inf")
    return sorted(
        found, key=lambda o: (never if o.minutes_to_breach is None else o.minutes_to_breach, -o.depth.severity)
    )


def _outlook(
    depth: QueueDepth,
    pk: int,
    decided: Mapping[int, int],
    arrived: Mapping[int, int],
    due: Mapping[int, Sequence[datetime]],
    now: datetime,
) -> Outlook:
    per_hour = decided.get(pk, 0) / (PACE.total_seconds() / 3_600)
    arrivals = arrived.get(pk, 0) / (ARRIVALS.total_seconds() / 3_600)
    breach = minutes_to_breach(due.get(pk, ()), per_hour, now)
    return Outlook(depth, per_hour, arrivals, breach, forecast(depth.n_open, per_hour, arrivals))


def _rows(statement: str, values: Mapping[str, Any]) -> list[tuple[int, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, dict(values))
        return list(cursor.fetchall())


def _counts(statement: str, values: Mapping[str, Any]) -> dict[int, int]:
    return dict(_rows(statement, values))


def jobs_held(user: AbstractUser, now: datetime) -> list[Job]:
    """Return the jobs that people work on now and this person may know of, by queue and name: who is on what, and nothing more."""
    held = (
        jobs_visible(user)
        .filter(state=JobState.LEASED, lease_expires_at__gt=now)
        .select_related("queue", "lease_holder")
    )
    return list(held.order_by("queue__slug", "lease_holder__username")[:200])
