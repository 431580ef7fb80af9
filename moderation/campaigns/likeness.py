"""Why captions belong together: which words of one differ from another's, and how alike a caption is to a campaign. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher

from moderation.detection.minhash import signature_of, similarity, values_of

_WORDS = re.compile(r"\s+|\S+")
#: Words of a caption that are compared; the rest of a longer one stands as it is.
_MOST_WORDS = 400


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of a caption; `differs` where the caption that it is compared with has something else there."""

    text: str
    differs: bool


def pieces_against(common: str, caption: str) -> tuple[Piece, ...]:
    """Return a caption with the words marked that another one does not have in that place; joined they are the caption."""
    before, words = _WORDS.findall(common)[:_MOST_WORDS], _WORDS.findall(caption)
    rest = "".join(words[_MOST_WORDS:])
    words = words[:_MOST_WORDS]
    same = [False] * len(words)
    for block in SequenceMatcher(None, before, words, autojunk=False).get_matching_blocks():
        same[block.b : block.b + block.size] = [True] * block.size
    parts = [Piece(word, not (is_same or word.isspace())) for word, is_same in zip(words, same, strict=True)]
    return _joined([*parts, Piece(rest, False)] if rest else parts)


def _joined(parts: Iterable[Piece]) -> tuple[Piece, ...]:
    """Return the parts with neighbours of one kind as one; a space between two that differ goes with them."""
    found: list[Piece] = []
    for part in parts:
        if found and found[-1].differs == part.differs:
            found[-1] = Piece(found[-1].text + part.text, part.differs)
        else:
            found.append(part)
    return tuple(found)


def likeness_of(caption: str, representatives: bytes) -> float | None:
    """Return how alike a caption is to the likest of a campaign's representatives, 0 to 1; None where it is too short to tell."""
    signature = signature_of(caption, min_letters=1)
    if signature is None or not representatives:
        return None
    return float(similarity(signature.values, values_of(representatives)).max())
