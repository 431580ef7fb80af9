"""How far scores can be believed: reliability, drift from week to week, and where machines and people disagree.

Pure: numpy over columns and counts, no ORM, no clock.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from policies.statistics.intervals import Interval, wilson

#: Upper edges of the score bins that weekly summaries count: finer at both ends, where most scores lie.
SCORE_EDGES: tuple[float, ...] = (0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97, 1.0)
#: Population stability index from which a shift is worth a look, and from which it is an alarm: the rule of thumb of
#: credit scoring, where the index comes from. Source: N. Siddiqi, Credit Risk Scorecards, 2006.
PSI_WATCH, PSI_ALARM = 0.1, 0.25
#: Standard deviations of the normal distribution beyond which one shift in a thousand lies by chance alone.
_CHANCE_Z = 3.09
#: Times by which a share must change to be worth a look, and to be an alarm: with rare categories the index, which weighs
#: shares of all items, stays silent when what is found doubles.
_TIMES_WATCH, _TIMES_ALARM = 1.25, 2.0
#: Confidence at which two shares must lie apart.
_SURE = 0.999

_Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Bin:
    """Items whose score lies in [low, high): their mean score, and how many of them people found harmful."""

    low: float
    high: float
    mean_score: float
    rate: Interval

    @property
    def is_off(self) -> bool:
        """True when the mean score lies outside the interval of the rate: chance alone does not explain it."""
        return not self.rate.low <= self.mean_score <= self.rate.high


class DriftLevel(enum.Enum):
    """How much a distribution moved."""

    UNKNOWN = "unknown"
    STEADY = "steady"
    WATCH = "watch"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Drift:
    """Two distributions of one score compared.

    psi: population stability index, >= 0; 0 for equal distributions
    noise: what the index reaches by chance once in a thousand with so many scores
    n_before, n_after: scores in each
    level: UNKNOWN where one of them is empty; no more than STEADY while the index is below the noise
    """

    psi: float
    noise: float
    n_before: int
    n_after: int
    level: DriftLevel


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Machine against people on the same items.

    both, machine_only, people_only, neither: number of items that each found harmful
    overall: share on which they differ
    false_alarms: share of what the machine found harmful that people did not
    misses: share of what people found harmful that the machine did not
    """

    both: int
    machine_only: int
    people_only: int
    neither: int
    overall: Interval
    false_alarms: Interval
    misses: Interval


def reliability(scores: _Floats, harmful: npt.NDArray[np.bool_], n_bins: int = 10) -> tuple[Bin, ...]:
    """Return bins of equal width over [0, 1] that hold at least one item, from the lowest score up.

    Args: scores (n,) in [0, 1]; harmful (n,) what people said.
    Raises: ValueError when the lengths differ or a score is NaN or outside [0, 1].
    """
    if len(scores) != len(harmful):
        raise ValueError("each score needs one label")
    if len(scores) and not (scores.min() >= 0 and scores.max() <= 1):
        raise ValueError("scores must lie in [0, 1]")
    place = np.minimum((scores * n_bins).astype(np.intp), n_bins - 1)
    counts = np.bincount(place, minlength=n_bins)
    hits = np.bincount(place, weights=harmful, minlength=n_bins)
    sums = np.bincount(place, weights=scores, minlength=n_bins)
    return reliability_of(counts.tolist(), hits.astype(int).tolist(), sums.tolist())


def reliability_of(counts: Sequence[int], hits: Sequence[int], sums: Sequence[float]) -> tuple[Bin, ...]:
    """Return the bins from their counts, harmful counts and sums of scores, as a database would give them.

    The bins are of equal width over [0, 1], one for each entry, from the lowest up; empty ones are left out.
    """
    n = len(counts)
    return tuple(
        Bin(i / n, (i + 1) / n, float(total / count), wilson(k, count))
        for i, (count, k, total) in enumerate(zip(counts, hits, sums, strict=True))
        if count
    )


