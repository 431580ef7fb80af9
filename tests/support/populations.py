"""Populations for tests of simulations: random evidence, and single uploads by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from policies.choices import DETECTORS
from policies.decision.compiled import CompiledPolicy
from policies.replay.population import Population, cells_of

MARKETS = ("DE", "GB", "BR")
LANGUAGES = ("en", "de", "tr")


def population_of(policy: CompiledPolicy, n: int, seed: int = 1) -> Population:
    """Return n random items under the categories of a policy; item i was uploaded i minutes after the epoch."""
    rng = np.random.default_rng(seed)
    shape = (n, len(policy.categories))
    scores = np.where(rng.random(shape) < 0.3, rng.random(shape) ** 2, 0).astype(np.float32)
    thresholds = policy.thresholds[np.isfinite(policy.thresholds)]
    exact = rng.random(shape) < 0.03  # scores on a threshold are where an off-by-one shows
    scores[exact] = rng.choice(thresholds, exact.sum())
    hard = np.where(rng.random(shape) < 0.002, rng.integers(1, 5, shape), 0).astype(np.uint8)
    numbers = np.arange(n, dtype=np.int64)
    return Population(
        categories=policy.categories, detectors=DETECTORS, markets=MARKETS, languages=LANGUAGES, item_pk=100 + 2 * numbers,
        creator_pk=numbers % 7, at=numbers * 60,
        missing=np.where(rng.random(n) < 0.03, rng.integers(0, 2 ** len(DETECTORS), n), 0b110000000).astype(np.uint32),
        kind=rng.integers(0, 3, n).astype(np.int8), market=rng.integers(-1, 3, n).astype(np.int16),
        language=rng.integers(-1, 3, n).astype(np.int16), claim=rng.integers(0, 4, n).astype(np.int8),
        standing=rng.integers(0, 3, n).astype(np.int8), unlabelled=np.where(rng.random(n) < 0.002, 3, 0).astype(np.uint8),
        floor=np.where(rng.random(n) < 0.01, rng.integers(1, 5, n), 0).astype(np.uint8), is_final=rng.random(n) < 0.9,
        cells=cells_of(scores, hard),
    )  # fmt: skip


def upload(
    policy: CompiledPolicy, scores: Mapping[str, float], *, market: str = "GB", language: str = "en", **columns: Any
) -> Population:
    """Return a population of one text with these scores; nothing is missing and nothing else is known against it."""
    one: dict[str, Any] = {name: np.array([value], dtype) for name, (value, dtype) in _PLAIN.items()}
    one |= {name: np.array([value], _PLAIN[name][1]) for name, value in columns.items()}
    row = np.array([[scores.get(c, 0.0) for c in policy.categories]], np.float32)
    return Population(
        categories=policy.categories, detectors=DETECTORS, markets=(market,), languages=(language,),
        market=np.zeros(1, np.int16), language=np.zeros(1, np.int16), cells=cells_of(row, np.zeros_like(row, np.uint8)), **one,
    )  # fmt: skip


_PLAIN: dict[str, tuple[Any, Any]] = {
    "item_pk": (1, np.int64), "creator_pk": (1, np.int64), "at": (0, np.int64), "missing": (0, np.uint32),
    "kind": (2, np.int8), "claim": (0, np.int8), "standing": (0, np.int8), "unlabelled": (0, np.uint8),
    "floor": (0, np.uint8), "is_final": (True, bool),
}  # fmt: skip
