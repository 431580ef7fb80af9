"""Known words and phrases: one automaton over normalised text, with exceptions and spans in the original.

A list of words tells tricks from ordinary writing that nothing else can: a word written backwards or with "ph" for "f" is
compiled in beside the word; a word in two parts, or with letters starred out, is looked up where a text has such parts.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, islice, pairwise
from operator import add
from typing import Any, ClassVar, Protocol

import ahocorasick

from moderation.detection.terms.confusables import script_of
from moderation.detection.terms.normalise import Normalised, fold, normalise, readings
from moderation.detection.terms.words import is_word
from moderation.detection.types import Basis, Finding, Result, Subject
from policies.choices import ItemKind, Outcome, Stage

#: A word of another language than the text's may be meant otherwise, or the text's language may be a disguise: it counts,
#: at this share of its score.
_FOREIGN_SHARE = 0.6
#: Of fewer letters than this, the language is a guess, and no word counts as foreign.
_MIN_LETTERS_FOR_LANGUAGE = 40
#: Shorter words read backwards are often other words ("tab", "peek").
_MIN_LETTERS_REVERSED = 5
#: Ordinary words that are listed ones from behind; a list that needs more of them has exceptions.
_WORDS_FROM_BEHIND = frozenset(
    {"sorgen", "norte", "repaid", "diaper", "lager", "drawer", "reward", "desserts", "stressed", "animal"}
)
_WORDS = re.compile(r"[^\W\d_]+")
#: Of how many parts with stars, and of how many words for one, a text is read; more is a drawing, not a text.
_MAX_CENSORED = 16
_MAX_CANDIDATES = 8
_MIN_LETTERS_CENSORED = 4
_INNER_SIGN = r"(?<=[^\W\d_])[-_.#](?=[^\W\d_])"
_CENSORED = re.compile(
    rf"(?<![^\W_])[^\W\d_]*(?:[*•●✱]{{1,8}}|{_INNER_SIGN})[^\W\d_]*(?:(?:[*•●✱]{{1,8}}|{_INNER_SIGN})[^\W\d_]*)?(?![^\W_])"
)
_STARS = re.compile("[*#•●✱]")

_HINT_OF_CENSORING = re.compile(r"[*•●✱]|[-_.#](?=[^\W\d_])(?<=[^\W\d_].)")
_STARRED = str.maketrans(dict.fromkeys("#•●✱-_.", "*"))
_VOWELS = frozenset("aeiouyаеиоуыэюяё")
#: One part of a split word: letters without a vowel, which hardly are a word.
_PARTING = r"[ \-_.*/|~·•,]"
_FRAGMENT = re.compile(rf"{_PARTING}([b-df-hj-np-tv-xzбвгджзйклмнпрстфхцчшщъь]{{1,5}})(?={_PARTING})")
_PART_BEFORE = re.compile(rf"(?<![^\W_])([^\W\d_]{{1,20}}){_PARTING}{{1,3}}\Z")
_PART_AFTER = re.compile(rf"{_PARTING}{{1,3}}([^\W\d_]{{1,20}})(?![^\W_])")
_MIN_LETTERS_SPLIT = 4
#: Of so many letters, two words that happen to spell a term hardly meet by chance.
_MIN_LETTERS_LONG_SPLIT = 8
_GAP = re.compile(rf"{_PARTING}{{1,3}}")
_PARTED = str.maketrans(dict.fromkeys("-_.*/|~·•,", " "))
#: Written without vowels and yet words, units or titles of their own.
_SHORTENED = frozenset(
    _WORDS.findall(
        "mr ms mrs dr st vs tv dvd cd pc ps km cm mm kg mg lb ml kb mb gb tb "
        "gbp hr hrs min ft nd rd th nt bf gf bff brb btw bts tbh lmk smh "
        "hp lg xl xs xd pm pt ph phd jr sr tbsp tsp ltd hmm shh mmm psst pls plz thx rn nr mn dj mc mvp vpn sql html css php bbc cnn nyc"
    )
)
#: Single letters that stand behind words as what an apostrophe left, as numerals or as initials.
_CLITICS = frozenset("dmnstvxz")
#: Words that are the whole of a short part so often that a single letter beside them means nothing.
_SHORT_WORDS = frozenset(
    _WORDS.findall(
        "the and for are but not you all any can had her was one our out day "
        "get has him his how man new now old see two way who boy did its "
        "let put say she too use dad mum mom son car cat dog sun sea spa pen "
        "bit hit ass fag tit cum cut fan fun gun run win won war sex sin "
        "por que los las una del con sin mas les des une est par sur der die das und ein ist von mit auf vor per non che uno het een van "
        "come this that with have from they will what when make like time just "
        "know take into year good some could them than then look only "
        "over also back after use two how our work first well even want give most bitch itch hits class pass mass rap rape rope rich witch"
    )
)

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

    @property
    def full_score(self) -> float:
        """The probability in [0, 1] that the term gives in its own language.

        To block has no doubt. A mandatory outcome that is milder has no score: with one, the category's own thresholds
        would block after all.
        """
        if self.hard is None:
            return self.score
        return 1.0 if self.hard == Outcome.BLOCK else 0.0


@dataclass(frozen=True, slots=True)
class TermHit:
    """A term that was found, with its span in the original text."""

    entry: TermEntry
    start: int
    end: int
    is_foreign: bool = False

    @property
    def score(self) -> float:
        """The probability in [0, 1] that the hit gives."""
        if self.entry.hard is not None:
            return self.entry.full_score
        return self.entry.score * (_FOREIGN_SHARE if self.is_foreign else 1.0)


@dataclass(frozen=True, slots=True)
class TermIndex:
    """An immutable automaton; a new list makes a new index, which is swapped in whole.

    `forms` are the terms as they read, each with its entries; `vocabulary` holds the words they consist of, as a trie.
    """

    automaton: Any
    n_terms: int
    forms: Mapping[str, tuple["TermEntry", ...]] = field(default_factory=dict)
    vocabulary: Any = None
    long_words: frozenset[str] = frozenset()

    @classmethod
    def build(cls, entries: Iterable[TermEntry]) -> "TermIndex":
        """Return an index of the entries. A term that normalises to nothing is left out."""
        forms: dict[str, list[TermEntry]] = {}
        for entry in entries:
            if form := normalise(entry.text).text.strip():
                forms.setdefault(form, []).append(entry)
        patterns = {form: list(meanings) for form, meanings in forms.items()}
        vocabulary = ahocorasick.Automaton()
        for form, meanings in forms.items():
            disguised = [entry for entry in meanings if entry.whole_word and not entry.is_exception]
            for disguise in _disguises(form) if disguised else ():
                patterns.setdefault(disguise, []).extend(disguised)
            for word in _WORDS.findall(form) if any(not entry.is_exception for entry in meanings) else ():
                if len(word) >= _MIN_LETTERS_CENSORED:
                    vocabulary.add_word(word, max(vocabulary.get(word, 0.0), _gravity(meanings)))
        automaton = ahocorasick.Automaton()
        for pattern, meanings in patterns.items():
            automaton.add_word(pattern, (len(pattern), tuple(meanings)))
        if patterns:
            automaton.make_automaton()
        by_form = {form: tuple(meanings) for form, meanings in forms.items()}
        long_words = frozenset(form for form in forms if len(form) >= _MIN_LETTERS_LONG_SPLIT and form.isalpha())
        return cls(automaton, len(forms), by_form, vocabulary, long_words)

    def scan(self, text: str, language: str = "und") -> list[TermHit]:
        """Return every term in the text, in order, less those inside an exception.

        Args:
            text: any.
            language: BCP 47; "und" when unknown. Terms of another language are marked foreign.
        """
        if not self.n_terms or not text:
            return []
        known = "und"
        if language != "und" and sum(map(str.isalpha, text)) >= _MIN_LETTERS_FOR_LANGUAGE:
            known = language.split("-")[0]
        found = readings(text)
        hits = {hit: None for reading in found for hit in self._scan(reading, text, known)}
        plain = found[-1]
        if _HINT_OF_CENSORING.search(plain.text):
            plain = fold(text)
            hits |= {hit: None for reading in self._uncensor(plain) for hit in self._scan(reading, text, known)}
        hits |= dict.fromkeys(self._split(plain, known))
        return sorted(hits, key=lambda hit: (hit.start, hit.end)) if hits else []

    def _scan(self, found: Normalised, original: str, language: str) -> Iterator[TermHit]:
        hits: list[tuple[int, int, TermEntry]] = []
        shields: dict[str, list[Span]] = {}
        for last, (length, meanings) in self.automaton.iter(found.text):
            start, end = last - length + 1, last + 1
            is_whole: bool | None = None
            for entry in meanings:
                if entry.whole_word:
                    is_whole = is_word(found, original, start, end) if is_whole is None else is_whole
                    if not is_whole:
                        continue
                if not entry.is_exception:
                    hits.append((start, end, entry))
                elif not _is_foreign(entry, language):
                    shields.setdefault(entry.category, []).append((start, end))
        covers = {category: _Cover(spans) for category, spans in shields.items()}
        for start, end, entry in hits:
            if entry.category not in covers or not covers[entry.category].holds(start, end):
                yield TermHit(entry, *found.original_span(start, end), _is_foreign(entry, language))

    def _uncensor(self, found: Normalised) -> list[Normalised]:
        """Return the text with the words that starred ones may be, the first of each, the second of each, and so on."""
        parts = islice(_CENSORED.finditer(found.text), _MAX_CENSORED)
        replaced = [(part.start(), words) for part in parts if (words := self._words_under(part[0]))]
        texts = []
        for i in range(max((len(words) for _, words in replaced), default=0)):
            text = found.text
            for start, words in replaced:
                word = words[min(i, len(words) - 1)]
                text = text[:start] + word + text[start + len(word) :]
            texts.append(found.with_text(text))
        return texts

    def _words_under(self, censored: str) -> list[str]:
        """Return the listed words that have the letters left: any letter under a star, a vowel under another sign."""
        if len(censored) < _MIN_LETTERS_CENSORED or not any(map(str.isalpha, censored[:2])):
            return []
        n_letters = sum(map(str.isalpha, censored))
        if n_letters < 2 or (not censored[-1].isalpha() and n_letters < _letters_before(censored)):
            return []
        pattern = censored.translate(_STARRED)
        is_starred = _STARS.search(censored) is not None
        hidden = [i for i, char in enumerate(pattern) if char == "*"]
        words = [
            word
            for word in self.vocabulary.keys(pattern, "*", ahocorasick.MATCH_EXACT_LENGTH)
            if is_starred or all(word[i] in _VOWELS for i in hidden)
        ]
        # The gravest first, and of those the ones that lack vowels, which are what people star out.
        words.sort(key=lambda word: (-self.vocabulary.get(word), sum(word[i] not in _VOWELS for i in hidden), word))
        return words[:_MAX_CANDIDATES]

    def _split(self, found: Normalised, language: str) -> Iterator[TermHit]:
        """Yield the single-word terms that are written in two parts, or in three, one of which is no word on its own."""
        if not self.long_words.isdisjoint(_pairs(found.text)):
            yield from self._long_split(found, language)
        text = f" {found.text} "
        for fragment in _FRAGMENT.finditer(text):
            start, end = fragment.span(1)
            if fragment[1] in _SHORTENED:
                continue
            before = _PART_BEFORE.search(text[max(0, start - 24) : start])
            after = _PART_AFTER.match(text, end)
            first = start - len(before[0]) if before else start
            pairs = [(first, start)] if before else []
            for low, high in (*((low, end) for low, _ in pairs), *(((start, after.end()),) if after else ())):
                yield from self._join(found, text, low, high, language)
            if before and after:
                yield from self._join(found, text, first, after.end(), language)

    def _long_split(self, found: Normalised, language: str) -> Iterator[TermHit]:
        parts = list(_WORDS.finditer(found.text))
        for first, second in pairwise(parts):
            gap = found.text[first.end() : second.start()]
            if first[0] + second[0] in self.long_words and _GAP.fullmatch(gap):
                yield from self._hits_of(found, first[0] + second[0], first.start(), second.end(), language)

    def _join(self, found: Normalised, text: str, start: int, end: int, language: str) -> Iterator[TermHit]:
        parts = _WORDS.findall(text[start:end])
        word = "".join(parts)
        if len(word) < _MIN_LETTERS_SPLIT or word not in self.forms or _are_words(parts):
            return
        yield from self._hits_of(found, word, start - 1, end - 1, language)

    def _hits_of(self, found: Normalised, form: str, start: int, end: int, language: str) -> Iterator[TermHit]:
        written = " ".join(_WORDS.findall(found.text[start:end]))
        shielded = {entry.category for entry in self.forms.get(written, ()) if entry.is_exception}
        for entry in self.forms[form]:
            if not entry.is_exception and entry.category not in shielded:
                yield TermHit(entry, *found.original_span(start, end), _is_foreign(entry, language))


def _gravity(meanings: list[TermEntry]) -> float:
    return max(1.0 if entry.hard is not None else entry.score for entry in meanings)


def _letters_before(censored: str) -> int:
    """Return how many letters a word that ends in stars has to show: one star at the end is often a footnote's."""
    return 3 if censored.endswith(("**", "••", "●●", "✱✱")) else 4


