"""Does the guard take back a bad canary, and leave a harmless one alone? 200 simulated runs of each.

Every run deals creators by the real buckets, decides every item of both arms with the real `decide`, and asks the real guard
after each 300 items, as the task does every minute. Bad: a threshold that blocks or escalates far too much, as a slip of the
pen would (0.05 for 0.5). Harmless: the same content again, or a threshold moved by a hair.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from moderation.rollout.rules import Counts, Limits
    from policies.decision.compiled import CompiledPolicy
    from policies.decision.decide import EvidenceBatch

Rows = dict[str, dict[str, Any]]
N_RUNS = 200
N_POOL = 100_000
#: Items of one run, and between two looks of the guard.
N_ITEMS, N_LOOK = 30_000, 300
N_CREATORS = 5_000
PERCENT = 10
#: How often a person comes to look at a verdict and overturns it, where it is wrong and where it is right.
OVERTURNED = {"wrong": 0.03, "right": 0.001}
Edit = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Outcome:
    """How a run ended: the rate that raised the alarm, or none, and items of the canary until then."""

    rate: str
    n_canary: int


def run() -> Rows:
    """Return the measured rows."""
    os.environ.update({"ENVIRONMENT": "test", "DJANGO_SETTINGS_MODULE": "console.settings"})
    import django

    django.setup()
    bad = [_run(n, (_block_low, _escalate_low)[n % 2]) for n in range(N_RUNS)]
    harmless = [_run(N_RUNS + n, (_same, _by_a_hair)[n % 2]) for n in range(N_RUNS)]
    caught = [one.n_canary for one in bad if one.rate]
    mistaken = [one for one in harmless if one.rate]
    caught_percent, mistaken_percent = 100 * len(caught) / N_RUNS, 100 * len(mistaken) / N_RUNS
    return {
        "canary_bad_rolled_back": _row(caught_percent, "% of runs", ">= 100", caught_percent >= 100),
        "canary_items_until_rollback": _row(median(caught or [0]), "items, median", None, None),
        "canary_items_until_rollback_max": _row(max(caught, default=0), "items", None, None),
        "canary_harmless_rolled_back": _row(mistaken_percent, "% of runs", "<= 1", mistaken_percent <= 1),
    }


def _row(value: float, unit: str, target: str | None, met: bool | None) -> dict[str, Any]:
    return {"value": round(value, 3), "unit": unit, "target": target, "met": met}


def _run(seed: int, edit: Edit) -> Outcome:
    """Simulate one canary from its start to its rollback, or to its last item."""
    from moderation.rollout.rules import Counts, rate_checks
    from policies.decision.decide import decide, rows_of
    from policies.decision.rollout import bucket_of

    rng = np.random.default_rng(seed)
    active, canary = _policies(edit)
    batch = _pool(active)
    inside = np.array([bucket_of(f"creator-{n}", f"version-{seed}") < PERCENT for n in range(N_CREATORS)])
    rows = rng.integers(0, N_POOL, N_ITEMS)
    is_canary = inside[rng.integers(0, N_CREATORS, N_ITEMS)]
    items = rows_of(batch, rows)
    outcome = np.where(is_canary, decide(items, canary).outcome, decide(items, active).outcome)
    overturned = _overturned(rng, items, outcome)
    counts = {True: Counts(), False: Counts()}
    for start in range(0, N_ITEMS, N_LOOK):
        look = slice(start, start + N_LOOK)
        for arm in counts:
            mine = is_canary[look] == arm
            counts[arm] += _counts(outcome[look][mine], overturned[look][mine])
        alarm = next((c for c in rate_checks(counts[False], counts[True], _limits()) if c.is_alarm), None)
        if alarm:
            return Outcome(alarm.name, counts[True].n)
    return Outcome("", counts[True].n)


def _limits() -> Limits:
    from moderation.rollout.queries import canary_limits

    return canary_limits()


def _overturned(rng: np.random.Generator, items: EvidenceBatch, outcome: Any) -> Any:
    """Return which verdicts people overturn: seldom, and more often where harmless things were blocked, or harm served."""
    harmful = rng.random(len(outcome)) < items.scores.max(axis=1) ** 1.5
    wrong = np.where(outcome == 4, ~harmful, (outcome < 2) & harmful)
    return rng.random(len(outcome)) < np.where(wrong, OVERTURNED["wrong"], OVERTURNED["right"])


def _counts(outcome: Any, overturned: Any) -> Counts:
    from moderation.rollout.rules import Counts

    final = (outcome < 2) | (outcome == 4)
    parts = [len(outcome), *((outcome == value).sum() for value in (4, 2, 3)), final.sum(), (final & overturned).sum()]
    return Counts(*map(int, parts))


_made: dict[Any, Any] = {}


def _pool(policy: CompiledPolicy) -> EvidenceBatch:
    """Return the evidence that all runs draw from."""
    from tests.support.fill_evidence import population_of

    if "pool" not in _made:
        _made["pool"] = population_of(policy, np.random.default_rng(1), N_POOL).batch_for(policy)
    found: EvidenceBatch = _made["pool"]
    return found


def _policies(edit: Edit) -> tuple[CompiledPolicy, CompiledPolicy]:
    """Return the first version, and a version that `edit` makes of it."""
    if edit not in _made:
        _made[edit] = (_compiled(_same), _compiled(edit))
    found: tuple[CompiledPolicy, CompiledPolicy] = _made[edit]
    return found


def _compiled(edit: Edit) -> CompiledPolicy:
    from pathlib import Path

    import policies
    from policies.decision.compile import compile_document
    from policies.document.stored import load_yaml

    seeds = Path(policies.__file__).parent / "seeds"
    document = load_yaml((seeds / "v1.yaml").read_text(encoding="utf-8"), seeds)
    edit(document)
    return compile_document(document)


def _same(document: dict[str, Any]) -> None:
    """Change nothing."""


def _by_a_hair(document: dict[str, Any]) -> None:
    for row in document["thresholds"]:
        if row["category"] == "hate" and row.get("escalate"):
            row["escalate"] = round(row["escalate"] - 0.02, 2)


def _block_low(document: dict[str, Any]) -> None:
    _only(document, "spam_scam", {"block": 0.15})


def _escalate_low(document: dict[str, Any]) -> None:
    _only(document, "harassment", {"escalate": 0.05, "block": 0.99})


def _only(document: dict[str, Any], category: str, levels: dict[str, float]) -> None:
    """Give every row of a category these levels and no others."""
    for row in document["thresholds"]:
        if row["category"] == category:
            for level in ("restrict_13", "restrict_16", "restrict_18", "escalate", "block"):
                row.pop(level, None)
            row.update(levels)


if __name__ == "__main__":
    for name, row in run().items():
        print(f"{name:36} {row['value']:>12} {row['unit']:<16} target {row['target']} met {row['met']}")
