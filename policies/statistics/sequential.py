"""Two rates compared as often as one likes: the error stays below alpha over all looks together. Pure.

For canaries: a look every minute with a fixed-sample test would raise a false alarm sooner or later, and surely so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Weight of the mixture over each arm's rate: Jeffreys' Beta(1/2, 1/2), which does not favour the middle for rare events.
_SHAPE = 0.5
#: Relative width at which the search for a bound stops: far below what any count of items can tell apart.
_PRECISION = 1e-9


@dataclass(frozen=True, slots=True)
class RateComparison:
    """The canary's rate less the control's, with bounds that hold at every look together.

    estimate, low, high: in [-1, 1]; estimate is 0 while one of the arms is empty
    margin: the difference that is let pass, in either direction
    is_alarm: the whole interval lies outside the margin
    """

    estimate: float
    low: float
    high: float
    margin: float
    is_alarm: bool

    @property
    def is_above(self) -> bool:
        """True when the canary's rate is surely higher by more than the margin."""
        return self.low > self.margin

    @property
    def is_below(self) -> bool:
        """True when the canary's rate is surely lower by more than the margin."""
        return self.high < -self.margin


def compare_rates(
    n_control: int, k_control: int, n_canary: int, k_canary: int, *, alpha: float, margin: float
) -> RateComparison:
    """Return how far apart two rates are, by counts gathered so far; may be called after every item.

    Args:
        n_control, n_canary: items seen in each arm since the start, never reset when an answer displeases
        k_control, k_canary: those of them with the event
        alpha: probability, over all looks together, that the interval ever misses the true difference, in (0, 1)
        margin: difference that is let pass, in [0, 1)
    Raises: ValueError when a count is impossible or a parameter out of its range.

    For each arm the likelihood mixed over Beta(1/2, 1/2) and divided by the likelihood at the true rate is a martingale
    that starts at 1; so is the product for the two arms, which are independent. It stays below 1 / alpha for ever with
    probability 1 - alpha, so the rates for which it does are a confidence set at every look. The bounds are the smallest
    and largest difference in that set. It takes items as independent and an arm's rate as constant while counted.
    Source: J. Ville, 1939; H. Robbins, Annals of Mathematical Statistics 41 (1970), on mixtures; S. R. Howard, A. Ramdas,
    J. McAuliffe and J. Sekhon, Annals of Statistics 49 (2021), on confidence sequences.
    """
    _check(n_control, k_control, n_canary, k_canary, alpha, margin)
    control, canary = _Arm(n_control, k_control), _Arm(n_canary, k_canary)
    limit = math.log(1 / alpha)
    low = _farthest(control, canary, limit)
    high = -_farthest(canary, control, limit)
    estimate = canary.rate - control.rate if n_control and n_canary else 0.0
    is_alarm = low > margin or high < -margin
    return RateComparison(estimate, min(low, estimate), max(high, estimate), margin, is_alarm)


class _Arm:
    """Counts of one arm and the log of its martingale at any rate."""

    def __init__(self, n: int, k: int) -> None:
        self.n, self.k = n, k
        self.rate = k / n if n else 0.5
        self._mixed = _log_beta(k + _SHAPE, n - k + _SHAPE) - _log_beta(_SHAPE, _SHAPE)

    def log_martingale(self, p: float) -> float:
        """Return log(mixed likelihood / likelihood at p); infinite where p cannot have given the counts."""
        return self._mixed - _times_log(self.k, p) - _times_log(self.n - self.k, 1 - p)

    def at_slope(self, slope: float) -> float:
        """Return the rate at which the log martingale rises with this slope: above the observed rate for slopes > 0.

        It solves (n p - k) / (p (1 - p)) = slope.
        """
        if slope < 0:  # by symmetry, from the other end
            return 1 - _Mirror(self).at_slope(-slope)
        return _root(slope, self.n - slope, self.k)


class _Mirror(_Arm):
    """An arm that counts the items without the event."""

    def __init__(self, arm: _Arm) -> None:
        self.n, self.k = arm.n, arm.n - arm.k


def _root(a: float, b: float, k: float) -> float:
    """Return the solution in [0, 1] of a p^2 + b p - k = 0, in the form that loses no digits for either sign of b."""
    if a == 0:
        return k / b if b else 0.5
    under = math.sqrt(b * b + 4 * a * k)
    p = 2 * k / (b + under) if b > 0 else (under - b) / (2 * a)
    return min(max(p, 0.0), 1.0)


def _farthest(lower: _Arm, upper: _Arm, limit: float) -> float:
    """Return the least difference upper - lower within the confidence set.

    At the least difference both log martingales have the same slope towards each other (Lagrange), and their sum grows
    with that slope: one search over one number.
    """
    if not (lower.n and upper.n):
        return -1.0
    inside, outside = 0.0, 1.0
    while _sum_at(lower, upper, outside) < limit and outside < 1e18:
        inside, outside = outside, outside * 4
    while outside - inside > _PRECISION * outside:
        middle = (inside + outside) / 2
        if _sum_at(lower, upper, middle) < limit:
            inside = middle
        else:
            outside = middle
    return upper.at_slope(-outside) - lower.at_slope(outside)


def _sum_at(lower: _Arm, upper: _Arm, slope: float) -> float:
    return lower.log_martingale(lower.at_slope(slope)) + upper.log_martingale(upper.at_slope(-slope))


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _times_log(k: int, p: float) -> float:
    if k == 0:
        return 0.0
    return k * math.log(p) if p > 0 else -math.inf


def _check(n_control: int, k_control: int, n_canary: int, k_canary: int, alpha: float, margin: float) -> None:
    if not (0 <= k_control <= n_control and 0 <= k_canary <= n_canary):
        raise ValueError("events must lie between 0 and the number of items")
    if not (0 < alpha < 1 and 0 <= margin < 1):
        raise ValueError("alpha must lie in (0, 1) and margin in [0, 1)")
