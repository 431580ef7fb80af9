"""Reliability, drift and disagreement, from columns and from counts."""

import numpy as np
import pytest

from policies.statistics.calibration import (
    PSI_ALARM,
    DriftLevel,
    calibration_error,
    disagreement,
    drift,
    reliability,
    reliability_of,
    share_shift,
    worse,
)


def test_a_calibrated_score_lies_inside_its_intervals() -> None:
    draw = np.random.default_rng(1)
    scores = draw.random(20_000)
    bins = reliability(scores, draw.random(20_000) < scores)
    assert len(bins) == 10
    assert sum(b.is_off for b in bins) <= 1
    error = calibration_error(bins)
    assert error is not None
    assert error < 0.02


def test_an_overconfident_score_is_seen_to_be_off() -> None:
    draw = np.random.default_rng(1)
    scores = draw.random(5000)
    bins = reliability(scores, draw.random(5000) < scores / 2)
    assert all(b.is_off for b in bins[4:])
    assert calibration_error(bins) == pytest.approx(0.25, abs=0.02)


def test_bins_count_every_item_once_at_both_ends() -> None:
    bins = reliability(np.array([0.0, 0.1, 0.95, 1.0]), np.array([False, True, True, True]))
    assert [(b.low, b.rate.n, b.rate.estimate) for b in bins] == [(0.0, 1, 0.0), (0.1, 1, 1.0), (0.9, 2, 1.0)]
    assert bins[-1].mean_score == pytest.approx(0.975)


def test_a_hand_worked_calibration_error() -> None:
    bins = reliability_of([4, 0, 6], [1, 0, 6], [0.4, 0.0, 5.4])
    assert calibration_error(bins) == pytest.approx(0.4 * abs(0.1 - 0.25) + 0.6 * abs(0.9 - 1.0))


def test_no_items_have_no_error_rather_than_none_at_all() -> None:
    assert reliability(np.array([]), np.array([], bool)) == ()
    assert calibration_error(()) is None


def test_scores_that_are_no_probabilities_are_refused() -> None:
    for bad in (np.nan, -0.1, 1.1):
        with pytest.raises(ValueError, match=r"\[0, 1\]"):
            reliability(np.array([0.5, bad]), np.array([True, False]))
    with pytest.raises(ValueError, match="one label"):
        reliability(np.array([0.5]), np.array([True, False]))


def test_a_hand_worked_stability_index() -> None:
    # (0.4 - 0.5) ln(0.4 / 0.5) + (0.6 - 0.5) ln(0.6 / 0.5)
    assert drift([5000, 5000], [4000, 6000]).psi == pytest.approx(0.0405465, abs=1e-6)


def test_the_index_does_not_care_which_week_came_first() -> None:
    assert drift([10, 20, 70], [30, 30, 40]).psi == pytest.approx(drift([30, 30, 40], [10, 20, 70]).psi)


def test_levels_follow_the_rule_of_thumb_when_there_are_enough_scores() -> None:
    assert drift([5000, 5000], [5000, 5000]).level is DriftLevel.STEADY
    assert drift([5000, 5000], [3300, 6700]).level is DriftLevel.WATCH
    alarm = drift([5000, 5000], [2000, 8000])
    assert (alarm.level, alarm.psi > PSI_ALARM) == (DriftLevel.ALARM, True)


def test_a_few_scores_raise_no_alarm_by_chance() -> None:
    draw, share = np.random.default_rng(2), np.full(13, 1 / 13)
    levels = [drift(draw.multinomial(40, share).tolist(), draw.multinomial(40, share).tolist()) for _ in range(1000)]
    assert sum(d.psi >= PSI_ALARM for d in levels) > 300
    assert sum(d.level is DriftLevel.ALARM for d in levels) <= 5


def test_without_a_shift_the_index_passes_its_noise_once_in_a_thousand() -> None:
    draw, share = np.random.default_rng(5), np.full(13, 1 / 13)
    passed = sum(
        d.psi > d.noise
        for d in (
            drift(draw.multinomial(3000, share).tolist(), draw.multinomial(2000, share).tolist()) for _ in range(4000)
        )
    )
    assert passed <= 12


def test_an_empty_week_is_unknown_and_not_steady() -> None:
    assert drift([0, 0], [5, 5]).level is DriftLevel.UNKNOWN
    assert drift([5, 5], [0, 0]).level is DriftLevel.UNKNOWN


def test_a_score_in_a_new_bin_is_a_finite_shift() -> None:
    assert 0 < drift([1000, 0], [999, 1]).psi < 0.01
    with pytest.raises(ValueError, match="same bins"):
        drift([1, 2], [1, 2, 3])


def test_disagreement_tells_false_alarms_from_misses() -> None:
    seen = disagreement(both=40, machine_only=10, people_only=5, neither=45)
    assert seen.overall.estimate == pytest.approx(0.15)
    assert seen.false_alarms.estimate == pytest.approx(0.2)
    assert seen.misses.estimate == pytest.approx(5 / 45)
    assert (seen.false_alarms.n, seen.misses.n) == (50, 45)
    with pytest.raises(ValueError, match="negative"):
        disagreement(1, -1, 0, 0)


def test_a_rare_category_that_doubles_is_an_alarm() -> None:
    assert share_shift(100, 10_000, 220, 10_000).level is DriftLevel.ALARM
    assert share_shift(220, 10_000, 100, 10_000).level is DriftLevel.ALARM
    assert share_shift(1000, 10_000, 1350, 10_000).level is DriftLevel.WATCH
    assert share_shift(10_000, 100_000, 11_000, 100_000).level is DriftLevel.STEADY


def test_a_share_that_doubles_by_chance_is_none() -> None:
    assert share_shift(2, 100, 4, 100).level is DriftLevel.STEADY
    assert share_shift(0, 0, 4, 100).level is DriftLevel.UNKNOWN


def test_the_worse_level_counts() -> None:
    assert worse(DriftLevel.STEADY, DriftLevel.ALARM, DriftLevel.UNKNOWN) is DriftLevel.ALARM
    assert worse(DriftLevel.UNKNOWN, DriftLevel.STEADY) is DriftLevel.STEADY
