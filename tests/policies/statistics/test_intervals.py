"""Wilson intervals against published values; precision and recall over strata against counts and by simulation."""

import random

import pytest

from policies.statistics.intervals import LABEL_FLOOR, Stratum, precision, recall, wilson


# R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_agrees_with_published_values(k: int, n: int, low: float, high: float) -> None:
    interval = wilson(k, n)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)
    assert interval.estimate == k / n
    assert interval.n == n


def test_the_bounds_are_where_the_score_test_just_rejects() -> None:
    z = 1.959963984540054
    for k, n in ((3, 10), (50, 60), (7, 1000)):
        interval = wilson(k, n)
        for p in (interval.low, interval.high):
            assert abs(k / n - p) / (p * (1 - p) / n) ** 0.5 == pytest.approx(z, rel=1e-9)


def test_wilson_is_symmetric_and_keeps_its_ends() -> None:
    one, other = wilson(3, 40), wilson(37, 40)
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low))
    assert wilson(0, 9).low == 0.0
    assert wilson(9, 9).high == 1.0


def test_no_trials_say_nothing() -> None:
    assert (wilson(0, 0).low, wilson(0, 0).high, wilson(0, 0).n) == (0.0, 1.0, 0)


def test_more_confidence_is_a_wider_interval() -> None:
    assert wilson(5, 50, 0.99).low < wilson(5, 50, 0.9).low
    with pytest.raises(ValueError, match="confidence"):
        wilson(5, 50, 1.0)


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (0, -1)])
def test_impossible_counts_are_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="successes"):
        wilson(k, n)


def flagged(items: int, labels: int, harmful: int, sampled: str = "escalated", is_random: bool = False) -> Stratum:
    return Stratum(sampled, True, items, labels, harmful, is_random)


def left(items: int, labels: int, harmful: int, sampled: str = "audit", is_random: bool = True) -> Stratum:
    return Stratum(sampled, False, items, labels, harmful, is_random)


def test_one_stratum_of_many_items_is_a_wilson_interval() -> None:
    estimate = precision([flagged(10_000_000, 100, 80)])
    plain = wilson(80, 100)
    assert estimate.interval is not None
    assert estimate.interval.estimate == pytest.approx(0.8)
    assert estimate.interval.low == pytest.approx(plain.low, abs=0.01)
    assert estimate.interval.high == pytest.approx(plain.high, abs=0.01)
    assert estimate.interval.n == estimate.n_labels == 100


def test_strata_count_by_their_items_and_not_by_their_labels() -> None:
    estimate = precision([flagged(9000, 50, 50, "audit", True), flagged(1000, 500, 0)])
    assert estimate.interval is not None
    assert estimate.interval.estimate == pytest.approx(0.9)
    assert estimate.sampled == ("audit", "escalated")
    assert not estimate.is_random


def test_labels_of_every_item_leave_no_doubt() -> None:
    estimate = precision([flagged(8, 8, 6)])
    assert estimate.interval is not None
    assert (estimate.interval.low, estimate.interval.high) == (0.75, 0.75)
    assert estimate.is_random


def test_below_the_floor_no_estimate_is_given() -> None:
    estimate = precision([flagged(500, LABEL_FLOOR - 1, 3)])
    assert estimate.interval is None
    assert "at least 20" in estimate.refusal
    assert estimate.n_labels == LABEL_FLOOR - 1


def test_nothing_flagged_is_no_precision() -> None:
    assert precision([left(500, 100, 3)]).interval is None
    assert precision([]).interval is None


def test_what_has_no_labels_is_told_by_what_is_represented() -> None:
    estimate = precision([flagged(600, 100, 90), flagged(400, 2, 0, "blocked at once")])
    assert estimate.interval is not None
    assert estimate.represented == pytest.approx(0.6)
    assert estimate.n_labels == 100


def test_recall_weighs_what_was_left_alone_by_its_size() -> None:
    estimate = recall([flagged(1000, 100, 50), left(99_000, 1000, 10)])
    assert estimate.interval is not None
    assert estimate.interval.estimate == pytest.approx(500 / (500 + 990))
    assert estimate.interval.low < estimate.interval.estimate < estimate.interval.high


def test_recall_needs_labels_of_most_of_what_is_left_alone() -> None:
    reported = left(500, 400, 100, "reported", is_random=False)
    estimate = recall([flagged(1000, 100, 50), reported, left(99_000, 3, 0)])
    assert estimate.interval is None
    assert "leaves alone" in estimate.refusal


def test_no_harm_found_among_what_is_left_still_leaves_doubt() -> None:
    estimate = recall([flagged(1000, 100, 50), left(99_000, 60, 0)])
    assert estimate.interval is not None
    assert estimate.interval.estimate == 1.0
    assert estimate.interval.low < 0.6


def test_no_harm_at_all_is_nothing_to_recall() -> None:
    estimate = recall([flagged(1000, 100, 0), left(99_000, 100, 0)])
    assert estimate.interval is None
    assert "nothing to recall" in estimate.refusal


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["precision", "recall"])
def test_the_intervals_cover_the_truth_about_as_often_as_they_say(kind: str) -> None:
    # Three flagged strata of unlike harm and size, sampled unlike, and one left alone: 1,000 draws of labels.
    truth = [(True, 3000, 0.9, 60), (True, 1000, 0.4, 200), (True, 500, 0.7, 400), (False, 50_000, 0.02, 800)]
    hits = sum(n * rate for is_in, n, rate, _ in truth if is_in)
    total = sum(n * rate for _, n, rate, _ in truth) if kind == "recall" else sum(n for is_in, n, *_ in truth if is_in)
    draw, covered, runs = random.Random(3), 0, 1000
    for _ in range(runs):
        strata = [
            Stratum(str(i), is_in, n, m, _drawn(draw, n, round(n * rate), m), True)
            for i, (is_in, n, rate, m) in enumerate(truth)
        ]
        interval = (recall if kind == "recall" else precision)(strata).interval
        assert interval is not None
        covered += interval.low <= hits / total <= interval.high
    assert 0.93 <= covered / runs <= 0.99


def _drawn(draw: random.Random, n: int, harmful: int, labels: int) -> int:
    """Return how many of `labels` items, drawn without putting back, are harmful."""
    return sum(i < harmful for i in draw.sample(range(n), labels))
