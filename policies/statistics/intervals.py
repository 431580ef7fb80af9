"""What samples let one say about rates: Wilson intervals, and precision and recall from labels of unlike samples.

Pure: no ORM, no clock. Nothing is estimated from fewer labels than a floor; the answer then says what is lacking.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

#: Fewer labels than this, and a rate's interval is wider than half the scale: no estimate is given.
LABEL_FLOOR = 20
#: Recall needs to know what is left alone: labels must speak for at least this share of it.
_LEFT_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Interval:
    """A rate estimated from a sample: `low` <= `estimate` <= `high`, all in [0, 1]; n is what it rests on."""

    estimate: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Stratum:
    """Items that came to be labelled in the same way, and that the policy treats alike.

    sampled: how they came to a person, in words: "random audit sample", "escalated by the policy", "reported by viewers"
    is_flagged: the policy acts on these items
    n_items: how many items there are, labelled or not
    n_labels: how many of them people have decided
    n_harmful: of the labelled ones, how many people found harmful
    is_random: the labelled ones were drawn by chance, so they speak for the others
    """

    sampled: str
    is_flagged: bool
    n_items: int
    n_labels: int
    n_harmful: int
    is_random: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """A rate estimated over strata, or why there is none.

    interval: None when it was refused
    refusal: a sentence that says what is lacking; empty where there is an interval
    n_labels: labels it rests on (or would)
    sampled: how the labels came about, each way once, in the order given
    represented: share of the items asked about that lie in strata with enough labels, in [0, 1]
    is_random: every stratum used was sampled by chance, or labelled whole; otherwise the estimate leans on those that
        happened to be reviewed
    """

    interval: Interval | None
    refusal: str
    n_labels: int
    sampled: tuple[str, ...]
    represented: float
    is_random: bool


def wilson(k: int, n: int, confidence: float = 0.95) -> Interval:
    """Return the score interval for k successes in n independent trials; for n = 0 it is all of [0, 1].

    Raises: ValueError unless 0 <= k <= n and confidence lies in (0, 1).
    Source: E. B. Wilson, Journal of the American Statistical Association 22 (1927), without continuity correction.
    """
    if not 0 <= k <= n:
        raise ValueError("successes must lie between 0 and the number of trials")
    if n == 0:
        return Interval(0.5, 0.0, 1.0, 0)
    low, high = _score_interval(k / n, n, confidence)
    # At the ends the formula is exact, floating point is not.
    return Interval(k / n, 0.0 if k == 0 else low, 1.0 if k == n else high, n)


def precision(strata: Sequence[Stratum], confidence: float = 0.95, floor: int = LABEL_FLOOR) -> Estimate:
    """Return the share of what the policy acts on that people find harmful.

    Each stratum counts by its items, not by its labels. Strata below the floor are left out and told by `represented`.
    Raises: ValueError as `wilson`.
    """
    asked = [stratum for stratum in strata if stratum.is_flagged and stratum.n_items]
    return _estimate(asked, [], confidence, floor, "what the policy acts on")


def recall(strata: Sequence[Stratum], confidence: float = 0.95, floor: int = LABEL_FLOOR) -> Estimate:
    """Return the share of what people find harmful that the policy acts on.

    It needs labels on both sides: among what the policy acts on, and among what it leaves alone.
    Raises: ValueError as `wilson`.
    """
    flagged = [stratum for stratum in strata if stratum.is_flagged and stratum.n_items]
    left = [stratum for stratum in strata if not stratum.is_flagged and stratum.n_items]
    if _n_items(_enough(left, floor)) < _LEFT_SHARE * _n_items(left):
        return _refuse([*flagged, *left], floor, "most of what the policy leaves alone")
    return _estimate(flagged, left, confidence, floor, "what the policy acts on", is_recall=True)


def _estimate(
    flagged: list[Stratum], left: list[Stratum], confidence: float, floor: int, what: str, is_recall: bool = False
) -> Estimate:
    used, missed = _enough(flagged, floor), _enough(left, floor)
    if not used:
        return _refuse([*flagged, *left], floor, what)
    counted = [*used, *missed]
    harmful, harmless = _rate_parts(used, missed, is_recall)
    if harmful + harmless == 0:
        return _refuse(counted, floor, "what people found harmful", "None was found, so there is nothing to recall.")
    value = harmful / (harmful + harmless)
    n = sum(stratum.n_labels for stratum in counted)
    low, high = _score_interval(value, _effective(used, missed, is_recall, n), confidence)
    interval = Interval(value, min(max(low, 0.0), value), max(min(high, 1.0), value), n)
    return Estimate(
        interval=interval,
        refusal="",
        n_labels=n,
        sampled=_ways(counted),
        represented=_n_items(counted) / _n_items([*flagged, *left]),
        is_random=all(stratum.is_random or stratum.n_labels == stratum.n_items for stratum in counted),
    )


def _enough(strata: list[Stratum], floor: int) -> list[Stratum]:
    # A small stratum that people labelled whole is known, however small.
    return [s for s in strata if s.n_labels >= floor or (s.n_labels and s.n_labels == s.n_items)]


def _n_items(strata: list[Stratum]) -> int:
    return sum(stratum.n_items for stratum in strata)


def _refuse(strata: list[Stratum], floor: int, what: str, because: str = "") -> Estimate:
    n = sum(stratum.n_labels for stratum in strata)
    lacking = because or f"Too few people's decisions on {what}: at least {floor} sampled in one way are needed."
    return Estimate(None, lacking, n, _ways(strata), 0.0, is_random=False)


def _ways(strata: list[Stratum]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stratum.sampled for stratum in strata if stratum.n_labels))


def _rate_parts(used: list[Stratum], missed: list[Stratum], is_recall: bool, smooth: int = 0) -> tuple[float, float]:
    """Return the two numbers of items whose ratio a / (a + b) is asked: harmful and flagged against the rest."""
    hits = sum(_harmful(stratum, smooth) for stratum in used)
    rest = sum(_harmful(s, smooth) for s in missed) if is_recall else sum(s.n_items for s in used) - hits
    return hits, rest


def _harmful(stratum: Stratum, smooth: int) -> float:
    return stratum.n_items * (stratum.n_harmful + smooth) / (stratum.n_labels + 2 * smooth)


def _effective(used: list[Stratum], missed: list[Stratum], is_recall: bool, n: int) -> float:
    """Return how many plain draws would know the rate as well: a Wilson interval is then taken with that many. Never
    more than there are labels, except where every item is labelled and nothing is left to doubt.

    Variances are taken at rates drawn towards one half by one success and one failure, since a stratum with no harmful
    label is not one without harm. Source: E. L. Korn and B. I. Graubard, Survey Methodology 24 (1998).
    """
    hits, rest = _rate_parts(used, missed, is_recall, smooth=1)
    rate, total = hits / (hits + rest), hits + rest
    if is_recall:
        variance = ((1 - rate) ** 2 * _variance(used) + rate**2 * _variance(missed)) / total**2
    else:
        variance = _variance(used) / total**2
    return min(rate * (1 - rate) / variance, n) if variance else math.inf


def _variance(strata: list[Stratum]) -> float:
    """Return the variance of the number of harmful items, with each stratum's share already labelled taken off."""
    total = 0.0
    for s in strata:
        rate = (s.n_harmful + 1) / (s.n_labels + 2)
        total += s.n_items**2 * rate * (1 - rate) / s.n_labels * max(0.0, 1 - s.n_labels / s.n_items)
    return total


def _score_interval(rate: float, n: float, confidence: float) -> tuple[float, float]:
    if not 0 < confidence < 1:
        raise ValueError("confidence must lie in (0, 1)")
    if math.isinf(n):
        return rate, rate
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    spread = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    centre = rate + z * z / (2 * n)
    return (centre - spread) / (1 + z * z / n), (centre + spread) / (1 + z * z / n)
