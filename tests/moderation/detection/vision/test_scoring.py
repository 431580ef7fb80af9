"""Frames become a clip's score by a stated rule, and margins become probabilities on reference pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.detection.vision.scoring import FLASH_LOGITS, Calibration, CategoryPrompts, fit, fuse, sigmoid

SECONDS = [i * 1_000 for i in range(10)]


def scores(**high: float) -> np.ndarray:
    """Return ten frames of 0.01, some of them higher: at3=0.9."""
    values = np.full(10, 0.01)
    for name, value in high.items():
        values[int(name.removeprefix("at"))] = value
    return values


def less(p: float) -> float:
    return float(sigmoid(np.array(np.log(p / (1 - p)) - FLASH_LOGITS)))


def test_what_is_held_for_two_seconds_counts_in_full() -> None:
    of = fuse(SECONDS, scores(at3=0.9, at4=0.95))
    assert of.score == pytest.approx(0.9)
    assert (of.peak, of.peak_ms, of.start_ms, of.until_ms, of.n_seen) == (0.95, 4_000, 3_000, 4_000, 2)


def test_held_need_not_be_at_a_stretch() -> None:
    assert fuse(SECONDS, scores(at1=0.9, at8=0.9)).held == pytest.approx(0.9)


def test_a_flash_counts_less() -> None:
    of = fuse(SECONDS, scores(at5=0.95))
    assert of.score == pytest.approx(less(0.95)) == pytest.approx(0.875, abs=0.001)
    assert of.held == pytest.approx(0.01)


def test_a_still_counts_in_full() -> None:
    assert fuse([0], np.array([0.97])).score == pytest.approx(0.97)


def test_a_frame_that_stands_for_long_is_held() -> None:
    assert fuse([0, 4_000, 8_000], np.array([0.01, 0.9, 0.01])).score == pytest.approx(0.9)


def test_frames_between_scene_changes_stand_for_little() -> None:
    assert fuse([0, 100, 200, 5_000], np.array([0.9, 0.9, 0.01, 0.01])).held < 0.9


def test_where_it_is_seen_is_the_stretch_around_the_highest_frame() -> None:
    of = fuse(SECONDS, scores(at2=0.6, at3=0.9, at4=0.55, at8=0.7))
    assert (of.start_ms, of.until_ms, of.peak_ms, of.n_seen) == (2_000, 4_000, 3_000, 4)


def test_something_faint_is_where_it_is_faintest_seen() -> None:
    of = fuse(SECONDS, scores(at7=0.2))
    assert (of.start_ms, of.until_ms, of.n_seen) == (7_000, 7_000, 1)


@given(
    st.lists(st.tuples(st.integers(1, 6_000), st.floats(0, 1)), min_size=1, max_size=40),
    st.integers(0, 39),
    st.floats(0, 1),
)
def test_raising_any_frame_never_lowers_the_clip(frames: list[tuple[int, float]], at: int, share: float) -> None:
    times = np.cumsum([gap for gap, _ in frames]).tolist()
    values = np.array([p for _, p in frames])
    raised = values.copy()
    i = at % len(values)
    raised[i] += share * (1 - raised[i])
    before, after = fuse(times, values), fuse(times, raised)
    assert after.score >= before.score - 1e-12
    assert 0 <= after.score <= 1
    assert before.held - 1e-12 <= before.score <= max(before.peak, before.held) + 1e-9


def test_calibration_separates_and_leaves_almost_all_harmless_under_one_half() -> None:
    rng = np.random.default_rng(3)
    is_positive = np.arange(2_000) < 300
    margins = np.where(is_positive, rng.normal(6, 2, 2_000), rng.normal(-4, 2, 2_000))
    of = fit(margins, is_positive)
    p = of(margins)
    assert (p[~is_positive] >= 0.5).mean() <= 0.006
    assert (p[is_positive] >= 0.5).mean() >= 0.97
    assert (of.n_positive, of.n_negative) == (300, 1_700)
    assert of.steepness > 0


def test_calibration_of_a_category_that_nobody_labelled_holds_back_what_looks_harmless() -> None:
    margins = np.linspace(-3, 3, 1_000)
    of = fit(margins, np.zeros(1_000, dtype=bool))
    assert of.steepness == 1.0
    assert (of(margins) >= 0.5).mean() <= 0.006


def test_calibration_is_monotone_even_where_labels_are_upside_down() -> None:
    margins = np.linspace(-3, 3, 200)
    assert fit(margins, margins < 0).steepness > 0


def test_without_anything_to_compare_with_it_changes_nothing() -> None:
    assert fit(np.ones(30), np.ones(30, dtype=bool)) == Calibration()


def test_the_margin_is_harmful_against_all_harmless_ones() -> None:
    axes = np.eye(3, dtype=np.float32)
    prompts = CategoryPrompts(axes[:1], axes[1:])
    frames = np.array([[1, 0, 0], [0, 1, 0], [0.6, 0.8, 0]], dtype=np.float32)
    margins = prompts.margins(frames, scale=10.0)
    assert margins[0] > 8
    assert margins[1] < -8
    assert margins[2] == pytest.approx(6 - np.log(np.exp(8) + 1), abs=1e-4)