def calibration_error(bins: Sequence[Bin]) -> float | None:
    """Return the expected calibration error in [0, 1]: distance of mean score and rate, weighted by items; None without any.

    Source: M. P. Naeini, G. F. Cooper and M. Hauskrecht, AAAI 2015.
    """
    total = sum(b.rate.n for b in bins)
    if not total:
        return None
    return sum(b.rate.n * abs(b.mean_score - b.rate.estimate) for b in bins) / total


def drift(before: Sequence[int], after: Sequence[int]) -> Drift:
    """Return how far the distribution of scores moved between two periods, each given as counts over the same bins.

    Empty bins count as half an item, so that a single score in a new bin is not an infinite shift.
    Raises: ValueError when the bins differ in number.
    Source: for the chance level, B. Yurdakul, Statistical properties of the population stability index, 2018: without
    a shift, psi * n m / (n + m) follows a chi-squared distribution with bins - 1 degrees of freedom.
    """
    if len(before) != len(after):
        raise ValueError("both periods must be counted over the same bins")
    n, m = int(sum(before)), int(sum(after))
    if not (n and m):
        return Drift(0.0, 0.0, n, m, DriftLevel.UNKNOWN)
    used = [(b, a) for b, a in zip(before, after, strict=True) if b or a]
    was = np.array([max(b, 0.5) for b, _ in used])
    now = np.array([max(a, 0.5) for _, a in used])
    was, now = was / was.sum(), now / now.sum()
    psi = float(((now - was) * np.log(now / was)).sum())
    noise = _chi_squared_tail(len(used) - 1) * (n + m) / (n * m)
    return Drift(psi, noise, n, m, _level(psi, noise))


def _level(psi: float, noise: float) -> DriftLevel:
    if psi < PSI_WATCH or psi <= noise:
        return DriftLevel.STEADY
    return DriftLevel.ALARM if psi >= PSI_ALARM else DriftLevel.WATCH


def _chi_squared_tail(degrees: int) -> float:
    """Return what a chi-squared variable exceeds once in a thousand (Wilson and Hilferty, 1931; at most 3.1 % high)."""
    if degrees < 1:
        return 0.0
    step = 2 / (9 * degrees)
    return float(degrees * (1 - step + _CHANCE_Z * step**0.5) ** 3)


@dataclass(frozen=True, slots=True)
class ShareShift:
    """A share in one period and in the next, such as the items in which a detector found anything."""

    before: Interval
    after: Interval
    level: DriftLevel


def share_shift(k_before: int, n_before: int, k_after: int, n_after: int) -> ShareShift:
    """Return how far a share moved. It is worth a look when it changed by a quarter and an alarm when it doubled or halved,
    each time only if the intervals at 99.9 % lie apart.

    Raises: ValueError when more items count than there are.
    """
    before, after = wilson(k_before, n_before, _SURE), wilson(k_after, n_after, _SURE)
    if not (n_before and n_after):
        return ShareShift(before, after, DriftLevel.UNKNOWN)
    lower, higher = sorted((before.estimate, after.estimate))
    if before.low <= after.high and after.low <= before.high:
        return ShareShift(before, after, DriftLevel.STEADY)
    if higher >= _TIMES_ALARM * lower:
        return ShareShift(before, after, DriftLevel.ALARM)
    level = DriftLevel.WATCH if higher >= _TIMES_WATCH * lower else DriftLevel.STEADY
    return ShareShift(before, after, level)


def worse(*levels: DriftLevel) -> DriftLevel:
    """Return the level that asks for more attention."""
    return max(levels, key=list(DriftLevel).index)


def disagreement(both: int, machine_only: int, people_only: int, neither: int) -> Disagreement:
    """Return how often machine and people differ on the items that both judged.

    Raises: ValueError when a count is negative.
    """
    if min(both, machine_only, people_only, neither) < 0:
        raise ValueError("counts must not be negative")
    return Disagreement(
        both=both,
        machine_only=machine_only,
        people_only=people_only,
        neither=neither,
        overall=wilson(machine_only + people_only, both + machine_only + people_only + neither),
        false_alarms=wilson(machine_only, both + machine_only),
        misses=wilson(people_only, both + people_only),
    )
