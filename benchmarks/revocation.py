"""How long a revoked item still comes in feed answers after the commit, with the feed under load and changes going on."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import psycopg

from benchmarks.feed import wait_for
from benchmarks.load import Answer, Load
from console.demo.embedded import servers_in
from tests.support.fill import fill
from tests.support.live import live_service

N_ITEMS = 10_000
N_REVOCATIONS = 120
EVERY_SECONDS = 0.2
TARGET_MS = 1_000.0
_PATH = "/api/v1/feed?age=30&region=DE&limit=50"
_REVOKE = """
    UPDATE moderation_clearance c SET is_granted = false FROM moderation_item i
    WHERE i.id = c.item_id AND i.external_id = %s
"""
_OTHERS = "UPDATE moderation_clearance SET is_granted = is_granted WHERE id = ANY(%s)"


def run() -> dict[str, dict[str, Any]]:
    """Return the measured rows."""
    with tempfile.TemporaryDirectory(prefix="gh-bench-") as folder:
        root = Path(folder)
        root.chmod(0o711)
        servers = servers_in(root / "servers")
        servers.start()
        try:
            with live_service(servers.environment(), root, workers=2, threads=4) as live:
                fill(servers.postgres.owner_url, N_ITEMS)
                wait_for(live, N_ITEMS)
                load = Load(live.url, live.authorization(), lambda n: _PATH, 4).start()
                _warm(load)
                commits = _revoke(servers.postgres.url, load)
                time.sleep(2)
                return _rows(commits, load.stop())
        finally:
            servers.stop()


def _warm(load: Load) -> None:
    """Wait until every worker has served: a worker's first answer waits for its first view."""
    deadline = time.monotonic() + 60
    while len(load.answers) < 200 and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(5)
    if not load.answers:
        raise RuntimeError(f"The feed answers nothing: {load.errors[:1]}")


def _next_to_revoke(load: Load, revoked: dict[str, float]) -> str:
    """Return an item that the latest answers show and that still stands."""
    for answer in reversed(load.answers[-50:]):
        for item in answer.body["items"]:
            if item["external_id"] not in revoked:
                return str(item["external_id"])
    raise RuntimeError("The feed shows nothing that could be revoked.")


def _revoke(url: str, load: Load) -> dict[str, float]:
    """Revoke what the feed shows, one item after the other, while other clearances change; return the commits' times."""
    commits: dict[str, float] = {}
    stop = threading.Event()
    noise = threading.Thread(target=change_others, args=(url, stop))
    noise.start()
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(N_REVOCATIONS):
            name = _next_to_revoke(load, commits)
            connection.execute(_REVOKE, (name,))
            commits[name] = time.monotonic()
            time.sleep(EVERY_SECONDS)
    stop.set()
    noise.join()
    return commits


def change_others(url: str, stop: threading.Event) -> None:
    """Change other clearances all the time, ten in a transaction."""
    with psycopg.connect(url, autocommit=True) as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM moderation_clearance ORDER BY id LIMIT 1000")]
        n = 0
        while not stop.wait(0.05):
            n = (n + 10) % 1000
            connection.execute(_OTHERS, (ids[n : n + 10],))


def _rows(commits: dict[str, float], answers: list[Answer]) -> dict[str, dict[str, Any]]:
    """Return how long after its commit each item was last seen; an answer counts when it was received."""
    last_seen = dict(commits)
    for answer in answers:
        for item in answer.body["items"]:
            name = item["external_id"]
            if name in commits:
                last_seen[name] = max(last_seen[name], answer.ended)
    late = sorted((last_seen[name] - at) * 1000 for name, at in commits.items())
    p99 = quantiles(late, n=100)[98]
    return {
        "revocation_p99": {
            "value": round(p99, 1), "unit": "ms to absence", "target": f"<= {TARGET_MS:g}", "met": p99 <= TARGET_MS
        },
        "revocation_p50": {"value": round(median(late), 1), "unit": "ms to absence", "target": None, "met": None},
        "revocation_max": {"value": round(late[-1], 1), "unit": "ms to absence", "target": None, "met": None},
    }  # fmt: skip


if __name__ == "__main__":
    for name, row in run().items():
        print(f"{name:20} {row['value']:>10} {row['unit']:<14} target {row['target']} met {row['met']}")
