"""A threshold moved freely: every answer is what a whole simulation of the moved draft gives."""

from __future__ import annotations

import numpy as np
import pytest

from policies.decision.compile import compile_document, compile_parsed, threshold_variant, with_threshold
from policies.decision.compiled import CompiledPolicy
from policies.decision.decide import decide
from policies.document.schema import parse_document
from policies.errors import PolicyError
from policies.replay.changed_items import flips_at
from policies.replay.outcomes import SAMPLED
from policies.replay.simulation import Labels, simulate
from policies.replay.slider import N_BINS, Slider
from tests.support.policy_builders import seed_document, seed_policy, small_document
from tests.support.populations import population_of, upload

N = 2_500
ACTIVE = seed_policy(1)


def _document() -> dict[str, object]:
    document = seed_document(1)
    document["thresholds"] += [
        {"category": "hate", "market": "BR", "escalate": 0.3, "block": 0.6},
        {"category": "hate", "language": "tr", "restrict_13": 0.2},
        {"category": "hate", "band": "13_15", "restrict_16": 0.1},
    ]
    return document


DOCUMENT = parse_document(_document())
DRAFT = compile_parsed(DOCUMENT)
POPULATION = population_of(ACTIVE, N, seed=4)


def labels() -> Labels:
    rng = np.random.default_rng(5)
    return Labels(
        categories=ACTIVE.categories, item_pk=rng.choice(POPULATION.item_pk, 300, replace=False),
        outcome=rng.choice([0, 4], 300).astype(np.uint8),
        category=np.full(300, ACTIVE.categories.index("hate"), np.int16), sampled=rng.choice([0, 2], 300).astype(np.uint8),
    )  # fmt: skip


def variant(level: str, threshold: float | None) -> CompiledPolicy:
    return threshold_variant(DRAFT, DOCUMENT, "hate", level, threshold)


@pytest.fixture(scope="module")
def slider() -> Slider:
    return Slider(POPULATION, ACTIVE, DRAFT, "hate", variant=variant, labels=labels())


@pytest.mark.parametrize(
    ("level", "threshold"),
    [
        ("block", 0.92), ("block", 0.7), ("block", 1.0), ("block", 0.6), ("block", None), ("escalate", 0.5), ("escalate", 0.91),
        ("escalate", None), ("restrict_13", 0.0001), ("restrict_13", None), ("restrict_16", 0.2), ("restrict_18", 0.45),
    ],
)  # fmt: skip
def test_each_place_gives_what_simulating_the_moved_draft_gives(
    slider: Slider, level: str, threshold: float | None
) -> None:
    answer = slider.at(level, threshold)
    moved = variant(level, threshold)
    whole = simulate(POPULATION, ACTIVE, moved)
    assert answer.flow == whole.total
    assert answer.queues == whole.queues
    assert answer.hours == whole.hours
    assert answer.from_draft == simulate(POPULATION, DRAFT, moved).total
    assert answer.per_hour_after == pytest.approx(sum(row.per_hour_after for row in whole.queues))


def test_a_moved_threshold_is_what_the_document_so_changed_compiles_to() -> None:
    for level, threshold in (("block", 0.8), ("restrict_13", 0.05), ("escalate", None)):
        moved = variant(level, threshold)
        written = compile_parsed(with_threshold(DOCUMENT, "hate", level, threshold))
        batch = POPULATION.batch_for(ACTIVE)
        batch = POPULATION.rebatch(batch, ACTIVE, written)
        np.testing.assert_array_equal(decide(batch, moved).outcome, decide(batch, written).outcome)
        np.testing.assert_array_equal(decide(batch, moved).rule, decide(batch, written).rule)


def test_the_histogram_counts_every_item_once(slider: Slider) -> None:
    answer = slider.at("block", 0.9)
    assert (len(answer.histogram), sum(answer.histogram)) == (N_BINS, N)


def test_the_curve_counts_labels_above_and_below_each_threshold(slider: Slider) -> None:
    answer, said = slider.at("block", 0.7), labels()
    scores = POPULATION.batch_for(ACTIVE).scores[:, ACTIVE.categories.index("hate")]
    by_item = dict(zip(POPULATION.item_pk.tolist(), scores.tolist(), strict=True))
    assert {point.sampled for point in answer.curve} == {"escalated", "random"}
    for point in (*answer.curve, *answer.operating):
        mine = said.sampled == SAMPLED.index(point.sampled)
        above = np.array([by_item[pk] >= np.float32(point.threshold) for pk in said.item_pk.tolist()]) & mine
        harmful = (said.outcome != 0) & mine
        assert (point.n_above, point.n_violating) == (above.sum(), (above & harmful).sum())
        assert point.n_violating_below == (harmful & ~above).sum()
    assert [point.threshold for point in answer.operating] == [0.7, 0.7]


@pytest.mark.parametrize(
    ("level", "threshold", "error"),
    [("block", 0.2, PolicyError), ("restrict_18", 0.9, PolicyError), ("bloc", 0.9, ValueError)],
)
def test_a_place_that_no_version_may_have_is_refused(
    slider: Slider, level: str, threshold: float, error: type[Exception]
) -> None:
    with pytest.raises(error):
        slider.at(level, threshold)


def test_a_category_that_the_draft_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="no category"):
        Slider(POPULATION, ACTIVE, DRAFT, "noise", variant=variant)


SMALL = compile_document(small_document())


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        # restrict_13 0.3, restrict_16 unwritten, restrict_18 0.5, escalate 0.7, block 0.9
        (0.72, {("escalate", 0.7201, 1, 18), ("block", 0.72, 4, 18)}),
        (0.95, {("block", 0.9501, 2, 18)}),
        (0.1, {("restrict_13", 0.1, 1, 13)}),
        (0.45, {("restrict_13", 0.4501, 0, 0), ("restrict_16", 0.45, 1, 16), ("restrict_18", 0.45, 1, 18)}),
        (0.0, set()),
    ],
)
def test_it_says_which_threshold_would_flip_an_item(score: float, expected: set[tuple[str, float, int, int]]) -> None:
    batch = upload(SMALL, {"hate": score}).batch_for(SMALL)
    flips = [flip for flip in flips_at(batch, SMALL) if flip.category == "hate"]
    assert {(flip.level, flip.moved_to, flip.outcome, flip.min_age) for flip in flips} == expected


def test_a_flip_is_true_when_the_version_is_so_written() -> None:
    document = parse_document(small_document())
    for seed in range(60):
        score = float(np.float32(np.random.default_rng(seed).random()))
        batch = upload(SMALL, {"hate": score, "drugs": score / 2}).batch_for(SMALL)
        for flip in flips_at(batch, SMALL):
            moved = compile_parsed(with_threshold(document, flip.category, flip.level, flip.moved_to))
            verdict = decide(batch, moved)
            assert (int(verdict.outcome[0]), int(verdict.min_age[0])) == (flip.outcome, flip.min_age), (score, flip)


def test_flips_are_asked_of_one_item() -> None:
    with pytest.raises(ValueError, match="one item"):
        flips_at(POPULATION.batch_for(ACTIVE), ACTIVE)
