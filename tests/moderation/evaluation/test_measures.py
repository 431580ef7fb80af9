"""Measures against values worked out by hand, and against what must hold for any scores."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from moderation.evaluation import measures

Y = np.array([True, False, True, False, False])
P = np.array([0.9, 0.8, 0.7, 0.2, 0.1])


def test_average_precision_is_the_mean_of_precision_at_each_hit() -> None:
    assert measures.average_precision(Y, P) == pytest.approx((1 / 1 + 2 / 3) / 2)


def test_ties_are_one_step() -> None:
    assert measures.average_precision(np.array([True, False]), np.array([0.5, 0.5])) == pytest.approx(0.5)


def test_without_a_positive_there_is_no_average_precision_nor_recall() -> None:
    none = np.zeros(3, bool)
    assert math.isnan(measures.average_precision(none, P[:3]))
    assert math.isnan(measures.recall_at(none, P[:3], 0.5))


def test_counts_at_a_threshold() -> None:
    assert measures.recall_at(Y, P, 0.75) == 0.5
    assert measures.precision_at(Y, P, 0.75) == 0.5
    assert measures.f1_at(Y, P, 0.75) == 0.5
    assert measures.f1_at(Y, P, 0.95) == 0.0
    assert measures.share_left_alone(P, 0.75) == 0.6


def test_a_calibrated_score_has_no_calibration_error_and_a_sure_wrong_one_has_all() -> None:
    assert measures.calibration_error(np.array([True, False, True, False]), np.full(4, 0.5)) == 0.0
    assert measures.calibration_error(np.array([False, False]), np.array([1.0, 1.0])) == 1.0


@pytest.mark.parametrize(("recall", "threshold"), [(0.5, 0.9), (0.51, 0.7), (1.0, 0.7)])
def test_the_threshold_for_a_recall_is_the_highest_that_reaches_it(recall: float, threshold: float) -> None:
    assert measures.threshold_for_recall(Y, P, recall) == threshold
    assert measures.recall_at(Y, P, threshold) >= recall


def test_no_threshold_can_be_chosen_without_a_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        measures.threshold_for_recall(np.zeros(3, bool), P[:3], 0.8)


@given(
    y=hnp.arrays(bool, st.shared(st.integers(1, 40), key="n")),
    p=hnp.arrays(np.float64, st.shared(st.integers(1, 40), key="n"), elements=st.floats(0, 1)),
)
def test_bounds_hold_for_any_scores(y: np.ndarray, p: np.ndarray) -> None:
    assert 0 <= measures.calibration_error(y, p) <= 1
    assert sum(b.n for b in measures.reliability(y, p)) == len(y)
    if y.any():
        assert y.mean() / len(y) - 1e-9 <= measures.average_precision(y, p) <= 1 + 1e-9
