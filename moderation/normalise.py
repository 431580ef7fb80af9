"""Text as a person would read it, undoing spelling tricks, with a map back to what was written.

Linear in the length of the text; never raises. In order: compatibility forms, accents, invisible characters and look-alike
letters; leet digits and signs inside words; spaced-out and punctuated letters; long-drawn letters. Where a trick can be read
in several ways, each is a reading of its own.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

#: Letters of other scripts and symbols that pass for Latin ones. Facts of their shapes; common ones only.
_LOOKALIKES = dict(
    zip(
        "аАвВсСеЕнНіІјЈкКмМоОрРѕЅтТхХуУԁԛԝһӏ" + "αΑβΒεΕηΗιΙκΚμΜνΝοΟρΡτΤυΥχΧ" + "ıſƒɡɩʟʀøØłŁđĐħ",
        "aabbcceehhiijjkkmmoopp" + "ssttxxyy" + "dqwhl" + "aabbeehhiikkmmnnoopptt" + "uuxx" + "isfgilroollddh",
        strict=True,
    )
)
_LEET_SIGNS = "0134578@$!|€"
#: Digits and signs that stand for letters between letters. Some stand for "i" as well as for "l".
_LEET_AS_I = str.maketrans(_LEET_SIGNS, "oieastbasile")
_LEET_AS_L = str.maketrans(_LEET_SIGNS, "oleastbaslie")
_LEET = re.compile(f"[{re.escape(_LEET_SIGNS)}]")
_TWO_WAYS = re.compile(r"[1!|]")
_LEET_WORD = re.compile(r"(?:[^\W_]|[@$!|€])+")
_LETTER = r"[^\W\d_]"
#: Between single letters these hide a word; between words they separate.
SEPARATORS = frozenset(" .-_*·•,/\\|~'\"+=")
_SEPARATOR = "[" + re.escape("".join(sorted(SEPARATORS))) + "]"
#: Three single letters or more, each parted from the next by one to three separators.
_SPACED = re.compile(rf"(?<![^\W_]){_LETTER}(?:{_SEPARATOR}{{1,3}}{_LETTER}(?![^\W_])){{2,}}")
_NOT_LETTER = re.compile(_SEPARATOR)
#: Letters three times in a row or more, and runs of spaces.
_RUNS = re.compile(rf"({_LETTER})\1{{2,}}|  +")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_BLANKS = str.maketrans("\t\n\r\f\v", "     ")
#: Written in parts, Japanese and Korean syllables are put together first: apart they are other letters.
_PARTS = re.compile("[\u3099\u309a\u1160-\u11ff]")
_SYLLABLES = re.compile("[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?|.[\u3099\u309a]|.", re.DOTALL)
#: Letters up to here (Latin, Greek, Cyrillic) are read without their accents.
_LAST_ACCENTED = 0x052F
#: Vowel signs of Indic and South-East Asian scripts carry meaning; marks elsewhere do not.
_VOWEL_SIGNS = range(0x0900, 0x1AB0)
_INVISIBLE = frozenset({"Mn", "Me", "Cf", "Cc", "Cs", "Co", "Cn"})
#: White letters on dark discs and squares, which have no compatibility form.
_INVERTED = (range(0x1F150, 0x1F16A), range(0x1F170, 0x1F18A))
_REGIONAL = range(0x1F1E6, 0x1F200)


@dataclass(frozen=True, slots=True)
class Normalised:
    """`text[i]` came from `original[index_map[i]]`; the map never decreases."""

    text: str
    index_map: Sequence[int]

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span in the original text of `text[start:end]`, end exclusive."""
        if start >= end:
            return 0, 0
        return self.index_map[start], self.index_map[end - 1] + 1


def normalise(text: str) -> Normalised:
    """Return the text as it reads, with the position in the original of every character."""
    return readings(text)[0]


def readings(text: str) -> tuple[Normalised, ...]:
    """Return how a text may be read, the likeliest first; at most six, and one where nothing is ambiguous.

    Signs are letters or signs ("@rse", "@friend"), some are one letter or another ("ki11", "sp1t"), and long-drawn letters
    are two ("cool") or one ("spam").
    """
    found = fold(text)
    return tuple(dict.fromkeys(reading for variant in _unleet(found) for reading in _squeeze(_join_spaced(variant))))