def _disguises(form: str) -> set[str]:
    """Return the spellings of a term that are compiled in beside it."""
    found = {form.replace("f", "ph"), form.replace("w", "vv")}
    if len(form) >= _MIN_LETTERS_REVERSED and script_of(form[0]) in {"LATIN", "CYRILLIC", "GREEK"}:
        found.add(form[::-1])
        found -= _WORDS_FROM_BEHIND
    return found - {form}


def _pairs(text: str) -> Iterator[str]:
    """Yield each two neighbouring parts as one word."""
    parts = text.translate(_PARTED).split()
    return map(add, parts, parts[1:])


def _are_words(parts: list[str]) -> bool:
    """Whether the parts of a split word may be words of their own; one letter is a part only beside what is no short word."""
    fragments = [part for part in parts if _VOWELS.isdisjoint(part) and part not in _SHORTENED]
    if any(len(part) > 1 for part in fragments):
        return False
    if not fragments or parts[-1] in _CLITICS:
        return True
    return any(part in _SHORT_WORDS or len(part) < 3 for part in parts if part not in fragments)


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


class Beside(Protocol):
    """Terms in force beside a version's own; `keys` names the row of each."""

    @property
    def index(self) -> TermIndex:
        """The terms, compiled."""
        ...

    @property
    def keys(self) -> Mapping[TermEntry, str]:
        """The public key of each."""
        ...


