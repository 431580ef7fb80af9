"""The words that a search met, marked where they stand: in the title, else in a stretch of the caption, of what was read, or
of what was said. Pure; templates escape every part."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from console.pages.evidence import Part
from moderation.items.search import MAX_WORDS

#: Letters of a stretch that is shown, and how many of them stand before the first word that was met.
_SHOWN, _BEFORE = 160, 40
#: Words so short count whole, as in the index.
_WHOLE = 2
#: Scripts written without spaces: what is asked for is met anywhere, not only where a word begins.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True, slots=True)
class Snippet:
    """Where words were met, in words, and the stretch of text in parts; those that were met have a `hit`."""

    place: str
    parts: Sequence[Part]


def find_snippet(text: str, places: Iterable[tuple[str, str]]) -> Snippet | None:
    """Return the first of some texts in which something that was asked for stands, cut around it; None where none has it.

    Args:
        text: what was asked for.
        places: where a text is from, in words, and the text.
    """
    for place, written in places:
        if spans := spans_of(text, written):
            return Snippet(place, _cut(written, spans))
    return None


def spans_of(text: str, written: str) -> list[tuple[int, int]]:
    """Return where the words of a search stand in a text, as (start, end), in order and without overlap."""
    folded, at = _fold(written)
    spans = sorted(span for word in _words(text) for span in _find(word, folded))
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return [(at[start], at[end - 1] + 1) for start, end in merged]


def _words(text: str) -> list[str]:
    folded = (_fold(word)[0].strip() for word in text.split()[:MAX_WORDS])
    return [word for word in folded if word]


def _find(word: str, folded: str) -> list[tuple[int, int]]:
    if _UNSPACED.search(word):
        return [(m.start(), m.end()) for m in re.finditer(re.escape(word), folded)]
    ending = r"(?!\w)" if len(word) <= _WHOLE else r"\w*"
    pattern = r"\W+".join(map(re.escape, word.split())) + ending
    return [(m.start(), m.end()) for m in re.finditer(rf"(?<!\w){pattern}", folded)]


def _fold(written: str) -> tuple[str, list[int]]:
    """Return a text as the index has it, without case, accents and signs, and for each of its letters which of the text's it is."""
    if written.isascii():
        return re.sub(r"[^a-z0-9]", " ", written.lower()), list(range(len(written)))
    letters: list[str] = []
    at: list[int] = []
    for i, letter in enumerate(written):
        for part in unicodedata.normalize("NFKD", letter.lower()):
            if not 0x300 <= ord(part) <= 0x36F:
                letters.append(part if part.isalnum() or unicodedata.combining(part) else " ")
                at.append(i)
    return "".join(letters), at


def _cut(written: str, spans: Sequence[tuple[int, int]]) -> list[Part]:
    begin = max(spans[0][0] - _BEFORE, 0)
    end = min(begin + _SHOWN, len(written))
    parts, place = [Part("…", "")] if begin else [], begin
    for start, stop in spans:
        if stop > end:
            break
        parts += [Part(written[place:start], ""), Part(written[start:stop], "met")]
        place = stop
    parts.append(Part(written[place:end] + ("…" if end < len(written) else ""), ""))
    return [part for part in parts if part.text]
