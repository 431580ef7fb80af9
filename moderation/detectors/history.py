"""What the creator did before: bursts of uploads, blocked items, strikes."""

from dataclasses import dataclass

from moderation.detectors.base import CreatorHistory, Finding, Missing, Result, Subject
from policies.choices import ItemKind, Stage

VERSION = "history-1"
#: Uploads an hour that a person still makes by hand; above it suspicion grows up to ten times as many.
_HAND_MADE_PER_HOUR = 30


@dataclass(frozen=True)
class HistoryDetector:
    """The on-path detector over the creator's past."""

    name: str = "history"
    version: str = VERSION
    stage: Stage = Stage.ON_PATH
    categories: tuple[str, ...] = ("spam_scam",)
    languages: frozenset[str] | None = None
    kinds: frozenset[ItemKind] = frozenset(ItemKind)
    cost_ms: float = 0.05

    def run(self, subject: Subject) -> Result:
        """Judge the history; one that could not be looked up is missing."""
        if subject.history is None:
            return Result(self.name, self.version, missing=Missing(self.name, "failed", "history could not be read"))
        score, why = _suspicion(subject.history)
        if not why:
            return Result(self.name, self.version)
        return Result(self.name, self.version, (Finding(self.name, self.version, "spam_scam", score, {"why": why}),))


def _suspicion(history: CreatorHistory) -> tuple[float, list[str]]:
    """Return a probability in [0, 1] and what it rests on."""
    burst = min(max(history.n_uploads_1h - _HAND_MADE_PER_HOUR, 0) / (9 * _HAND_MADE_PER_HOUR), 1.0)
    parts = (
        (0.8 * burst, f"{history.n_uploads_1h} uploads in an hour"),
        (min(0.08 * history.n_blocked_30d, 0.5), f"{history.n_blocked_30d} blocked in 30 days"),
        (min(0.2 * history.n_strikes, 0.6), f"{history.n_strikes} strikes"),
    )
    doubt = 1.0
    for weight, _ in parts:
        doubt *= 1.0 - weight
    return round(1.0 - doubt, 4), [why for weight, why in parts if weight > 0]
