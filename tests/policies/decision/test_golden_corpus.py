"""Every named case of the golden corpus, and the promise that no rule of the seeded policy goes without one."""

from __future__ import annotations

from collections import Counter

import pytest

from policies.choices import BAND_KEYS, Outcome
from policies.decision.compiled import CompiledPolicy
from policies.decision.decide import decide, explain
from policies.document.schema import LEVEL_KEYS, parse_document
from tests.support.golden_corpus import CORPUS, Case
from tests.support.policy_builders import evidence, seed_document, seed_policy


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_it_decides_as_the_golden_corpus_says(case: Case) -> None:
    policy = seed_policy(case.version)
    verdict = decide(evidence(policy, missing=case.missing, **case.given), policy)
    outcome = Outcome(int(verdict.outcome[0]))
    assert (outcome, policy.rules[verdict.rule[0]]) == (case.outcome, case.decided_by)
    if outcome.is_servable:
        assert int(verdict.min_age[0]) == case.min_age
        assert policy.territories_of(int(verdict.territories[0])) == case.territories


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_it_explains_the_deciding_rule_first(case: Case) -> None:
    policy = seed_policy(case.version)
    reasons = explain(evidence(policy, missing=case.missing, **case.given), 0, policy)
    assert reasons[0].rule == case.decided_by
    if case.decided_by.startswith(tuple(LEVEL_KEYS)) or case.decided_by.startswith("territory"):
        score, threshold = reasons[0].score, reasons[0].threshold
        assert score is not None
        assert threshold is not None
        assert score >= threshold


def test_it_names_every_case_once() -> None:
    assert [name for name, n in Counter(case.name for case in CORPUS).items() if n > 1] == []


def wired_rules(number: int) -> set[str]:
    """Return the rules of a seeded version that can decide something."""
    document = parse_document(seed_document(number))
    rules = {"default.clear", "invalid.unknown_category"}
    for row in document.categories:
        rules |= {f"hard.{row.slug}", f"invalid.{row.slug}"}
    for threshold in document.thresholds:
        levels = zip(LEVEL_KEYS, threshold.levels, strict=True)
        rules |= {f"{key}.{threshold.category}" for key, level in levels if level is not None}
    rules |= {f"missing.{row.detector}" for row in document.detectors if row.when_missing is not None}
    rules |= {row.rule for row in document.ages} | {f"territory.{row.category}" for row in document.territories}
    rules |= {f"claim.{name}" for name in ("13", "16", "adult")}
    rules |= {"language.unknown"} if document.unknown_language else set()
    return rules | {"standing.suspended"}


def test_it_has_a_case_for_every_rule_of_the_first_version() -> None:
    assert wired_rules(1) - {case.decided_by for case in CORPUS if case.version == 1} == set()


def test_it_has_a_case_for_every_rule_that_only_the_second_version_has() -> None:
    decided = {case.decided_by for case in CORPUS}
    assert wired_rules(2) - decided == set()


def test_it_has_no_case_for_a_rule_that_nobody_wired() -> None:
    for case in CORPUS:
        assert case.decided_by in wired_rules(case.version), case.name


def test_it_knows_every_band_that_a_claim_can_name() -> None:
    policy: CompiledPolicy = seed_policy(1)
    ages = [int(decide(evidence(policy, claim=band), policy).min_age[0]) for band in BAND_KEYS]
    assert ages == [0, 13, 16, 18]
