"""The text classifier's place: a model gives calibrated probabilities per category; without one the detector is missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from moderation.detectors.base import Finding, Missing, Result, Subject
from policies.choices import ItemKind, Stage


class TextModel(Protocol):
    """What a classifier must offer."""

    version: str
    languages: frozenset[str] | None

    def scores(self, text: str) -> Mapping[str, float]:
        """Return a calibrated probability in [0, 1] for each category it knows."""
        ...


@dataclass(frozen=True)
class TextDetector:
    """The on-path detector over captions by a model."""

    model: TextModel | None = None
    name: str = "text"
    stage: Stage = Stage.ON_PATH
    categories: tuple[str, ...] = ()
    kinds: frozenset[ItemKind] = frozenset(ItemKind)
    cost_ms: float = 10.0

    @property
    def version(self) -> str:
        """The model's version."""
        return self.model.version if self.model else "none"

    @property
    def languages(self) -> frozenset[str] | None:
        """The languages the model was made for; None for any."""
        return self.model.languages if self.model else None

    def run(self, subject: Subject) -> Result:
        """Classify the caption."""
        if self.model is None:
            return Result(self.name, self.version, missing=Missing(self.name, "not_configured"))
        if not subject.caption.strip():
            return Result(self.name, self.version, not_applicable=True)
        scores = self.model.scores(subject.caption)
        where = {"field": "caption"}
        findings = tuple(Finding(self.name, self.version, c, float(s), where) for c, s in scores.items())
        return Result(self.name, self.version, findings=findings)