def fold(text: str) -> Normalised:
    """Return the text in lower case, without accents, look-alikes and invisible characters; words stay as spelled."""
    if text.isascii() and not _CONTROLS.search(text):
        return Normalised(text.lower().translate(_BLANKS), range(len(text)))
    chars: list[str] = []
    index: list[int] = []
    was_regional = False
    for position, unit in _units(text):
        is_regional = ord(unit[0]) in _REGIONAL
        if is_regional != was_regional:  # a flag beside a word is not part of it
            chars.append(" ")
            index.append(position)
            was_regional = is_regional
        for char in _folded(unit):
            chars.append(char)
            index.append(position)
    return Normalised("".join(chars), tuple(index))


def _units(text: str) -> Iterator[tuple[int, str]]:
    if not _PARTS.search(text):
        return iter(enumerate(text))
    return ((match.start(), match[0]) for match in _SYLLABLES.finditer(text))


@lru_cache(maxsize=8_192)
def _folded(unit: str) -> str:
    """Return what one character (or a syllable written in parts) reads as; "" for what is invisible."""
    code = ord(unit[0])
    for block in (*_INVERTED, _REGIONAL):
        if code in block:
            return chr(code - block.start + ord("a"))
    apart = unicodedata.normalize("NFKD", unit)
    is_accented = not apart or ord(apart[0]) <= _LAST_ACCENTED
    return "".join(_plain(c) for c in (apart if is_accented else unicodedata.normalize("NFKC", unit)))


def _plain(char: str) -> str:
    if char in "\t\n\r\f\v":
        return " "
    category = unicodedata.category(char)
    if category in _INVISIBLE:
        return char if category == "Mn" and ord(char) in _VOWEL_SIGNS else ""
    if category in {"Zs", "Zl", "Zp"}:
        return " "
    return _LOOKALIKES.get(char, char.casefold())


def _unleet(found: Normalised) -> list[Normalised]:
    """Return the text with signs as letters inside words that have letters; prices and years stay as they are."""
    text = found.text
    if not _LEET.search(text):
        return [found]
    spellings = [_LEET_WORD.sub(lambda m: _unleet_word(m[0], _LEET_AS_I), text)]
    if _TWO_WAYS.search(text):
        spellings.append(_LEET_WORD.sub(lambda m: _unleet_word(m[0], _LEET_AS_L), text))
    return [Normalised(spelling, found.index_map) for spelling in dict.fromkeys([*spellings, text])]


def _unleet_word(word: str, table: dict[int, int]) -> str:
    stem = word.rstrip("!")  # an exclamation mark at the end is one
    n_letters = sum(map(str.isalpha, stem))
    if n_letters == 0 or n_letters < sum(map(str.isdigit, stem)):
        return word
    return stem.translate(table) + word[len(stem) :]


def _join_spaced(found: Normalised) -> Normalised:
    """Drop separators between single letters: three or more in a row spell a word, as in "s p a m" or "s.p.a.m"."""
    dropped = [
        (run.start() + gap.start(), run.start() + gap.end())
        for run in _SPACED.finditer(found.text)
        for gap in _NOT_LETTER.finditer(run[0])
    ]
    return _without(found, dropped)


def _squeeze(found: Normalised) -> list[Normalised]:
    """Cut runs of spaces to one, and longer runs of a letter than two to two; a second reading has them as one."""
    runs = [(*match.span(), match[1] is not None) for match in _RUNS.finditer(found.text)]
    twice = _without(found, [(start + 1 + is_letter, end) for start, end, is_letter in runs])
    if not any(is_letter for _, _, is_letter in runs):
        return [twice]
    return [twice, _without(found, [(start + 1, end) for start, end, _ in runs])]


def _without(found: Normalised, dropped: list[tuple[int, int]]) -> Normalised:
    """Return the text less the given spans, which are in order and do not overlap."""
    if not dropped:
        return found
    text: list[str] = []
    index: list[int] = []
    position = 0
    for start, end in [*dropped, (len(found.text), len(found.text))]:
        text.append(found.text[position:start])
        index.extend(found.index_map[position:start])
        position = end
    return Normalised("".join(text), tuple(index))
