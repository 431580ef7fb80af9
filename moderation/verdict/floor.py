"""What belonging to a campaign does to a verdict: it sets a floor under it, and never a ceiling. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from moderation.verdict.judgement import Judgement
from policies.choices import Outcome


@dataclass(frozen=True, slots=True)
class CampaignFloor:
    """The mildest verdict that members of a campaign may get.

    Until people decide it is ESCALATE. Afterwards it is what they decided; CLEAR lifts it, so that each member has the
    verdict that its own evidence gives.
    """

    key: str  # of the campaign
    is_open: bool
    outcome: Outcome
    category: str
    min_age: int = 0
    territories: tuple[str, ...] = ()

    @classmethod
    def of(cls, evidence: Mapping[str, Any]) -> CampaignFloor | None:
        """Return the floor that evidence was decided with; None for an item of no campaign."""
        stored = evidence.get("campaign")
        if stored is None:
            return None
        fields = {**stored, "outcome": Outcome(stored["outcome"]), "territories": tuple(stored["territories"])}
        return cls(**fields)

    def as_evidence(self) -> dict[str, Any]:
        """Return what a decision stores of it, so that it can be replayed."""
        return {**asdict(self), "outcome": int(self.outcome), "territories": list(self.territories)}

    def under(self, judgement: Judgement) -> Judgement:
        """Return a verdict, raised to the floor where it is milder; two restrictions hold together.

        One that is stricter and still waits, for a detector or a person, keeps its own outcome and names the campaign too.
        """
        if self.outcome == Outcome.CLEAR or judgement.outcome == Outcome.BLOCK:
            return judgement
        if judgement.outcome > self.outcome:
            return replace(judgement, reasons=(self._reason(), *judgement.reasons))
        if judgement.outcome == self.outcome != Outcome.RESTRICT:
            return judgement
        both = self.outcome == Outcome.RESTRICT
        return replace(
            judgement,
            outcome=self.outcome,
            min_age=max(judgement.min_age, self.min_age) if both else 0,
            territories=tuple(sorted({*judgement.territories, *self.territories})) if both else (),
            decided_by=self._rule,
            category=self.category,
            reasons=(self._reason(), *judgement.reasons),
        )

    @property
    def holds(self) -> bool:
        """True where no member is served, whatever else is found on it: what else there is to find may wait."""
        return not self.outcome.is_servable

    @property
    def _rule(self) -> str:
        return "campaign.undecided" if self.is_open else "campaign.decided"

    def _reason(self) -> dict[str, Any]:
        return {
            "rule": self._rule,
            "category": self.category,
            "detector": "",
            "score": None,
            "threshold": None,
            "where": {"campaign": self.key},
            "detail": "One of many near-identical captions that came within minutes; people decide on them together",
        }
