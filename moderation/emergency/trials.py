"""What a list of terms would match in a text that somebody tries: the normalised form, the hits, and what exceptions shield."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from moderation.detection.terms.detector import TermEntry, TermHit, TermIndex
from moderation.detection.terms.normalise import readings
from policies.choices import Outcome
from policies.decision.compiled import CompiledTerm
from policies.document.rows import TermRow

#: A text that is tried has at most so many characters, as many as a caption may have.
MAX_LETTERS = 4_000


@dataclass(frozen=True, slots=True)
class Shielded:
    """A term that would be a hit but for the exceptions around it."""

    hit: TermHit
    exceptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of the original text; `kind` is `hit`, `shielded` or empty for plain text."""

    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Tried:
    """What was found. `readings` are the ways in which the text may be read, the likeliest first."""

    text: str
    readings: tuple[str, ...]
    hits: tuple[TermHit, ...]
    shielded: tuple[Shielded, ...]
    pieces: tuple[Piece, ...]


def entries_of(terms: Iterable[CompiledTerm | TermRow]) -> tuple[TermEntry, ...]:
    """Return the terms of a version as the automaton takes them."""
    return tuple(
        TermEntry(
            text=term.text,
            category=term.category,
            language=term.language,
            score=term.score or 0.0,
            hard=None if term.outcome is None else Outcome(term.outcome),
            is_exception=term.is_exception,
            whole_word=term.whole_word,
        )
        for term in terms
    )


def terms_try(entries: tuple[TermEntry, ...], text: str, language: str = "und") -> Tried:
    """Return what the terms match in a text, by the same automaton that judges uploads.

    Args:
        text: any; what is beyond MAX_LETTERS is not looked at.
        language: BCP 47, "und" when unknown, as for an upload.
    """
    text = text[:MAX_LETTERS]
    found, bare, shields = _indexes(entries)
    hits = found.scan(text, language)
    shielded = [hit for hit in bare.scan(text, language) if hit not in set(hits)]
    covers = shields.scan(text, language)
    return Tried(
        text=text,
        readings=tuple(reading.text for reading in readings(text)) if text else (),
        hits=tuple(hits),
        shielded=tuple(Shielded(hit, _around(hit, covers)) for hit in shielded),
        pieces=_pieces(text, hits, shielded),
    )


@lru_cache(maxsize=2)  # one list is tried many times in turn; ten thousand terms take half a second to build
def _indexes(entries: tuple[TermEntry, ...]) -> tuple[TermIndex, TermIndex, TermIndex]:
    """Return the automaton of all entries, that of the terms alone, and that of the exceptions as if they were terms."""
    terms = [entry for entry in entries if not entry.is_exception]
    shields = [replace(entry, is_exception=False, score=1.0) for entry in entries if entry.is_exception]
    return TermIndex.build(entries), TermIndex.build(terms), TermIndex.build(shields)


def _around(hit: TermHit, covers: Sequence[TermHit]) -> tuple[str, ...]:
    around = [
        cover.entry.text
        for cover in covers
        if cover.entry.category == hit.entry.category and cover.start <= hit.start and hit.end <= cover.end
    ]
    return tuple(dict.fromkeys(around))


def _pieces(text: str, hits: Sequence[TermHit], shielded: Sequence[TermHit]) -> tuple[Piece, ...]:
    kinds = [""] * len(text)
    for kind, found in (("shielded", shielded), ("hit", hits)):
        for hit in found:
            kinds[hit.start : hit.end] = [kind] * (hit.end - hit.start)
    pieces: list[Piece] = []
    for letter, kind in zip(text, kinds, strict=True):
        if pieces and pieces[-1].kind == kind:
            pieces[-1] = Piece(pieces[-1].text + letter, kind)
        else:
            pieces.append(Piece(letter, kind))
    return tuple(pieces)
