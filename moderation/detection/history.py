"""What the creator did before: bursts of uploads, blocked items, strikes."""

from dataclasses import dataclass
from typing import ClassVar

from moderation.detection.types import Basis, CreatorHistory, Finding, Missing, Result, Subject
from policies.choices import ItemKind, Stage

VERSION = "history-2"
#: Uploads that a person still makes by hand, in an hour and in a day. Above, suspicion grows up to ten times as many.
_HAND_MADE_PER_HOUR = 30
_HAND_MADE_PER_DAY = 150
#: An account has its whole allowance after a week; on its first day a third of it. Being new alone says nothing.
_GROWN_UP_DAYS = 7.0
_NEW_ALLOWANCE = 1 / 3


@dataclass(frozen=True)
class HistoryDetector:
    """The on-path detector over the creator's past."""

    name: ClassVar[str] = "history"
    version: ClassVar[str] = VERSION
    stage: ClassVar[Stage] = Stage.ON_PATH
    categories: ClassVar[tuple[str, ...]] = ("spam_scam",)
    languages: ClassVar[frozenset[str] | None] = None
    kinds: ClassVar[frozenset[ItemKind]] = frozenset(ItemKind)
    cost_ms: ClassVar[float] = 0.05
    basis: ClassVar[Basis] = Basis.CREATOR
    reads_files: ClassVar[bool] = False

    def run(self, subject: Subject) -> Result:
        """Judge the history; one that could not be looked up is missing."""
        if subject.history is None:
            return Result(self.name, self.version, missing=Missing(self.name, "failed", "history could not be read"))
        score, why = _suspicion(subject.history)
        if not why:
            return Result(self.name, self.version)
        return Result(self.name, self.version, (Finding(self.name, self.version, "spam_scam", score, {"why": why}),))


def _suspicion(history: CreatorHistory) -> tuple[float, list[str]]:
    """Return a probability in [0, 1) and what it rests on; each sign leaves a share of the remaining doubt.

    A burst counts up to 0.8 by the hour and 0.6 by the day, blocks 0.08 each up to 0.5, strikes 0.2 each up to 0.6. More of
    anything, or a younger account, never lowers it.
    """
    allowance = _allowance(history.account_age_days)
    is_new = "" if allowance >= 1.0 else f", account {history.account_age_days:.1f} days old"
    parts = (
        (
            0.8 * _burst(history.n_uploads_1h, _HAND_MADE_PER_HOUR * allowance),
            f"{history.n_uploads_1h} uploads in an hour{is_new}",
        ),
        (
            0.6 * _burst(history.n_uploads_24h, _HAND_MADE_PER_DAY * allowance),
            f"{history.n_uploads_24h} uploads in a day{is_new}",
        ),
        (min(0.08 * history.n_blocked_30d, 0.5), f"{history.n_blocked_30d} blocked in 30 days"),
        (min(0.2 * history.n_strikes, 0.6), f"{history.n_strikes} strikes"),
    )
    doubt = 1.0
    for weight, _ in parts:
        doubt *= 1.0 - weight
    return round(1.0 - doubt, 4), [why for weight, why in parts if weight > 0]


def _allowance(age_days: float) -> float:
    """Return the share of the allowance that an account of an age has, in [1/3, 1]; an unknown age is that of a new one."""
    grown = min(max(age_days, 0.0) / _GROWN_UP_DAYS, 1.0) if age_days == age_days else 0.0
    return _NEW_ALLOWANCE + (1.0 - _NEW_ALLOWANCE) * grown


def _burst(n_uploads: int, allowed: float) -> float:
    """Return how far uploads go beyond what is allowed: 0 up to that, 1 from ten times as many."""
    return min(max(n_uploads - allowed, 0.0) / (9 * allowed), 1.0)
