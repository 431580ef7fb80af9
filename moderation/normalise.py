"""Text as a person would read it, undoing spelling tricks, with a map back to what was written.

Linear in the length of the text; never raises. Steps, character by character: compatibility forms, accents and invisible
characters, look-alike letters, leet digits inside words, then runs over the whole: spaced-out and punctuated letters, repeats.
"""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

#: Letters of other scripts and symbols that pass for Latin ones. Facts of their shapes; common ones only.
_LOOKALIKES = dict(
    zip(
        "аАвВсСеЕнНіІјЈкКмМоОрРѕЅтТхХуУԁԛԝһ" + "αΑβΒεΕηΗιΙκΚμΜνΝοΟρΡτΤυΥχΧ" + "ıſƒɡɩʟʀøØłŁđĐħ",
        "aabbcceehhiijjkkmmoopp" + "ssttxxyy" + "dqwh" + "aabbeehhiikkmmnnoopptt" + "uuxx" + "isfgilroollddh",
        strict=True,
    )
)
#: Digits and signs that stand for letters between letters.
_LEET = {
    "0": "o",
    "1": "i",
    "3": "e",
    "4": "a",
    "5": "s",
    "7": "t",
    "8": "b",
    "@": "a",
    "$": "s",
    "!": "i",
    "|": "l",
    "€": "e",
}
#: Between single letters these hide a word; between words they separate.
_SEPARATORS = frozenset(" .-_*·•,/\\|~'\"+=")
#: A letter is kept at most this often in a row: "cooool" and "cool" meet, "book" stays.
_MAX_REPEATS = 2
_BLOCKS_NEGATIVE_SQUARED = range(0x1F170, 0x1F18A)
_REGIONAL = range(0x1F1E6, 0x1F200)


@dataclass(frozen=True, slots=True)
class Normalised:
    """`text[i]` came from `original[index_map[i]]`; the map never decreases."""

    text: str
    index_map: tuple[int, ...]

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span in the original text of `text[start:end]`, end exclusive."""
        if start >= end:
            return 0, 0
        return self.index_map[start], self.index_map[end - 1] + 1


@lru_cache(maxsize=8_192)
def _folded(char: str) -> str:
    """Return what one character reads as; "" for what is invisible."""
    if char.isascii():
        return char.lower() if char >= " " else (" " if char in "\t\n\r\f\v" else "")
    code = ord(char)
    if code in _BLOCKS_NEGATIVE_SQUARED:
        return chr(code - _BLOCKS_NEGATIVE_SQUARED.start + ord("a"))
    if code in _REGIONAL:
        return chr(code - _REGIONAL.start + ord("a"))
    if char in _LOOKALIKES:
        return _LOOKALIKES[char]
    return "".join(_plain(c) for c in unicodedata.normalize("NFKD", char))


def _plain(char: str) -> str:
    category = unicodedata.category(char)
    if category in {"Mn", "Me", "Cf", "Cc", "Cs", "Co", "Cn"}:
        # Vowel signs of Indic and South-East Asian scripts carry meaning; accents over Latin letters do not.
        return char if category == "Mn" and ord(char) >= 0x0900 and ord(char) < 0x1AB0 else ""
    if category in {"Zs", "Zl", "Zp"}:
        return " "
    return _LOOKALIKES.get(char, char.casefold())


def normalise(text: str) -> Normalised:
    """Return the text as it reads, with the position in the original of every character."""
    return readings(text)[0]


def readings(text: str) -> tuple[Normalised, ...]:
    """Return how a text may be read: long-drawn letters as two ("cool"), and, where there are any, as one ("spam")."""
    chars, index = _fold(text)
    _unleet(chars)
    chars, index = _join_spaced(chars, index)
    kept, n_dropped = _squeeze(chars, index, keep=_MAX_REPEATS)
    if not n_dropped:
        return (kept,)
    return kept, _squeeze(chars, index, keep=1)[0]


def _fold(text: str) -> tuple[list[str], list[int]]:
    chars: list[str] = []
    index: list[int] = []
    for position, char in enumerate(text):
        for folded in _folded(char):
            chars.append(folded)
            index.append(position)
    return chars, index


def _unleet(chars: list[str]) -> None:
    """Turn digits and signs into letters inside words that have letters; prices and years stay as they are."""
    start = 0
    for end in range(len(chars) + 1):
        if end == len(chars) or not (chars[end].isalnum() or chars[end] in _LEET):
            _unleet_word(chars, start, end)
            start = end + 1


def _unleet_word(chars: list[str], start: int, end: int) -> None:
    n_letters = sum(1 for i in range(start, end) if chars[i].isalpha())
    n_digits = sum(1 for i in range(start, end) if chars[i].isdigit())
    while end > start and chars[end - 1] == "!":  # an exclamation mark at the end is one
        end -= 1
    if n_letters >= 1 and n_letters >= n_digits:
        for i in range(start, end):
            chars[i] = _LEET.get(chars[i], chars[i])


def _join_spaced(chars: list[str], index: list[int]) -> tuple[list[str], list[int]]:
    """Drop separators between single letters: three or more in a row spell a word, as in "s p a m" or "s.p.a.m"."""
    out_chars: list[str] = []
    out_index: list[int] = []
    position = 0
    while position < len(chars):
        letters = _spaced_run(chars, position)
        if len(letters) >= 3:
            out_chars.extend(chars[i] for i in letters)
            out_index.extend(index[i] for i in letters)
            position = letters[-1] + 1
        else:
            out_chars.append(chars[position])
            out_index.append(index[position])
            position += 1
    return out_chars, out_index


def _spaced_run(chars: list[str], start: int) -> list[int]:
    """Return the positions of single letters parted by one separator each, from `start`, where a word begins."""
    n = len(chars)
    if not chars[start].isalpha() or (start > 0 and chars[start - 1].isalnum()):
        return []
    run = [start]
    position = start + 1
    while position + 1 < n and chars[position] in _SEPARATORS and chars[position + 1].isalpha():
        if position + 2 < n and chars[position + 2].isalnum():
            break  # a longer word follows
        run.append(position + 1)
        position += 2
    return run


def _squeeze(chars: list[str], index: list[int], *, keep: int) -> tuple[Normalised, int]:
    """Cut letters that stand more than _MAX_REPEATS times in a row to `keep`, and spaces to one.

    Returns the text and how many letters were cut.
    """
    out_chars: list[str] = []
    out_index: list[int] = []
    n_dropped = 0
    for char, run in groupby(range(len(chars)), key=chars.__getitem__):
        positions = list(run)
        if char == " ":
            positions = positions[:1]
        elif len(positions) > _MAX_REPEATS and char.isalpha():
            n_dropped += len(positions) - keep
            positions = positions[:keep]
        out_chars.extend(char for _ in positions)
        out_index.extend(index[i] for i in positions)
    return Normalised("".join(out_chars), tuple(out_index)), n_dropped
