"""Precision and recall of both versions from counted strata, and which curve is drawn."""

from __future__ import annotations

import pytest

from policies.replay.estimates import curve_of, place_of, quality_of
from policies.replay.outcomes import LabelStratum
from policies.replay.slider import CurvePoint


def stratum(
    before: bool,
    after: bool,
    n_items: int,
    n_labels: int,
    n_violating: int,
    sampled: str = "escalated",
    category: str = "",
) -> LabelStratum:
    return LabelStratum(category, sampled, before, after, n_items, n_labels, n_violating)


def test_each_version_is_asked_about_what_it_acts_on_itself() -> None:
    rows = [
        stratum(True, True, 1000, 200, 160),
        stratum(True, False, 500, 100, 20),
        stratum(False, False, 50_000, 1000, 10, "random"),
    ]
    found = quality_of(rows, "")
    assert found.precision_before.interval is not None
    assert found.precision_after.interval is not None
    assert found.precision_before.interval.estimate == pytest.approx((800 + 100) / 1500)
    assert found.precision_after.interval.estimate == pytest.approx(0.8)
    assert found.recall_after.interval is not None
    assert found.recall_after.interval.estimate == pytest.approx(800 / (800 + 100 + 500))


def test_a_large_random_sample_speaks_for_its_stratum_alone() -> None:
    rows = [stratum(True, True, 1000, 200, 180), stratum(True, True, 1000, 40, 20, "random")]
    found = quality_of(rows, "").precision_after
    assert found.interval is not None
    assert found.interval.estimate == pytest.approx(0.5)
    assert found.sampled == ("random audit",)
    assert found.is_random


def test_a_small_random_sample_is_put_with_the_others() -> None:
    rows = [stratum(True, True, 1000, 200, 180), stratum(True, True, 1000, 4, 2, "random")]
    found = quality_of(rows, "").precision_after
    assert found.n_labels == 204
    assert not found.is_random
    assert found.sampled == ("escalated and random audit",)


def test_what_nobody_saw_weighs_against_what_is_represented() -> None:
    rows = [stratum(True, True, 400, 100, 90), stratum(False, True, 600, 0, 0, "")]
    found = quality_of(rows, "").precision_after
    assert found.interval is not None
    assert found.represented == pytest.approx(0.4)


def test_without_labels_both_are_refused() -> None:
    found = quality_of([stratum(True, True, 400, 0, 0, "")], "")
    assert found.precision_after.interval is None
    assert found.recall_after.interval is None
    assert quality_of([], "hate").precision_before.interval is None


def test_only_the_category_asked_for_counts() -> None:
    rows = [stratum(True, True, 100, 50, 50, category="hate"), stratum(True, True, 100, 50, 0)]
    found = quality_of(rows, "hate").precision_after.interval
    assert found is not None
    assert found.estimate == 1.0


def point(threshold: float, above: int, violating: int, below: int, sampled: str = "escalated") -> CurvePoint:
    return CurvePoint(threshold, sampled, above, violating, below)


def test_the_curve_of_a_random_sample_is_preferred_when_it_holds_enough() -> None:
    many = [point(0.1, 200, 100, 0), point(0.5, 100, 80, 20)]
    few = [point(0.1, 100, 9, 0, "random"), point(0.5, 40, 8, 1, "random")]
    enough = [point(0.1, 100, 12, 0, "random"), point(0.5, 40, 9, 3, "random")]
    chosen, preferred = curve_of(many + few), curve_of(many + enough)
    assert chosen is not None
    assert preferred is not None
    assert (chosen.sampled, preferred.sampled) == ("escalated", "random")
    assert preferred.points == ((0.1, 1.0, 0.12), (0.5, 0.75, 9 / 40))


def test_no_curve_without_violating_items() -> None:
    assert curve_of([]) is None
    assert curve_of([point(0.1, 50, 0, 0)]) is None


def test_a_point_above_all_labels_has_no_place() -> None:
    assert place_of(point(0.9, 0, 0, 10)) is None
    assert place_of(point(0.9, 5, 4, 6)) == (0.9, 0.4, 0.8)
