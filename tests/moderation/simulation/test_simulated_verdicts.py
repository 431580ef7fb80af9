"""One implementation: what a simulation decides from stored evidence is what intake decides from detectors, item by item."""

from __future__ import annotations

import random
from dataclasses import fields

import numpy as np
import pytest

from moderation.evidence import store as evidence_store
from moderation.verdict.judge import evidence_batch
from moderation.verdict.judgement import Judgement
from policies.decision.compiled import CompiledPolicy
from policies.decision.decide import EvidenceBatch, VerdictBatch, decide, rows_of
from tests.support.stored_cases import NOON, keep, policies, random_case

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
N = 10_000


@pytest.fixture(autouse=True)
def fresh() -> None:
    evidence_store.forget()


def test_a_simulated_verdict_is_what_intake_decides_on_ten_thousand_random_uploads() -> None:
    rng = random.Random(20_261_125)
    versions = policies()
    cases = [random_case(rng, versions) for _ in range(N)]
    recorded = [rng.choice(versions) for _ in cases]
    drafts = [rng.choice(versions) for _ in cases]
    judgements = keep(cases, recorded)
    population = evidence_store.load_population(NOON)
    assert len(population) == N
    outcomes = set()
    for policy in versions:
        batch = population.batch_for(policy)
        own = [i for i in range(N) if recorded[i] is policy]  # what was stored is what the decision stored, bit by bit
        assert_same_batch(rows_of(batch, np.array(own)), evidence_batch([judgements[i].evidence for i in own], policy))
        simulated = decide(batch, policy)
        for i in range(N):
            if drafts[i] is policy:
                judged = judgements[i] if recorded[i] is policy else cases[i].under(policy)
                assert verdict_of(simulated, i, policy) == said(judged), cases[i]
                outcomes.add(int(judged.outcome))
    assert outcomes == {0, 1, 2, 3, 4}


def verdict_of(verdict: VerdictBatch, i: int, policy: CompiledPolicy) -> tuple[object, ...]:
    """Return all that a verdict says of one item."""
    category, territories = int(verdict.category[i]), policy.territories_of(int(verdict.territories[i]))
    name = policy.categories[category] if category >= 0 else ""
    return int(verdict.outcome[i]), int(verdict.min_age[i]), territories, policy.rules[verdict.rule[i]], name


def said(judged: Judgement) -> tuple[object, ...]:
    """Return the same of a judgement."""
    return int(judged.outcome), judged.min_age, judged.territories, judged.decided_by, judged.category


def assert_same_batch(one: EvidenceBatch, other: EvidenceBatch) -> None:
    """Every column is equal, bit by bit."""
    for column in fields(EvidenceBatch):
        np.testing.assert_array_equal(getattr(one, column.name), getattr(other, column.name), err_msg=column.name)
