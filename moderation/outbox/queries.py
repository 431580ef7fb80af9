"""The deep queues as numbers, for metrics, health and the page. Reads only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Min, Q, QuerySet

from moderation.models import DetectorRerun, OutboxMessage
from moderation.outbox.autoscale import n_workers_wanted
from moderation.outbox.queues import FIRST_QUEUE, QUEUES, RERUN_QUEUE, queue_of

#: Of a detector nothing is known of yet.
_ASSUMED_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class DeepQueue:
    """One queue of the deep pass. Ages and times in seconds."""

    name: str
    n_waiting: int
    n_running: int
    age_seconds: float  # of the oldest message that waits
    lag_seconds: float  # since the turn of the first by rank; a shed message has none before its turn
    seconds_each: float  # mean time of one task, lately
    n_wanted: int  # workers

    @property
    def is_pressed(self) -> bool:
        """Whether it is later than DEEP_PRESSURE_SECONDS; a run over history never presses."""
        limit: int = settings.DEEP_PRESSURE_SECONDS
        return self.name != RERUN_QUEUE and self.lag_seconds > limit


def deep_queues(now: datetime, promised: QuerySet[OutboxMessage] | None = None) -> list[DeepQueue]:
    """Return every queue of the deep pass, in the order in which a worker for all reads them; two queries.

    Args:
        promised: the messages that count, where not all of them do.
    """
    working = Q(claimed_until__gte=now)
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)
    rows = (
        (OutboxMessage.objects.all() if promised is None else promised)
        .filter(queue__in=QUEUES, state__in=["pending", "sent"])
        .values("queue")
    )
    counts = rows.annotate(
        n_waiting=Count("pk", filter=free),
        n_running=Count("pk", filter=working),
        oldest=Min("created_at", filter=free),
        first=Min("rank_at", filter=free),
    )
    known = {row["queue"]: row for row in counts}
    seconds = _seconds_by_queue()
    return [_queue(name, known.get(name, {}), seconds[name], now) for name in QUEUES]


def _queue(name: str, row: Mapping[str, Any], seconds: float, now: datetime) -> DeepQueue:
    n_waiting, n_running = row.get("n_waiting", 0), row.get("n_running", 0)
    return DeepQueue(
        name=name,
        n_waiting=n_waiting,
        n_running=n_running,
        age_seconds=_since(row.get("oldest"), now),
        lag_seconds=_since(row.get("first"), now),
        seconds_each=seconds,
        n_wanted=n_workers_wanted(
            n_waiting=n_waiting, n_running=n_running, seconds_each=seconds, target_seconds=settings.DEEP_TARGET_SECONDS
        ),
    )


def _since(moment: datetime | None, now: datetime) -> float:
    return max((now - moment).total_seconds(), 0.0) if moment else 0.0


#: The newest results of each detector by primary key: an index, whatever the table's size.
_LATELY = """
    SELECT detector, avg(seconds) FROM
        (SELECT detector, seconds FROM moderation_detectorresult ORDER BY id DESC LIMIT 400) AS lately
    GROUP BY detector
"""


def _seconds_by_queue() -> dict[str, float]:
    """Return the mean time of one task of each queue.

    A clip's first task runs every detector that lives with the files; other tasks run one detector each, and one of a run
    over history may be any.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LATELY)
        by_detector = {detector: float(seconds) for detector, seconds in cursor.fetchall()}
    found: dict[str, list[float]] = {name: [] for name in QUEUES}
    for detector, seconds in by_detector.items():
        here = FIRST_QUEUE if _is_done_first(detector) else queue_of(detector)
        found[here].append(seconds)
        found[RERUN_QUEUE].append(seconds)
    return {name: _task_seconds(name, times) for name, times in found.items()}


def _is_done_first(detector: str) -> bool:
    """Whether a clip's first task runs this detector: it lives there, or workers have everything, as by default."""
    return queue_of(detector) == FIRST_QUEUE or {"io", "cpu", "gpu"} <= settings.DEEP_HERE


def _task_seconds(name: str, times: list[float]) -> float:
    if not times:
        return _ASSUMED_SECONDS
    return sum(times) if name == FIRST_QUEUE else sum(times) / len(times)


@dataclass(frozen=True, slots=True)
class RerunProgress:
    """One run over history with what is not in its row."""

    rerun: DetectorRerun
    n_failed: int

    @property
    def percent(self) -> int:
        """How far it is, 0 to 100."""
        return int(self.rerun.share_done * 100)


def rerun_progress(limit: int = 20) -> list[RerunProgress]:
    """Return the runs over history, newest first, each with how many of its files failed for good; two queries."""
    runs = list(DetectorRerun.objects.select_related("started_by").order_by("-created_at")[:limit])
    dead = OutboxMessage.objects.filter(
        queue=RERUN_QUEUE, state=OutboxMessage.State.DEAD, payload__rerun__in=[str(r.key) for r in runs]
    )
    counts = dict(dead.values_list("payload__rerun").annotate(n=Count("pk")))
    return [RerunProgress(run, counts.get(str(run.key), 0)) for run in runs]
