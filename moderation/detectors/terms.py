"""Known words and phrases: one automaton over normalised text, with exceptions and spans in the original."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import ahocorasick

from moderation.detectors.base import Finding, Result, Subject
from moderation.normalise import Normalised, normalise, readings
from policies.choices import ItemKind, Outcome, Stage

#: Scripts whose words are not parted by spaces: a boundary there says nothing.
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "HANGUL")


@dataclass(frozen=True, slots=True)
class TermEntry:
    """One term. `score` in [0, 1] counts unless `hard` fixes the outcome; an exception shields what it covers."""

    text: str
    category: str
    language: str = ""  # "" for any
    score: float = 0.0
    hard: Outcome | None = None
    is_exception: bool = False
    whole_word: bool = True


@dataclass(frozen=True, slots=True)
class TermHit:
    """A term that was found, with its span in the original text."""

    entry: TermEntry
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TermIndex:
    """An immutable automaton; a new list makes a new index, which is swapped in whole."""

    automaton: Any
    n_terms: int

    @classmethod
    def build(cls, entries: Iterable[TermEntry]) -> "TermIndex":
        """Return an index of the entries. A term that normalises to nothing is left out."""
        words: dict[str, list[TermEntry]] = {}
        for entry in entries:
            if form := normalise(entry.text).text.strip():
                words.setdefault(form, []).append(entry)
        automaton = ahocorasick.Automaton()
        for word, meanings in words.items():
            automaton.add_word(word, (len(word), tuple(meanings)))
        if words:
            automaton.make_automaton()
        return cls(automaton, len(words))

    def scan(self, text: str, language: str = "und") -> list[TermHit]:
        """Return every term in the text, in order, less those inside an exception.

        Terms of another language than the text's are passed over where that language is known.
        """
        if not self.n_terms or not text:
            return []
        hits = {hit: None for reading in readings(text) for hit in self._scan(reading, language)}
        return sorted(hits, key=lambda hit: (hit.start, hit.end))

    def _scan(self, found: Normalised, language: str) -> Iterator[TermHit]:
        hits, shields = [], []
        for last, (length, meanings) in self.automaton.iter(found.text):
            start, end = last - length + 1, last + 1
            for entry in meanings:
                if _applies(entry, language) and (not entry.whole_word or _is_word(found, start, end)):
                    (shields if entry.is_exception else hits).append((start, end, entry))
        for start, end, entry in hits:
            if not any(s <= start and end <= e and shield.category == entry.category for s, e, shield in shields):
                yield TermHit(entry, *found.original_span(start, end))


def _applies(entry: TermEntry, language: str) -> bool:
    return not entry.language or language == "und" or language.split("-")[0] == entry.language


def _is_word(found: Normalised, start: int, end: int) -> bool:
    text = found.text
    return _is_edge(text, start - 1, text[start]) and _is_edge(text, end, text[end - 1])


def _is_edge(text: str, outside: int, inside: str) -> bool:
    """Whether a word may end between a character and the one outside it."""
    if not 0 <= outside < len(text) or not text[outside].isalnum():
        return True
    return not inside.isascii() and unicodedata.name(inside, "").startswith(_UNSPACED)


class TermsDetector:
    """The on-path detector over captions, and the scanner for text that was read or heard."""

    name = "terms"
    stage = Stage.ON_PATH
    categories: tuple[str, ...] = ()
    languages: frozenset[str] | None = None
    kinds = frozenset(ItemKind)
    cost_ms = 0.3

    def __init__(self, index: TermIndex, version: str) -> None:
        self.index = index
        self.version = version

    def run(self, subject: Subject) -> Result:
        """Scan the caption."""
        findings = self.findings_for(subject.caption, {"field": "caption"}, subject.language)
        return Result(self.name, self.version, findings=findings)

    def findings_for(self, text: str, where: Mapping[str, Any], language: str = "und") -> tuple[Finding, ...]:
        """Return a finding for every term in a text; `where` says which text, the span is added."""
        return tuple(
            Finding(
                detector=self.name,
                version=self.version,
                category=hit.entry.category,
                score=1.0 if hit.entry.hard is not None else hit.entry.score,
                where={**where, "span": [hit.start, hit.end], "text": text[hit.start : hit.end]},
                hard=hit.entry.hard,
            )
            for hit in self.index.scan(text, language)
        )
