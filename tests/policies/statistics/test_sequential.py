"""Looking after every batch keeps the promised error, and finds a planted change."""

import math

import numpy as np
import pytest

from policies.statistics.sequential import compare_rates

ALPHA = 0.05


def looks(seed: int, p_control: float, p_canary: float, *, n_looks: int, size: int, margin: float) -> int | None:
    """Return the look at which the alarm came, or None."""
    draw = np.random.default_rng(seed)
    control = draw.binomial(size, p_control, n_looks).cumsum()
    canary = draw.binomial(size, p_canary, n_looks).cumsum()
    for i in range(n_looks):
        n = (i + 1) * size
        if compare_rates(n, int(control[i]), n, int(canary[i]), alpha=ALPHA, margin=margin).is_alarm:
            return i
    return None


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
def test_looking_eighty_times_raises_no_more_false_alarms_than_alpha(rate: float) -> None:
    alarms = [looks(seed, rate, rate, n_looks=80, size=50, margin=0.0) for seed in range(200)]
    assert sum(look is not None for look in alarms) <= ALPHA * len(alarms)


@pytest.mark.slow
def test_a_difference_as_large_as_the_margin_raises_none_either() -> None:
    alarms = [looks(seed, 0.05, 0.08, n_looks=80, size=60, margin=0.03) for seed in range(200)]
    assert sum(look is not None for look in alarms) <= ALPHA * len(alarms)


@pytest.mark.slow
def test_a_planted_change_is_found_in_either_direction() -> None:
    for p_canary in (0.12, 0.01):
        found = [looks(seed, 0.05, p_canary, n_looks=100, size=50, margin=0.01) for seed in range(100)]
        assert all(look is not None for look in found)


@pytest.mark.slow
def test_the_bounds_hold_at_every_look_together() -> None:
    wrong = 0
    for seed in range(100):
        draw = np.random.default_rng(seed)
        control, canary = draw.binomial(10, 0.2, 80).cumsum(), draw.binomial(3, 0.3, 80).cumsum()
        seen = [
            compare_rates(10 * i + 10, int(control[i]), 3 * i + 3, int(canary[i]), alpha=ALPHA, margin=0)
            for i in range(80)
        ]
        wrong += any(not c.low <= 0.1 <= c.high for c in seen)
    assert wrong <= ALPHA * 100


@pytest.mark.parametrize(
    "counts", [(40, 5, 30, 9), (1000, 10, 100, 0), (500, 0, 500, 0), (7, 7, 9, 0), (3, 1, 2, 2), (9, 0, 12, 12)]
)
def test_the_bounds_are_the_ends_of_the_confidence_set_on_a_fine_grid(counts: tuple[int, int, int, int]) -> None:
    low, high = _by_grid(*counts)
    comparison = compare_rates(*counts, alpha=ALPHA, margin=0.0)
    assert comparison.low == pytest.approx(low, abs=2e-3)
    assert comparison.high == pytest.approx(high, abs=2e-3)


def _by_grid(n0: int, k0: int, n1: int, k1: int) -> tuple[float, float]:
    p = np.linspace(0, 1, 2001)
    inside = _martingale(n0, k0, p)[:, None] + _martingale(n1, k1, p)[None, :] < math.log(1 / ALPHA)
    rows, columns = np.nonzero(inside)
    gaps = p[columns] - p[rows]
    return float(gaps.min()), float(gaps.max())


def _martingale(n: int, k: int, p: np.ndarray) -> np.ndarray:
    mixed = sum(math.log((i + 0.5) / (i + 1)) for i in range(k)) + sum(math.log(i + 0.5) for i in range(n - k))
    mixed -= sum(math.log(i + 1) for i in range(k, n))
    with np.errstate(divide="ignore", invalid="ignore"):
        mass = (k * np.log(p) if k else 0 * p) + ((n - k) * np.log(1 - p) if n - k else 0 * p)
    martingale: np.ndarray = mixed - mass
    return martingale


def test_swapping_the_arms_turns_the_sign() -> None:
    one = compare_rates(400, 20, 100, 12, alpha=ALPHA, margin=0.0)
    other = compare_rates(100, 12, 400, 20, alpha=ALPHA, margin=0.0)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


def test_nothing_seen_says_nothing_and_raises_no_alarm() -> None:
    for counts in ((0, 0, 0, 0), (0, 0, 50, 50), (50, 0, 0, 0)):
        comparison = compare_rates(*counts, alpha=ALPHA, margin=0.0)
        assert (comparison.low, comparison.high, comparison.is_alarm) == (-1.0, 1.0, False)


def test_the_direction_is_told() -> None:
    more = compare_rates(10_000, 100, 1000, 200, alpha=0.01, margin=0.02)
    fewer = compare_rates(10_000, 2000, 1000, 10, alpha=0.01, margin=0.02)
    assert more.is_alarm
    assert (more.is_above, more.is_below) == (True, False)
    assert fewer.is_alarm
    assert (fewer.is_above, fewer.is_below) == (False, True)


def test_a_larger_margin_lets_a_small_difference_pass() -> None:
    counts = (100_000, 5000, 100_000, 5800)
    assert compare_rates(*counts, alpha=ALPHA, margin=0.0).is_alarm
    assert not compare_rates(*counts, alpha=ALPHA, margin=0.01).is_alarm


def test_hundreds_of_millions_of_items_stay_exact() -> None:
    comparison = compare_rates(400_000_000, 20_000_000, 4_000_000, 200_000, alpha=ALPHA, margin=0.0)
    assert comparison.low < 0 < comparison.high
    assert comparison.high - comparison.low < 0.002


@pytest.mark.parametrize(
    ("counts", "alpha", "margin"),
    [
        ((5, 6, 5, 0), 0.05, 0.0),
        ((5, -1, 5, 0), 0.05, 0.0),
        ((5, 1, 5, 1), 0.0, 0.0),
        ((5, 1, 5, 1), 0.05, -0.1),
        ((5, 1, 5, 1), 0.05, 1.0),
    ],
)
def test_impossible_input_is_refused(counts: tuple[int, int, int, int], alpha: float, margin: float) -> None:
    with pytest.raises(ValueError, match="must"):
        compare_rates(*counts, alpha=alpha, margin=margin)
