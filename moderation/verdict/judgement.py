"""What a verdict is, with all that a decision stores of it, and what it depends on besides evidence. Pure."""

from dataclasses import dataclass
from typing import Any

from moderation.detection.types import Finding
from moderation.verdict.lists_mark import ListsMark
from policies.choices import Outcome


@dataclass(frozen=True, slots=True)
class Context:
    """What a verdict depends on besides evidence. `claim` is a Band or None, `standing` a Standing or None."""

    kind: int
    market: str  # ISO 3166-1 alpha-2, "" when unknown
    language: str  # BCP 47, "und" when unknown
    claim: int | None
    standing: int | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with all that a decision row stores of it."""

    outcome: Outcome
    min_age: int
    territories: tuple[str, ...]
    decided_by: str
    category: str
    reasons: tuple[dict[str, Any], ...]
    evidence: dict[str, Any]
    digest: str
    findings: tuple[Finding, ...]
    sources: tuple[str, ...] = ()  # per finding, the detector whose result carries it: itself, or who read the text
    lists: ListsMark | None = None  # that were in force when the content was looked through; None: not known to be now

    @property
    def score(self) -> float:
        """The fused score of the deciding category, in [0, 1]; 0 where no category decided."""
        return float(self.evidence["scores"].get(self.category, 0.0))

    @property
    def is_hard(self) -> bool:
        """True where hard evidence, such as a bank match, decided."""
        return self.decided_by.startswith("hard.")

    @property
    def awaits_campaign(self) -> bool:
        """True where people will decide on the item with its campaign, so that it needs no job of its own."""
        return bool(self.evidence.get("campaign", {}).get("is_open"))

    @property
    def awaits_detector(self) -> bool:
        """True where a detector was left out on the path, which is promised to be asked afterwards."""
        return "skipped" in self.evidence["missing"].values()

    def needs_job(self, *, is_final: bool) -> bool:
        """Whether the item needs a job of its own. What is held waits for evidence, until none is under way any more."""
        is_waiting = not is_final or self.awaits_detector
        needs_person = self.outcome == Outcome.ESCALATE or (self.outcome == Outcome.HOLD and not is_waiting)
        return needs_person and not self.awaits_campaign
