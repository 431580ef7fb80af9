"""Is a canary doing what its control does? Rates of the two, compared so that one may look every minute. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from policies.statistics.sequential import RateComparison, compare_rates

#: What is compared: its name, the count and what it is a share of.
RATES: tuple[tuple[str, str, str], ...] = (
    ("block", "n_blocked", "n"),
    ("escalate", "n_escalated", "n"),
    ("hold", "n_held", "n"),
    ("overturn", "n_overturned", "n_final"),
)


@dataclass(frozen=True, slots=True)
class Counts:
    """Final machine verdicts of one arm. `n_final` are those that a person could overturn: served or blocked."""

    n: int = 0
    n_blocked: int = 0
    n_escalated: int = 0
    n_held: int = 0
    n_final: int = 0
    n_overturned: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Return both together."""
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Limits:
    """How surely and how far a canary must differ to be taken back.

    alpha: probability that a canary that does not differ is ever taken back, all rates and all looks together
    min_items: items in each arm below which nothing is concluded
    margins: by name of the rate, the difference in either direction that is let pass
    """

    alpha: float
    min_items: int
    margins: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class RateCheck:
    """One rate of the two arms. `comparison` is None while there is too little to compare; rates are in [0, 1]."""

    name: str
    control_rate: float
    canary_rate: float
    n_control: int
    n_canary: int
    margin: float
    comparison: RateComparison | None

    @property
    def is_alarm(self) -> bool:
        """True where the canary surely differs by more than is let pass."""
        return self.comparison is not None and self.comparison.is_alarm

    @property
    def sentence(self) -> str:
        """The check in words, for people."""
        return (
            f"{self.name} rate {self.canary_rate:.1%} of {self.n_canary} items under the canary, "
            f"{self.control_rate:.1%} of {self.n_control} beside it"
        )


def rate_checks(control: Counts, canary: Counts, limits: Limits) -> tuple[RateCheck, ...]:
    """Return every rate compared, in the order of RATES; each gets an equal part of alpha."""
    alpha = limits.alpha / len(RATES)
    is_enough = min(control.n, canary.n) >= limits.min_items
    return tuple(
        _check(name, getattr(control, of), getattr(control, count), getattr(canary, of), getattr(canary, count),
               alpha, limits.margins[name], is_enough)
        for name, count, of in RATES
    )  # fmt: skip


def _check(
    name: str,
    n_control: int,
    k_control: int,
    n_canary: int,
    k_canary: int,
    alpha: float,
    margin: float,
    is_enough: bool,
) -> RateCheck:
    # A verdict may be overturned in a stretch after the one that counted it; early on there can be more of the former.
    k_control, k_canary = min(k_control, n_control), min(k_canary, n_canary)
    comparison = None
    if is_enough:
        comparison = compare_rates(n_control, k_control, n_canary, k_canary, alpha=alpha, margin=margin)
    rates = (k_control / max(n_control, 1), k_canary / max(n_canary, 1))
    return RateCheck(name, *rates, n_control, n_canary, margin, comparison)