class TermsDetector:
    """The on-path detector over captions, and the scanner for text that was read or heard."""

    name = "terms"
    stage = Stage.ON_PATH
    categories: ClassVar[tuple[str, ...]] = ()
    languages: ClassVar[frozenset[str] | None] = None
    kinds = frozenset(ItemKind)
    cost_ms = 0.3
    basis = Basis.LISTS
    reads_files = False

    def __init__(self, index: TermIndex, version: str, beside: Callable[[], "Beside"] | None = None) -> None:
        """Take a version's terms.

        Args:
            beside: gives the terms that are in force beside those of the version, at each use; where it raises, the
                detector has no answer.
        """
        self.index = index
        self.version = version
        self.beside = beside

    def run(self, subject: Subject) -> Result:
        """Scan the caption."""
        findings = self.findings_for(subject.caption, {"field": "caption"}, subject.language)
        return Result(self.name, self.version, findings=findings)

    def findings_for(self, text: str, where: Mapping[str, Any], language: str = "und") -> tuple[Finding, ...]:
        """Return a finding for every term in a text; `where` says which text, the span is added."""
        found = tuple(self._finding(hit, text, where) for hit in self.index.scan(text, language))
        return found + self._find_beside(text, where, language) if self.beside else found

    def _find_beside(self, text: str, where: Mapping[str, Any], language: str) -> tuple[Finding, ...]:
        beside = self.beside() if self.beside else None
        if beside is None or not beside.index.n_terms:
            return ()
        hits = beside.index.scan(text, language)
        return tuple(self._finding(hit, text, {**where, "emergency": beside.keys.get(hit.entry, "")}) for hit in hits)

    def _finding(self, hit: TermHit, text: str, where: Mapping[str, Any]) -> Finding:
        return Finding(
            detector=self.name,
            version=self.version,
            category=hit.entry.category,
            score=hit.score,
            where={**where, "span": [hit.start, hit.end], "text": text[hit.start : hit.end]},
            hard=hit.entry.hard,
        )
