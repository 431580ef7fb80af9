"""How long people take for a job, measured from past jobs. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from moderation.items.visibility import NOBODY, Person, may_know

#: Jobs that are measured, the newest first, and how far back.
MOST_JOBS = 5_000
MEASURED_DAYS = 28
#: Below this many jobs a queue's own mean is a matter of luck; that of all queues stands in.
OWN_JOBS = 20

#: From the last claim before the decision until the decision.
_TIMES = """
    WITH decided AS (
        SELECT j.queue_id, j.handling_time FROM moderation_job j
        JOIN moderation_queue q ON q.id = j.queue_id JOIN moderation_item i ON i.id = j.item_id
        WHERE j.state = 'decided' AND j.closed_at >= %(since)s
          AND (%(whole)s OR NOT q.is_restricted AND NOT i.is_restricted) ORDER BY j.closed_at DESC LIMIT %(most)s
    )
    SELECT q.slug, count(*), avg(extract(epoch FROM d.handling_time))::float8
    FROM decided d JOIN moderation_queue q ON q.id = d.queue_id GROUP BY q.slug
"""


@dataclass(frozen=True, slots=True)
class ServiceTime:
    """The mean time of a job. `is_own` is False where the queue has too few and all queues together stand in."""

    mean_seconds: float | None
    n_jobs: int
    is_own: bool


@dataclass(frozen=True, slots=True)
class ServiceTimes:
    """Measured times by queue, and of all queues together."""

    by_queue: Mapping[str, ServiceTime]
    overall: ServiceTime

    def of(self, queue: str) -> ServiceTime:
        """Return the time to plan with for a queue, whether it ever had a job or not."""
        own = self.by_queue.get(queue)
        return own if own and own.n_jobs >= OWN_JOBS else self.overall


def service_times(now: datetime, reader: Person = NOBODY) -> ServiceTimes:
    """Return how long jobs took from claim to decision, over the newest 5,000 of the last four weeks that a person may know of;
    one query.
    """
    with connection.cursor() as cursor:
        since = now - timedelta(days=MEASURED_DAYS)
        cursor.execute(_TIMES, {"since": since, "most": MOST_JOBS, "whole": may_know(reader)})
        rows = [(slug, n, float(mean)) for slug, n, mean in cursor.fetchall()]
    n_jobs = sum(n for _, n, _ in rows)
    mean = sum(n * seconds for _, n, seconds in rows) / n_jobs if n_jobs else None
    own = {slug: ServiceTime(seconds, n, is_own=True) for slug, n, seconds in rows}
    return ServiceTimes(own, ServiceTime(mean or None, n_jobs, is_own=False))
