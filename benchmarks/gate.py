"""How fast the gate loads, follows and answers, at 100,000 items, and at 1,000,000 when asked for."""

from __future__ import annotations

import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import psycopg

from console.demo.embedded import servers_in
from tests.support.fill import fill

Rows = dict[str, dict[str, Any]]
#: The larger size takes minutes to fill: BENCH_FULL=1 asks for it.
SIZES = (100_000, 1_000_000) if os.environ.get("BENCH_FULL") else (100_000,)
N_SLATE = 60
N_POLLS = 50


def _row(value: float, unit: str, limit: float | None) -> dict[str, Any]:
    target = None if limit is None else f"<= {limit:g}"
    return {"value": round(value, 3), "unit": unit, "target": target, "met": None if limit is None else value <= limit}


def run() -> Rows:
    """Return the measured rows."""
    with tempfile.TemporaryDirectory(prefix="gh-bench-") as folder:
        root = Path(folder)
        root.chmod(0o711)
        servers = servers_in(root, fsync=False)
        servers.start()
        try:
            os.environ.update(
                {"ENVIRONMENT": "test", "DJANGO_SETTINGS_MODULE": "console.settings", **servers.environment()}
            )
            return _measure(os.environ["DATABASE_OWNER_URL"])
        finally:
            servers.stop()


def _measure(url: str) -> Rows:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    rows: Rows = {}
    filled = 0
    for size in SIZES:
        fill(url, size - filled, prefix=f"bench-{size}-")
        filled = size
        rows |= _at_size(url, size)
    return rows


def _at_size(url: str, size: int) -> Rows:
    from moderation.gate.door import Gate

    label = f"{size // 1000}k" if size < 1_000_000 else f"{size // 1_000_000}m"
    gate = Gate(max_age_seconds=3600)
    began = time.perf_counter()
    gate.refresh()
    rows = {f"gate_load_{label}": _row(time.perf_counter() - began, "s", None)}
    rows[f"gate_refresh_idle_{label}"] = _row(_median_ms(gate.refresh), "ms, median", 10)
    rows[f"gate_refresh_100_changes_{label}"] = _row(_refresh_changes_ms(url, gate), "ms, median", 50)
    rows |= {f"{name}_{label}": row for name, row in _answers(gate).items()}
    gate.stop()
    return rows


def _median_ms(work: Any, n: int = N_POLLS) -> float:
    times = []
    for _ in range(n):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return median(times)


def _refresh_changes_ms(url: str, gate: Any) -> float:
    times = []
    with psycopg.connect(url, autocommit=True) as connection:
        for n in range(N_POLLS):
            connection.execute(
                "UPDATE moderation_clearance SET is_granted = %s WHERE id IN"
                " (SELECT id FROM moderation_clearance ORDER BY id LIMIT 100 OFFSET %s)",
                (n % 2 == 1, 100 * (n // 2)),
            )
            began = time.perf_counter()
            gate.refresh()
            times.append((time.perf_counter() - began) * 1000)
    return median(times)


def _answers(gate: Any) -> Rows:
    from moderation.gate.door import Viewer
    from policies.choices import Band

    viewer, now = Viewer(Band.ADULT, "DE"), datetime.now(UTC)
    slate = gate.eligible(viewer, now).ids[-N_SLATE:].tolist()
    assert len(gate.admit(slate, viewer, now).cleared) == N_SLATE
    admit = [_median_ms(lambda: gate.admit(slate, viewer, now), 1) for _ in range(2_000)]

    def recompute() -> None:
        gate._version += 1
        gate.eligible(viewer, now)

    return {
        "gate_admit_60": _row(median(admit), "ms, median", 1),
        "gate_admit_60_p99": _row(quantiles(admit, n=100)[98], "ms, p99", None),
        "gate_eligible_after_change": _row(_median_ms(recompute), "ms, median", 50),
        "gate_eligible_again": _row(_median_ms(lambda: gate.eligible(viewer, now)), "ms, median", 1),
    }


if __name__ == "__main__":
    for name, row in run().items():
        print(f"{name:36} {row['value']:>12} {row['unit']:<12} target {row['target']} met {row['met']}")
