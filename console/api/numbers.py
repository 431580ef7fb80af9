"""The numbers that Prometheus collects: counters of the process, and what waits, read from the database when asked."""

import os
from collections.abc import Callable, Iterator

from django.db import DatabaseError
from django.utils import timezone
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from moderation.outbox.queries import DeepQueue, deep_queues
from moderation.review.queries import backlog, job_ages
from moderation.rollout.queries import activation_age_seconds


def registry() -> CollectorRegistry:
    """Return what to expose.

    Each web process counts for itself. Where several answer on one port, set PROMETHEUS_MULTIPROC_DIR to an empty
    folder that they share, and every one of them answers for all.
    """
    counted = CollectorRegistry()
    counted.register(_Backlog())
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    else:
        counted.register(_Own())
    return counted


class _Own(Collector):
    """This process's counters."""

    def collect(self) -> Iterator[object]:  # type: ignore[override]
        yield from REGISTRY.collect()


class _Backlog(Collector):
    """What waits for machines and people. Absent while the database is away: no number is better than an old one."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            now = timezone.now()
            waiting, ages, queues = backlog(), job_ages(now), deep_queues(now)
            activation_age = activation_age_seconds(now)
        except DatabaseError:
            return
        oldest = waiting.oldest_message_at
        lag = (now - oldest).total_seconds() if oldest else 0.0
        yield GaugeMetricFamily("outbox_lag_seconds", "Age of the oldest promise that is not kept yet", value=lag)
        yield GaugeMetricFamily("outbox_waiting", "Promises that are not kept yet", value=waiting.n_waiting)
        yield GaugeMetricFamily("dead_letters", "Messages that failed for good", value=waiting.n_dead)
        yield GaugeMetricFamily(
            "jobs_active", "Jobs that wait for a person or are with one", value=waiting.n_active_jobs
        )
        yield GaugeMetricFamily(
            "activation_age_seconds", "Age of the activation that is under way; 0 without one", value=activation_age
        )
        by_queue = GaugeMetricFamily("job_age_seconds", "Age of the oldest open job", labels=["queue"])
        for slug, age in ages.items():
            by_queue.add_metric([slug], age)
        yield by_queue
        yield from _deep(queues)


#: What is told of each deep queue: name, help, and where it comes from. Autoscalers follow `deep_wanted_workers`.
_DEEP: tuple[tuple[str, str, Callable[[DeepQueue], float]], ...] = (
    ("deep_queue_age_seconds", "Age of the oldest message that waits", lambda q: q.age_seconds),
    ("deep_queue_lag_seconds", "Time since the turn of the first message that waits", lambda q: q.lag_seconds),
    ("deep_queue_waiting", "Messages that wait for a worker", lambda q: q.n_waiting),
    ("deep_queue_running", "Messages that a worker is at", lambda q: q.n_running),
    ("deep_wanted_workers", "Workers that bring the wait down to DEEP_TARGET_SECONDS", lambda q: q.n_wanted),
    ("deep_queue_pressed", "1 while the queue is later than DEEP_PRESSURE_SECONDS", lambda q: q.is_pressed),
)


def _deep(queues: list[DeepQueue]) -> Iterator[GaugeMetricFamily]:
    for name, text, value_of in _DEEP:
        family = GaugeMetricFamily(name, text, labels=["queue"])
        for queue in queues:
            family.add_metric([queue.name], float(value_of(queue)))
        yield family
