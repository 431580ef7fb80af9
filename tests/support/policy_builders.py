"""Policies and evidence for tests: the seeded versions, a small document, and batches from names."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import policies
from policies.choices import BAND_KEYS, DETECTORS, KIND_KEYS
from policies.decision.compile import compile_document
from policies.decision.compiled import CompiledPolicy
from policies.decision.decide import EvidenceBatch
from policies.document.schema import STANDING_KEYS
from policies.document.stored import load_yaml

SEEDS = Path(policies.__file__).parent / "seeds"
SEED_FILES = {1: "v1.yaml", 2: "v2_draft.yaml"}
#: What no model stands behind on a first day.
UNCONFIGURED = ("speech", "vision")


def seed_document(number: int) -> dict[str, Any]:
    """Return a fresh copy of a seeded document."""
    return copy.deepcopy(_seed_document(number))


@cache
def _seed_document(number: int) -> dict[str, Any]:
    return load_yaml((SEEDS / SEED_FILES[number]).read_text(encoding="utf-8"), SEEDS)


@cache
def seed_policy(number: int) -> CompiledPolicy:
    """Return a seeded version, compiled."""
    return compile_document(seed_document(number))


def small_document(**changes: Any) -> dict[str, Any]:
    """Return the smallest document that says everything once; `changes` replaces whole sections."""
    uses = {
        "hold": ["hashes"],
        "escalate": ["links"],
        "not_used": [d for d in DETECTORS if d not in {"hashes", "links"}],
    }
    document: dict[str, Any] = {
        "number": 7,
        "title": "Small",
        "categories": {"hate": {"name": "Hate", "severity": 4}, "drugs": {"name": "Drugs", "severity": 3}},
        "detectors": dict.fromkeys(KIND_KEYS, uses),
        "thresholds": [
            {"category": "hate", "restrict_13": 0.3, "restrict_18": 0.5, "escalate": 0.7, "block": 0.9},
            {"category": "drugs", "restrict_16": 0.4, "block": 0.95},
        ],
        "routing": [{"queue": "general", "severity": 3, "sla_minutes": 60}],
    }
    return document | changes


def evidence(
    policy: CompiledPolicy,
    *,
    scores: Mapping[str, float] | None = None,
    hard: Mapping[str, int] | None = None,
    missing: Sequence[str] = (),
    kind: str | None = "text",
    market: str = "GB",
    language: str = "en",
    claim: str | None = "under_13",
    standing: str | None = "good",
    unlabelled: int = 0,
) -> EvidenceBatch:
    """Return a batch of one item from names; None means unknown."""
    return EvidenceBatch(
        scores=np.array([[(scores or {}).get(c, 0.0) for c in policy.categories]], np.float32),
        hard=np.array([[(hard or {}).get(c, 0) for c in policy.categories]], np.uint8),
        missing=np.array([[d in missing for d in policy.detectors]]),
        kind=np.array([_index(KIND_KEYS, kind)], np.int8),
        market=np.array([policy.market_index(market)], np.int16),
        language=np.array([policy.language_index(language)], np.int16),
        claim=np.array([_index(BAND_KEYS, claim)], np.int8),
        standing=np.array([_index(STANDING_KEYS, standing)], np.int8),
        unlabelled=np.array([unlabelled], np.uint8),
    )


def _index(names: Sequence[str], name: str | None) -> int:
    return -1 if name is None else list(names).index(name)
