"""How fast the decision function is, in a batch and for one item, under the seeded policy with more markets added."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import django
import numpy as np
from django.conf import settings

if not settings.configured:
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    os.environ.setdefault("ENVIRONMENT", "test")  # nothing secret is needed here
    django.setup()

from policies.choices import ItemKind
from policies.decision.compile import compile_document
from policies.decision.compiled import CompiledPolicy
from policies.decision.decide import EvidenceBatch, decide, explain
from policies.document.stored import load_yaml

SEEDS = Path(__file__).resolve().parent.parent / "policies" / "seeds"
N_ITEMS = 1_000_000
N_SINGLE = 2_000
#: Markets with thresholds of their own, so that a batch mixes many sets of thresholds.
MARKETS = ("AT", "BR", "FR", "GB", "IN", "JP", "TR")


def _policy() -> CompiledPolicy:
    document = load_yaml((SEEDS / "v1.yaml").read_text(encoding="utf-8"), SEEDS)
    for i, market in enumerate(MARKETS):
        document["thresholds"].append({"category": "hate", "market": market, "escalate": 0.4 + i / 50, "block": 0.8})
    return compile_document(document)


def _batch(policy: CompiledPolicy, n: int, *, is_harmless: bool) -> EvidenceBatch:
    """Return random evidence; harmless content has low scores, as most real uploads do."""
    rng = np.random.default_rng(20_261_123)
    scores = rng.random((n, len(policy.categories)), dtype=np.float32)
    return EvidenceBatch(
        scores=scores**8 if is_harmless else scores,
        missing=rng.random((n, len(policy.detectors))) < 0.01,
        hard=np.where(rng.random(scores.shape) < 0.0005, 4, 0).astype(np.uint8),
        kind=rng.integers(0, len(ItemKind), n).astype(np.int8),
        market=rng.integers(-1, len(policy.markets) + 1, n).astype(np.int16),
        language=rng.integers(-1, len(policy.languages) + 1, n).astype(np.int16),
        claim=rng.integers(0, 4, n).astype(np.int8),
        standing=rng.integers(0, 3, n).astype(np.int8),
    )


def _best_seconds(work: Callable[[], Any], repeats: int) -> float:
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def _single_us(policy: CompiledPolicy, work: Callable[[EvidenceBatch], Any]) -> float:
    """Return the median time of one call on one item, in microseconds."""
    item = _batch(policy, 1, is_harmless=True)
    times = []
    for _ in range(N_SINGLE):
        start = time.perf_counter()
        work(item)
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1e6


def run() -> dict[str, dict[str, Any]]:
    """Return the measured rows: {name: {"value", "unit", "target", "met"}}."""
    policy = _policy()
    rows: dict[str, dict[str, Any]] = {}
    for name, is_harmless in (("decide_batch", True), ("decide_batch_uniform_scores", False)):
        batch = _batch(policy, N_ITEMS, is_harmless=is_harmless)
        rate = N_ITEMS / _best_seconds(partial(decide, batch, policy), 5) / 1e6
        rows[name] = {"value": round(rate, 2), "unit": "million items/s", "target": ">= 5", "met": rate >= 5}
    one = _single_us(policy, lambda item: decide(item, policy))
    rows["decide_one"] = {"value": round(one, 1), "unit": "us, median", "target": "<= 50", "met": one <= 50}
    reasons = _single_us(policy, lambda item: explain(item, 0, policy))
    rows["explain_one"] = {"value": round(reasons, 1), "unit": "us, median", "target": "<= 200", "met": reasons <= 200}
    return rows


def main() -> None:
    """Print the table."""
    for name, row in run().items():
        verdict = "met" if row["met"] else "NOT met"
        print(f"{name:30} {row['value']:>10} {row['unit']:<16} target {row['target']:<6} {verdict}")


if __name__ == "__main__":
    main()
