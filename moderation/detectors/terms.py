"""Known words and phrases: one automaton over normalised text, with exceptions and spans in the original."""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import ahocorasick

from moderation.detectors.base import Finding, Result, Subject
from moderation.normalise import SEPARATORS, Normalised, normalise, readings
from policies.choices import ItemKind, Outcome, Stage

#: Scripts whose words are not parted by spaces: a boundary there says nothing.
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "HANGUL")
#: A word of another language than the text's may be meant otherwise, or the text's language may be a disguise: it counts,
#: at this share of its score.
_FOREIGN_SHARE = 0.6
#: Of fewer letters than this, the language is a guess, and no word counts as foreign.
_MIN_LETTERS_FOR_LANGUAGE = 40

Span = tuple[int, int]


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
    is_foreign: bool = False

    @property
    def score(self) -> float:
        """The probability in [0, 1] that the hit gives; a mandatory outcome has no doubt."""
        if self.entry.hard is not None:
            return 1.0
        return self.entry.score * (_FOREIGN_SHARE if self.is_foreign else 1.0)


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

        Args:
            text: any.
            language: BCP 47; "und" when unknown. Terms of another language are marked foreign.
        """
        if not self.n_terms or not text:
            return []
        known = language.split("-")[0] if sum(map(str.isalpha, text)) >= _MIN_LETTERS_FOR_LANGUAGE else "und"
        hits = {hit: None for reading in readings(text) for hit in self._scan(reading, text, known)}
        return sorted(hits, key=lambda hit: (hit.start, hit.end))

    def _scan(self, found: Normalised, original: str, language: str) -> Iterator[TermHit]:
        hits: list[tuple[int, int, TermEntry]] = []
        shields: dict[str, list[Span]] = {}
        for last, (length, meanings) in self.automaton.iter(found.text):
            start, end = last - length + 1, last + 1
            is_word: bool | None = None
            for entry in meanings:
                if entry.whole_word:
                    is_word = _is_word(found, original, start, end) if is_word is None else is_word
                    if not is_word:
                        continue
                if not entry.is_exception:
                    hits.append((start, end, entry))
                elif not _is_foreign(entry, language):
                    shields.setdefault(entry.category, []).append((start, end))
        covers = {category: _Cover(spans) for category, spans in shields.items()}
        for start, end, entry in hits:
            if entry.category not in covers or not covers[entry.category].holds(start, end):
                yield TermHit(entry, *found.original_span(start, end), _is_foreign(entry, language))


class _Cover:
    """The spans of exceptions, asked in logarithmic time."""

    def __init__(self, spans: list[Span]) -> None:
        spans.sort()
        self._starts = [start for start, _ in spans]
        self._furthest = list(accumulate((end for _, end in spans), max))

    def holds(self, start: int, end: int) -> bool:
        """Whether one of the spans holds all of `start:end`."""
        i = bisect_right(self._starts, start)
        return i > 0 and self._furthest[i - 1] >= end


def _is_foreign(entry: TermEntry, language: str) -> bool:
    return entry.language not in {"", language} and language != "und"


def _is_word(found: Normalised, original: str, start: int, end: int) -> bool:
    return _is_edge(found, original, start - 1, start) and _is_edge(found, original, end, end - 1)


def _is_edge(found: Normalised, original: str, outside: int, inside: int) -> bool:
    """Whether a word may end between two neighbours in the text as read."""
    text, index = found.text, found.index_map
    if not 0 <= outside < len(text) or not text[outside].isalnum():
        return True
    low, high = sorted((index[outside], index[inside]))
    if high - low > 1 and not SEPARATORS.isdisjoint(original[low + 1 : high]):
        return True  # the letters were joined by us: "a s p a m" has an "a" before the word
    return not text[inside].isascii() and unicodedata.name(text[inside], "").startswith(_UNSPACED)


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
                score=hit.score,
                where={**where, "span": [hit.start, hit.end], "text": text[hit.start : hit.end]},
                hard=hit.entry.hard,
            )
            for hit in self.index.scan(text, language)
        )
