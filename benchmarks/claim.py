"""Claiming a job while many reviewers ask: a million open jobs, 50 people, every claim a durable commit of its own.

Two loads, from two processes as in a deployment with two web workers: *steady*, where each person claims, gives back and
claims again every second (much faster than people can), and *burst*, where all 50 ask in the same instant, which on two cores
is a queue of 50 at the processor before it is one at the database. GATEHOUSE_BENCH_JOBS sets another number of jobs.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from console.demo.embedded import servers_in
from tests.support.fill import fill

N_JOBS, N_PEOPLE = int(os.environ.get("GATEHOUSE_BENCH_JOBS", "1000000")), 50
N_PROCESSES = 2
#: What people read: some all, some a language that one job in twelve is in.
_READ: tuple[list[str], ...] = ([], ["en"], ["de", "en"], ["tr"], [])
N_STEADY, N_BURSTS = 15, 6
PAUSE_SECONDS = 1.0
TARGET_MS = 10.0

_QUEUES = """
    INSERT INTO moderation_queue (key, created_at, slug, title, severity, sla_minutes, is_restricted, position)
    SELECT gen_random_uuid(), now(), 'bench-' || n, 'Bench ' || n, 3, 240, false, 100 FROM generate_series(1, 8) n
"""
_JOBS = """
    INSERT INTO moderation_job (key, created_at, state, category, reason, score, language, due_at, claim_by, harm, is_imminent,
        n_leases, item_id, queue_id)
    SELECT gen_random_uuid(), i.created_at, 'open', '', 'benchmark', 0.5, l.tags[1 + i.id %% 12],
        due.at, due.at - interval '2 hours' * random(), 0.5, i.id %% 5000 = 0, 0, i.id, q.ids[1 + i.id %% 8]
    FROM moderation_item i, (SELECT array_agg(id) AS ids FROM moderation_queue WHERE slug LIKE 'bench-%%') q,
        (SELECT ARRAY['en', 'en', 'en', 'en', 'en', 'en', 'de', 'de', 'tr', 'fi', 'pt', ''] AS tags) l,
        LATERAL (SELECT now() + interval '30 hours' * ((i.id * 7919 %% 100003) / 100003.0) - interval '1 hour' AS at) due
    WHERE i.external_id LIKE %(prefix)s
"""


def run() -> dict[str, dict[str, Any]]:
    """Return the measured rows."""
    with tempfile.TemporaryDirectory(prefix="gh-bench-") as folder:
        root = Path(folder)
        root.chmod(0o711)
        servers = servers_in(root)
        servers.start()
        try:
            settings = {"ENVIRONMENT": "test", "DJANGO_SETTINGS_MODULE": "console.settings"}
            os.environ.update({**settings, **servers.environment()})
            return _measure(os.environ["DATABASE_OWNER_URL"])
        finally:
            servers.stop()


def _measure(url: str) -> dict[str, dict[str, Any]]:
    import django

    django.setup()
    from django.db import connections

    people = _prepare(url)
    connections.close_all()  # the processes below are forks, and a connection belongs to one process
    steady = _in_processes(people, N_STEADY, PAUSE_SECONDS)
    burst = _in_processes(people, N_BURSTS, None)
    rows = {**_rows("steady", steady, TARGET_MS), **_rows("burst", burst, None)}
    rows["claim_doubles"] = {"value": _doubles(url), "unit": "jobs", "target": "0", "met": _doubles(url) == 0}
    return rows


def _rows(load: str, times: list[float], limit: float | None) -> dict[str, dict[str, Any]]:
    p50, p95 = (float(np.percentile(times, p)) for p in (50, 95))
    return {
        f"claim_{load}_p50": {"value": round(p50, 2), "unit": "ms", "target": None, "met": None},
        f"claim_{load}_p95": {
            "value": round(p95, 2),
            "unit": "ms",
            "target": limit and f"<= {limit:g}",
            "met": None if limit is None else p95 <= limit,
        },
    }


def _prepare(url: str) -> list[Any]:
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Group
    from django.core.management import call_command

    from moderation.models import Reviewer

    call_command("migrate", verbosity=0)
    call_command("roles_sync", verbosity=0)
    call_command("policy_seed", verbosity=0)
    fill(url, N_JOBS, prefix="claim-")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_QUEUES)
        connection.execute(_JOBS, {"prefix": "claim-%"})
        connection.execute("VACUUM ANALYZE moderation_job")
    reviewers = Group.objects.get(name="reviewer")
    people = [get_user_model().objects.create(username=f"bench-{n}") for n in range(N_PEOPLE)]
    reviewers.user_set.add(*people)
    Reviewer.objects.bulk_create(
        Reviewer(user=actor, languages=_READ[n % len(_READ)]) for n, actor in enumerate(people)
    )
    return people


def _in_processes(people: list[Any], rounds: int, pause: float | None) -> list[float]:
    """Share the people among processes; return the times of all their claims in ms."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(len(people))
    shares = [people[n::N_PROCESSES] for n in range(N_PROCESSES)]
    queue = context.SimpleQueue()
    processes = [
        context.Process(target=lambda share=share: queue.put(_load(share, rounds, pause, barrier))) for share in shares
    ]
    for process in processes:
        process.start()
    times = [took for _ in processes for took in queue.get()]
    for process in processes:
        process.join()
    return times


def _load(people: list[Any], rounds: int, pause: float | None, barrier: Any) -> list[float]:
    """Let everybody claim and give back, `rounds` times; return the times of the claims in ms.

    With a pause, people ask at their own times; without, all at the same instant.
    """
    times: list[float] = []
    threads = [
        threading.Thread(target=_person, args=(actor, n, rounds, pause, barrier, times))
        for n, actor in enumerate(people)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def _person(actor: Any, n: int, rounds: int, pause: float | None, barrier: Any, times: list[float]) -> None:
    from django.db import connection
    from django.utils import timezone

    from moderation.review.leases import job_claim, job_release

    connection.ensure_connection()
    barrier.wait()
    time.sleep(pause * (n + random.random()) * N_PROCESSES / N_PEOPLE if pause else 0)
    for _ in range(rounds):
        if pause is None:
            barrier.wait()
        began = time.perf_counter()
        job = job_claim(actor=actor, now=timezone.now())
        took = time.perf_counter() - began
        assert job is not None
        times.append(took * 1_000)
        job_release(actor=actor, job_key=str(job.key), lease_token=str(job.lease_token), now=timezone.now())
        time.sleep(max(pause - took, 0) if pause else 0)
    connection.close()


def _doubles(url: str) -> int:
    """Return how many jobs were leased to two people at the same time, from the audit log's order of acts."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM (SELECT action, lag(action) OVER (PARTITION BY object_key ORDER BY id) AS before "
            "FROM moderation_auditevent WHERE object_type = 'job') acts WHERE action = 'job.claimed' AND before = 'job.claimed'"
        ).fetchone()
    return int(row[0]) if row else 0


if __name__ == "__main__":
    for name, measured in run().items():
        print(name, measured)
