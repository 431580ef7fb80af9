"""Precision and recall of both versions of a simulation, from the strata of labels it counted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from policies.replay.outcomes import LabelStratum
from policies.replay.slider import CurvePoint
from policies.statistics.intervals import LABEL_FLOOR, Estimate, Stratum, precision, recall

#: How an item came before a person, in words. Keys of outcomes.SAMPLED.
SAMPLED_WORDS = {
    "escalated": "escalated",
    "reported": "reported",
    "random": "random audit",
    "other": "other ways",
}
#: Violating items without which a curve of one way of sampling is not drawn from it alone.
_MIN_VIOLATING = 10


@dataclass(frozen=True, slots=True)
class Quality:
    """What labels say of both versions for one category, or for everything where `category` is ""."""

    category: str
    precision_before: Estimate
    precision_after: Estimate
    recall_before: Estimate
    recall_after: Estimate


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision over recall among items that came before people in one way; points as (threshold, recall, precision)."""

    sampled: str
    n_labels: int
    points: tuple[tuple[float, float, float], ...]


def quality_of(rows: Sequence[LabelStratum], category: str) -> Quality:
    """Return the estimates of one category, "" for everything."""
    mine = [row for row in rows if row.category == category]
    before, after = (_strata(mine, is_after=is_after) for is_after in (False, True))
    return Quality(category, precision(before), precision(after), recall(before), recall(after))


def _strata(rows: Iterable[LabelStratum], *, is_after: bool) -> list[Stratum]:
    """Return one stratum for each way in which both versions treat items."""
    cells = sorted(rows, key=_cell)
    return [_pool(list(group), cell[is_after]) for cell, group in groupby(cells, key=_cell)]


def _cell(row: LabelStratum) -> tuple[bool, bool]:
    return row.acts_before, row.acts_after


def _pool(rows: list[LabelStratum], is_flagged: bool) -> Stratum:
    """Return the labels to go by: a random sample where it is large enough, since it speaks for all; else all together."""
    random = [row for row in rows if row.sampled == "random" and row.n_labels >= LABEL_FLOOR]
    used = random or rows
    return Stratum(
        sampled=" and ".join(SAMPLED_WORDS[row.sampled] for row in used if row.n_labels),
        is_flagged=is_flagged,
        n_items=rows[0].n_items,
        n_labels=sum(row.n_labels for row in used),
        n_harmful=sum(row.n_violating for row in used),
        is_random=bool(random),
    )


def curve_of(points: Sequence[CurvePoint]) -> Curve | None:
    """Return the curve to draw: of the random sample where it holds enough violating items, else of the largest one.

    None where nobody found anything violating.
    """
    ways: dict[str, list[CurvePoint]] = {}
    for point in points:
        ways.setdefault(point.sampled, []).append(point)
    if not ways:
        return None
    found = {way: _n_violating(way_points[0]) for way, way_points in ways.items()}
    best = max(ways, key=lambda way: (way == "random" and found[way] >= _MIN_VIOLATING, found[way]))
    if not found[best]:
        return None
    drawn = tuple(at for point in ways[best] if (at := place_of(point)))
    return Curve(best, max(point.n_above for point in ways[best]), drawn)


def _n_violating(point: CurvePoint) -> int:
    return point.n_violating + point.n_violating_below


def place_of(point: CurvePoint) -> tuple[float, float, float] | None:
    """Return threshold, recall and precision of a point; None where no labelled item lies above it or none violates."""
    if not (point.n_above and _n_violating(point)):
        return None
    return point.threshold, point.n_violating / _n_violating(point), point.n_violating / point.n_above
