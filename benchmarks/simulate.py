"""How fast a draft is simulated over a million items, how much memory that takes, and how fast a threshold slider answers.

The million are made in memory; loading and following are measured on a filled database of 100,000, or of a million as well when
BENCH_FULL=1 asks for it. Each part is a process of its own.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from console.demo.embedded import servers_in

Rows = dict[str, dict[str, Any]]
ROOT = Path(__file__).resolve().parent.parent
#: What the targets speak of.
N_ITEMS = 1_000_000
#: Items in the database; a million take minutes to fill.
N_STORED = N_ITEMS if os.environ.get("BENCH_FULL") else 100_000
N_LABELS = 40_000
N_MOVES = 200


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
            environment = {"ENVIRONMENT": "test", "DJANGO_SETTINGS_MODULE": "console.settings", **servers.environment()}
            return {
                name: row for part in ("fill", "stored", "engine") for name, row in _child(part, environment).items()
            }
        finally:
            servers.stop()


def _child(what: str, environment: dict[str, str], module: str = "benchmarks.simulate") -> Rows:
    """Run one part in a process whose memory is its own."""
    code = f"from {module} import {what}; {what}()"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    rows: Rows = json.loads(done.stdout.splitlines()[-1])
    return rows


def fill() -> None:
    """Migrate, seed and fill the database."""
    import django

    django.setup()
    from django.core.management import call_command

    from tests.support.fill_evidence import fill_evidence

    call_command("migrate", verbosity=0)
    call_command("policy_seed", verbosity=0)
    began = time.perf_counter()
    fill_evidence(os.environ["DATABASE_OWNER_URL"], N_STORED)
    size = {"evidence_stored": _row(N_STORED, "items", None)}
    sys.stdout.write(json.dumps({**size, "evidence_fill": _row(time.perf_counter() - began, "s", None)}))


def stored() -> None:
    """Load from the database, follow, simulate."""
    import django

    django.setup()
    from django.utils import timezone

    from moderation.evidence.store import load_population
    from moderation.simulation.queries import human_labels
    from policies.replay.simulation import simulate

    now = timezone.now()
    rows: Rows = {}
    seconds, population = _timed(lambda: load_population(now))
    rows["evidence_load"] = _row(seconds, "s", None)
    rows["evidence_follow_idle"] = _row(1000 * _timed(lambda: load_population(now))[0], "ms", None)
    seconds, labels = _timed(lambda: human_labels(population, since=None))
    rows["labels_load"] = _row(seconds, "s", None)
    active, draft, _ = _drafted()
    rows["simulation_of_stored"] = _row(_timed(lambda: simulate(population, active, draft, labels=labels))[0], "s", 2)
    rows["simulation_of_stored_memory"] = _row(_peak_gib(), "GiB", 1.5)
    sys.stdout.write(json.dumps(rows))


def engine() -> None:
    """Simulate a million items and move a slider over them."""
    import django

    django.setup()
    import numpy as np

    from policies.replay.simulation import Labels
    from tests.support.fill_evidence import population_of

    active, rng = _drafted()[0], np.random.default_rng(20_261_125)
    population = population_of(active, rng, N_ITEMS, at=np.arange(N_ITEMS, dtype=np.int64) * 3)
    harmful = np.nan_to_num(population.batch_for(active).scores.max(axis=1)) > 0.5
    seen = rng.choice(N_ITEMS, N_LABELS, replace=False)
    labels = Labels(
        active.categories, seen, np.where(harmful[seen], 4, 0).astype(np.uint8),
        rng.integers(0, len(active.categories), N_LABELS).astype(np.int16), rng.choice([0, 2], N_LABELS).astype(np.uint8),
    )  # fmt: skip
    rows = _simulated(population, labels) | _slid(population, labels)
    rows["simulation_memory"] = _row(_peak_gib(), "GiB", 1.5)
    sys.stdout.write(json.dumps(rows))


def _peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def _drafted() -> tuple[Any, Any, Any]:
    """Return the active version, a draft that moves thresholds and adds a market, and its document."""
    from policies.decision.compile import compile_parsed
    from policies.document.schema import parse_document
    from policies.document.stored import document_of
    from policies.live import active_policy
    from policies.models import PolicyVersion

    data = document_of(PolicyVersion.objects.get(number=1))
    for row in data["thresholds"]:
        if row["category"] in {"hate", "violence"}:
            row["escalate"] = round(row["escalate"] - 0.05, 2)
            row["restrict_18"] = round(row["restrict_18"] - 0.05, 2)
    data["thresholds"].append({"category": "hate", "market": "FR", "escalate": 0.5, "block": 0.8})
    document = parse_document(data)
    return active_policy(), compile_parsed(document), document


def _simulated(population: Any, labels: Any) -> Rows:
    from policies.replay.simulation import simulate

    active, draft, _ = _drafted()
    runs = [_timed(lambda: simulate(population, active, draft, labels=labels))[0] for _ in range(5)]
    return {
        "simulation": _row(median(runs), "s, median", 2),
        "simulation_first": _row(runs[0], "s", 2),
        "simulation_items": _row(len(population), "items", None),
    }


def _slid(population: Any, labels: Any) -> Rows:
    from policies.decision.compile import threshold_variant
    from policies.replay.slider import Slider

    active, draft, document = _drafted()

    def variant(level: str, threshold: float | None) -> Any:
        return threshold_variant(draft, document, "hate", level, threshold)

    prepared, slider = _timed(lambda: Slider(population, active, draft, "hate", variant=variant, labels=labels))
    # All of the way from one end to the other, back and forth, so that far moves count as much as near ones.
    places = [round(0.55 + 0.45 * (i * 37 % N_MOVES) / N_MOVES, 4) for i in range(N_MOVES)]
    low = [round(0.01 + 0.39 * (i * 37 % N_MOVES) / N_MOVES, 4) for i in range(N_MOVES)]
    moves = [("block", place) for place in places] + [("restrict_16", place) for place in low]
    times = [1000 * _timed(partial(slider.at, *move))[0] for move in moves]
    return {
        "slider_prepare": _row(prepared, "s", None),
        "slider_answer_p50": _row(median(times), "ms", None),
        "slider_answer": _row(quantiles(times, n=20)[18], "ms, p95", 300),
    }


def main() -> None:
    """Print the table."""
    for name, row in run().items():
        print(f"{name:28} {row['value']:>12} {row['unit']:<12} target {row['target']} met {row['met']}")


if __name__ == "__main__":
    main()
