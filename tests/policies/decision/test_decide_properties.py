"""What must hold for any evidence: more of it, less of it or less known about it never makes a verdict more permissive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.choices import DETECTORS, Outcome
from policies.decision.compile import compile_document
from policies.decision.compiled import CompiledPolicy
from policies.decision.decide import EvidenceBatch, VerdictBatch, decide, explain
from tests.support.policy_builders import seed_document, seed_policy

CONTEXT = ("kind", "market", "language", "claim", "standing")
KNOWN = {"kind": 3, "claim": 4, "standing": 4}


def _busy_policy() -> CompiledPolicy:
    """Return a policy with rules of every kind and overrides that are looser as well as stricter than the base."""
    document = seed_document(1)
    document["unknown_language"] = "escalate"
    document["standings"]["strained"] = "escalate"
    document["thresholds"] += [
        {"category": "hate", "market": "BR", "block": 0.99},
        {"category": "hate", "language": "tr", "restrict_13": 0.1, "block": 0.5},
        {"category": "hate", "market": "DE", "language": "tr", "escalate": 0.2},
        {"category": "violence", "band": "13_15", "restrict_16": 0.1},
        {"category": "drugs", "language": "es", "escalate": 0.9},
    ]
    document["age_rules"] += [
        {"market": "DE", "min_age": 16, "reason": "test"},
        {"kind": "image", "market": "BR", "min_age": 18, "reason": "test"},
    ]
    document["territories"].append({"category": "hate", "at": 0.35, "regions": ["FR"]})
    return compile_document(document)


POLICIES = {"busy": _busy_policy(), "v1": seed_policy(1), "v2": seed_policy(2)}
N = 64

PROPERTY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def batch_of(policy: CompiledPolicy, seed: int, *, is_calm: bool, n: int = N) -> EvidenceBatch:
    """Return random evidence; calm evidence leaves much of it servable, so that permissiveness can be compared."""
    rng = np.random.default_rng(seed)
    shape = (n, len(policy.categories))
    scores = rng.random(shape, dtype=np.float32) * np.float32(0.6 if is_calm else 1.0)
    thresholds = policy.thresholds[np.isfinite(policy.thresholds)]
    # Scores on and next to a threshold are where an off-by-one shows.
    exact = rng.random(shape) < 0.1
    scores[exact] = rng.choice(thresholds, exact.sum())
    rare = 0.002 if is_calm else 0.1
    return EvidenceBatch(
        scores=np.where(rng.random(shape) < 0.5, scores**3, scores).astype(np.float32),
        hard=np.where(rng.random(shape) < rare, rng.integers(0, 5, shape), 0).astype(np.uint8),
        missing=rng.random((n, len(DETECTORS))) < (0.01 if is_calm else 0.2),
        kind=rng.integers(0, 3, n).astype(np.int8),
        market=rng.integers(0, len(policy.markets) + 1, n).astype(np.int16),
        language=rng.integers(0, len(policy.languages) + 1, n).astype(np.int16),
        claim=rng.integers(0, 4, n).astype(np.int8),
        standing=rng.integers(0, 2 if is_calm else 4, n).astype(np.int8),
        unlabelled=np.where(rng.random(n) < rare, 3, 0).astype(np.uint8),
    )


@dataclass(frozen=True)
class World:
    """A policy, a batch under it and a generator for the change to make; shown by what it was drawn from."""

    name: str
    seed: int
    is_calm: bool

    def __iter__(self) -> Iterator[Any]:
        policy = POLICIES[self.name]
        yield policy
        yield batch_of(policy, self.seed, is_calm=self.is_calm)
        yield np.random.default_rng(self.seed + 1)


def worlds() -> st.SearchStrategy[World]:
    """Draw a world."""
    return st.builds(World, st.sampled_from(sorted(POLICIES)), st.integers(0, 2**32 - 1), st.booleans())


def assert_not_more_permissive(before: VerdictBatch, after: VerdictBatch) -> None:
    """Whoever may see an item afterwards could see it before."""
    served_before, served_after = before.outcome <= Outcome.RESTRICT, after.outcome <= Outcome.RESTRICT
    assert not (served_after & ~served_before).any()
    assert (after.min_age >= before.min_age)[served_after].all()
    assert ((after.territories & before.territories) == before.territories)[served_after].all()
    assert (after.outcome >= before.outcome)[served_after].all()


@PROPERTY
@given(worlds())
def test_it_never_loosens_when_scores_rise(world: Any) -> None:
    policy, batch, rng = world
    rise = rng.random(batch.scores.shape, dtype=np.float32) * (rng.random(batch.scores.shape) < 0.3)
    raised = replace(batch, scores=np.minimum(batch.scores + rise, 1).astype(np.float32))
    assert_not_more_permissive(decide(batch, policy), decide(raised, policy))


@PROPERTY
@given(worlds())
def test_it_never_loosens_when_hard_evidence_is_added(world: Any) -> None:
    policy, batch, rng = world
    more = np.where(rng.random(batch.hard.shape) < 0.1, rng.integers(0, 6, batch.hard.shape), 0).astype(np.uint8)
    hardened = replace(batch, hard=np.maximum(batch.hard, more))
    assert_not_more_permissive(decide(batch, policy), decide(hardened, policy))


@PROPERTY
@given(worlds())
def test_it_never_loosens_when_a_detector_falls_silent(world: Any) -> None:
    """All that a required detector found goes with it: the scores, and the hard evidence."""
    policy, batch, rng = world
    used = sorted(policy.required[-1])
    gone = DETECTORS.index(used[rng.integers(len(used))])
    counts = np.array([policy.counts(DETECTORS[gone], int(kind)) for kind in batch.kind])
    missing = batch.missing.copy()
    missing[:, gone] = True
    silent = replace(
        batch,
        missing=missing,
        scores=np.where(counts[:, None], np.float32(0), batch.scores),
        hard=np.where(counts[:, None], np.uint8(0), batch.hard),
    )
    assert_not_more_permissive(decide(batch, policy), decide(silent, policy))


@PROPERTY
@given(worlds(), st.sampled_from(CONTEXT), st.sampled_from([-1, -100, 100, 127]))
def test_it_never_loosens_when_context_becomes_unknown(world: Any, column: str, unknown: int) -> None:
    policy, batch, rng = world
    values = getattr(batch, column).copy()
    values[rng.random(len(values)) < 0.7] = unknown
    assert_not_more_permissive(decide(batch, policy), decide(replace(batch, **{column: values}), policy))


@PROPERTY
@given(worlds(), st.sampled_from([float("nan"), float("inf"), float("-inf"), -1.0, 2.0, -1e-7, 1.0000001]))
def test_it_never_serves_a_score_that_is_not_one(world: Any, nonsense: float) -> None:
    policy, batch, rng = world
    scores = batch.scores.copy()
    rows = np.arange(len(scores))
    scores[rows, rng.integers(0, scores.shape[1], len(scores))] = nonsense
    spoilt = decide(replace(batch, scores=scores), policy)
    assert (spoilt.outcome >= Outcome.HOLD).all()
    assert_not_more_permissive(decide(batch, policy), spoilt)


@PROPERTY
@given(worlds())
def test_it_never_clears_without_a_required_detector(world: Any) -> None:
    policy, batch, _ = world
    verdict = decide(batch, policy)
    for d, detector in enumerate(DETECTORS):
        counts = np.array([policy.counts(detector, int(kind)) for kind in batch.kind])
        assert (verdict.outcome[counts & batch.missing[:, d]] >= Outcome.ESCALATE).all()


@PROPERTY
@given(worlds())
def test_it_ignores_the_absence_of_a_detector_that_is_not_used(world: Any) -> None:
    policy, batch, _ = world
    unused = np.array([[not policy.counts(d, int(kind)) for d in DETECTORS] for kind in batch.kind])
    without = replace(batch, missing=batch.missing | unused)
    assert_same(decide(batch, policy), decide(without, policy))


@PROPERTY
@given(worlds())
def test_it_lets_a_claim_only_narrow(world: Any) -> None:
    policy, batch, _ = world
    verdict = decide(batch, policy)
    assert (verdict.min_age >= np.array([0, 13, 16, 18])[batch.claim]).all()


@PROPERTY
@given(worlds())
def test_it_decides_a_batch_as_it_decides_each_item(world: Any) -> None:
    policy, batch, _ = world
    verdict = decide(batch, policy)
    for i in range(0, N, 4):
        assert_same(rows_of(verdict, slice(i, i + 1)), decide(rows_of(batch, slice(i, i + 1)), policy))


@PROPERTY
@given(worlds())
def test_it_explains_what_it_decides(world: Any) -> None:
    """The first reason is the deciding rule, no reason is stricter, and together they say the verdict's age."""
    policy, batch, _ = world
    verdict = decide(batch, policy)
    for i in range(0, N, 4):
        reasons = explain(batch, i, policy)
        assert reasons[0].rule == policy.rules[verdict.rule[i]]
        assert len({(r.rule, r.detail) for r in reasons}) == len(reasons)
        category = verdict.category[i]
        assert reasons[0].category == (policy.categories[category] if category >= 0 else "")


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_it_decides_the_same_twice_and_in_any_order(name: str) -> None:
    policy = POLICIES[name]
    batch = batch_of(policy, 5, is_calm=False, n=70_000)  # more than two chunks
    verdict = decide(batch, policy)
    assert_same(verdict, decide(batch, policy))
    order = np.random.default_rng(1).permutation(len(batch))
    assert_same(rows_of(verdict, order), decide(rows_of(batch, order), policy))


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_it_serves_and_refuses_enough_for_these_tests_to_mean_something(name: str) -> None:
    policy = POLICIES[name]
    calm = decide(batch_of(policy, 6, is_calm=True, n=4_000), policy)
    assert (calm.outcome <= Outcome.RESTRICT).sum() > 100
    wild = decide(batch_of(policy, 7, is_calm=False, n=4_000), policy)
    assert {Outcome.ESCALATE, Outcome.HOLD, Outcome.BLOCK} <= set(wild.outcome.tolist())


def assert_same(one: VerdictBatch, other: VerdictBatch) -> None:
    """Every column is equal."""
    for column in fields(VerdictBatch):
        np.testing.assert_array_equal(getattr(one, column.name), getattr(other, column.name))


def rows_of(batch: Any, rows: Any) -> Any:
    """Return some rows of a batch of evidence or verdicts."""
    return type(batch)(**{field.name: getattr(batch, field.name)[rows] for field in fields(batch)})
