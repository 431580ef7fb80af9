"""The text classifier on captions: calibrated probabilities per category, for languages that it reads; otherwise missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from moderation.detection.language import share_in
from moderation.detection.text.serving import Score
from moderation.detection.types import Basis, Finding, Missing, Result, Subject
from policies.choices import ItemKind, Stage

#: Where no single language is likely, as in a caption of two words: it is read if the languages that the model knows
#: are together as likely as this.
_MIN_READABLE_SHARE = 0.8


#: Scores below say nothing and are not stored: no policy has a threshold there.
_MIN_REPORTED = 0.02


class TextModel(Protocol):
    """What a classifier must offer."""

    version: str
    languages: frozenset[str]

    def scores(self, text: str, language: str) -> Mapping[str, Score]:
        """Return the score of each category it knows. May raise; that counts as missing."""
        ...

    def knows_words_of(self, text: str) -> bool:
        """Whether it knows most words of a text whose language nobody can say."""
        ...


@dataclass(frozen=True)
class TextDetector:
    """The on-path detector over captions by a model, and the scorer of text that was read or heard."""

    model: TextModel | None = None
    name: ClassVar[str] = "text"
    stage: ClassVar[Stage] = Stage.ON_PATH
    categories: ClassVar[tuple[str, ...]] = ()
    kinds: ClassVar[frozenset[ItemKind]] = frozenset(ItemKind)
    cost_ms: ClassVar[float] = 10.0
    basis: ClassVar[Basis] = Basis.CONTENT
    reads_files: ClassVar[bool] = False
    #: None to the ensemble: which texts it reads is more than a list of languages, see `reads`.
    languages: ClassVar[frozenset[str] | None] = None

    @property
    def version(self) -> str:
        """The model's version."""
        return self.model.version if self.model else "none"

    def reads(self, text: str, language: str) -> bool:
        """Whether the model was made for this text: its language or, where that is undecided, the likely ones together.

        A text without words (emoji, numbers) is in no language, and is read. So is a short one whose words the model knows.
        """
        known = self.model.languages if self.model else frozenset()
        primary = language.split("-")[0]
        if primary != "und":
            return primary in known
        return share_in(text, known) >= _MIN_READABLE_SHARE or (
            self.model is not None and self.model.knows_words_of(text)
        )

    def run(self, subject: Subject) -> Result:
        """Classify the caption."""
        if self.model is None:
            return Result(self.name, self.version, missing=Missing(self.name, "not_configured"))
        if not subject.caption.strip():
            return Result(self.name, self.version, not_applicable=True)
        if not self.reads(subject.caption, subject.language):
            detail = f"it does not read {subject.language}"
            return Result(self.name, self.version, missing=Missing(self.name, "unsupported", detail))
        findings = self.findings_for(subject.caption, {"field": "caption"}, subject.language)
        return Result(self.name, self.version, findings=findings)

    def findings_for(self, text: str, where: Mapping[str, Any], language: str) -> tuple[Finding, ...]:
        """Return a finding per category that is likely at all; `where` says which text, what each part says is added.

        Raises:
            ValueError: no model, or it gave something that is no probability.
        """
        if self.model is None:
            raise ValueError("No text model is loaded.")
        scores = self.model.scores(text, language)
        return tuple(
            Finding(self.name, self.version, category, score.fused, {**where, "parts": dict(score.parts)})
            for category, score in scores.items()
            if not score.fused < _MIN_REPORTED  # a NaN is reported, and refused as no probability
        )
