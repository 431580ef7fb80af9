"""What `decide` and `explain` accept, and the numbers they share with the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from policies.choices import KIND_KEYS, Band, Outcome, Standing
from policies.decision import decide as decision
from policies.decision.compile import compile_document
from policies.decision.compiled import CLAIM_SLOTS, KIND_SLOTS, STANDING_SLOTS
from policies.decision.decide import decide, explain
from tests.support.policy_builders import evidence, seed_policy, small_document

POLICY = compile_document(small_document())


def test_it_uses_the_numbers_of_the_vocabularies() -> None:
    outcomes = (decision.CLEAR, decision.RESTRICT, decision.ESCALATE, decision.HOLD, decision.BLOCK)
    assert outcomes == tuple(Outcome)
    assert (len(KIND_KEYS) + 1, len(Band) + 1, len(Standing) + 1) == (KIND_SLOTS, CLAIM_SLOTS, STANDING_SLOTS)


def test_it_decides_an_empty_batch() -> None:
    one = evidence(POLICY)
    assert len(decide(decision.rows_of(one, slice(0, 0)), POLICY)) == 0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("scores", np.zeros((1, 3), np.float32)),
        ("scores", np.zeros((1, 2), np.float64)),
        ("hard", np.zeros((2, 2), np.uint8)),
        ("missing", np.zeros((1, 8), bool)),
        ("missing", np.zeros((1, 9), np.uint8)),
        ("kind", np.zeros(2, np.int8)),
        ("market", np.zeros(1, np.int8)),
        ("language", np.zeros((1, 1), np.int16)),
        ("claim", np.zeros(1, np.uint8)),
        ("standing", np.zeros(0, np.int8)),
        ("unlabelled", np.zeros(2, np.uint8)),
    ],
)
def test_it_refuses_a_column_of_the_wrong_shape_or_type(column: str, value: Any) -> None:
    with pytest.raises(ValueError, match=column):
        decide(replace(evidence(POLICY), **{column: value}), POLICY)


def test_it_takes_columns_that_are_not_contiguous() -> None:
    policy = seed_policy(1)
    one = evidence(policy, scores={"hate": 0.99}, hard={"drugs": 2})
    wide = replace(one, scores=np.asfortranarray(np.repeat(one.scores, 4, 0))[::2], hard=np.repeat(one.hard, 4, 0)[::2])
    columns = {name: np.repeat(getattr(one, name), 4, 0)[::2] for name in ("missing", "kind", "market", "language")}
    columns |= {name: np.repeat(getattr(one, name), 4, 0)[::2] for name in ("claim", "standing", "unlabelled")}
    verdict = decide(replace(wide, **columns), policy)
    assert [policy.rules[rule] for rule in verdict.rule] == ["block.hate", "block.hate"]


def test_it_does_not_change_its_input() -> None:
    one = evidence(POLICY, scores={"hate": 2.0})
    one.scores.flags.writeable = False
    decide(one, POLICY)
    assert one.scores[0, 0] == 2.0


def test_it_explains_only_items_that_are_there() -> None:
    with pytest.raises(IndexError):
        explain(evidence(POLICY), 1, POLICY)


def test_it_says_that_no_rule_objected() -> None:
    (reason,) = explain(evidence(POLICY), 0, POLICY)
    assert (reason.rule, reason.detail, reason.score) == ("default.clear", "no rule objected", None)


def test_it_lists_every_rule_that_an_item_meets() -> None:
    policy = seed_policy(1)
    batch = evidence(policy, scores={"hate": 0.65, "drugs": 0.3}, kind="video", missing=("links",), claim="adult")
    rules = [reason.rule for reason in explain(batch, 0, policy)]
    assert rules[:2] == ["missing.links", "escalate.hate"]
    assert set(rules[2:]) == {"age.video", "claim.adult", "territory.drugs"}


def test_it_gives_score_and_threshold_of_a_reason() -> None:
    (reason,) = explain(evidence(POLICY, scores={"hate": 0.75}), 0, POLICY)
    assert (reason.rule, reason.category) == ("escalate.hate", "hate")
    assert reason.score == pytest.approx(0.75)
    assert reason.threshold == pytest.approx(0.7)


def test_it_skips_levels_that_are_not_written() -> None:
    (reason,) = explain(evidence(POLICY, scores={"drugs": 0.94}), 0, POLICY)
    assert reason.rule == "restrict_16.drugs"
    assert reason.threshold == pytest.approx(0.4)
