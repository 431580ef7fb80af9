"""The typed rows of a policy document, as `schema.parse_document` gives them after checking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policies.choices import KIND_KEYS, Outcome

#: Characters that the columns of these texts have room for: the schema refuses more before anything looks at a text.
TITLE_CHARS, NAME_CHARS, SLUG_CHARS = 120, 80, 40
REASON_CHARS, TERM_CHARS, LIST_CHARS = 200, 120, 60
#: Of the sentence that a creator reads.
SENTENCE_CHARS = 600


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """One kind of harm."""

    slug: str
    name: str
    severity: int
    guideline: str
    is_mild: bool
    is_child_safety: bool


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    """Where each consequence begins; None is never. `levels` follows schema.LEVEL_KEYS."""

    category: str
    market: str
    language: str
    band: int | None
    levels: tuple[float | None, ...]

    @property
    def is_base(self) -> bool:
        """True for the row that holds where no other matches."""
        return not self.market and not self.language and self.band is None


@dataclass(frozen=True, slots=True)
class DetectorRow:
    """Whether a detector counts for a kind; `when_missing` is None where it does not."""

    kind: int
    detector: str
    when_missing: int | None


@dataclass(frozen=True, slots=True)
class AgeRow:
    """A minimum age from kind and market alone."""

    kind: int | None
    market: str
    min_age: int
    reason: str

    @property
    def rule(self) -> str:
        """The name that verdicts carry."""
        kind = "any" if self.kind is None else KIND_KEYS[self.kind]
        return f"age.{kind}.{self.market}" if self.market else f"age.{kind}"


@dataclass(frozen=True, slots=True)
class TerritoryRow:
    """Where an item is not shown once a category reaches a score."""

    category: str
    at: float
    regions: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class TermRow:
    """A term of a list."""

    list_name: str
    text: str
    category: str
    language: str
    score: float | None
    outcome: int | None
    is_exception: bool
    whole_word: bool


@dataclass(frozen=True, slots=True)
class RouteRow:
    """A routing rule; they are in order."""

    category: str
    language: str
    kind: int | None
    queue: str
    severity: int
    sla_minutes: int


@dataclass(frozen=True, slots=True)
class ClauseRow:
    """One thing that a category forbids, with the sentence for its creator; within a category they are in order.

    Attributes:
        outcome: what follows of it by default; CLEAR where the sentence forbids nothing and is sent as a help message.
        min_age: of the default restriction, in years; 0 with any other outcome.
        sentences: language -> text, the version's own words.
    """

    category: str
    key: str
    name: str
    outcome: int
    min_age: int
    sentences: Mapping[str, str]

    @property
    def is_help(self) -> bool:
        """True where it blames nobody: no decision rests on it."""
        return self.outcome == Outcome.CLEAR

    def language_for(self, *languages: str) -> str:
        """Return the first of the languages that its sentence is written in, else the first of its own by code.

        Args:
            languages: BCP 47 tags; only their primary subtags count.
        """
        subtags = [language.split("-")[0].lower() for language in languages]
        return next((code for code in subtags if code in self.sentences), min(self.sentences))


@dataclass(frozen=True, slots=True)
class Document:
    """A whole policy version, checked row by row and against itself."""

    number: int
    key: str
    title: str
    change_note: str
    unknown_language: int
    categories: tuple[CategoryRow, ...]
    detectors: tuple[DetectorRow, ...]
    thresholds: tuple[ThresholdRow, ...]
    ages: tuple[AgeRow, ...]
    territories: tuple[TerritoryRow, ...]
    standings: Mapping[int, int]
    banks: Mapping[str, int]
    terms: tuple[TermRow, ...]
    routing: tuple[RouteRow, ...]
    clauses: tuple[ClauseRow, ...] = ()
