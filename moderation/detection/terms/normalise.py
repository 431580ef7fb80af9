"""Text as a person would read it, undoing spelling tricks, with a map back to what was written.

Linear in the length of the text; never raises. In order: text shown backwards by bidirectional overrides or turned upside
down; compatibility forms, accents and invisible characters; look-alike letters of other scripts, word by word; letters
drawn with strokes and digits and signs inside words; spaced-out and punctuated letters; long-drawn letters. Where a trick
can be read in several ways, each is a reading of its own. Tricks that only a list of words can tell from ordinary writing
(reversed, split and censored words) are undone where the list is: in `moderation.detection.terms.detector`.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain

from moderation.detection.terms.confusables import INTO, LATIN, OWN, REGIONAL, TURNED, TURNED_ONLY, script_of

#: Signs and digits that stand for letters. Some stand for "i" as well as for "l".
_LEET_SIGNS = "0134578@$!|€" + "269+(<^£¢¥§×⭕❌💲❗"
_LEET_AS_I = str.maketrans(_LEET_SIGNS, "oieastbasile" + "zggtccalcysxoxsi")
_LEET_AS_L = str.maketrans(_LEET_SIGNS, "oleastbaslie" + "zggtccalcysxoxsl")
_LEET_CYRILLIC = str.maketrans("034618@$", "озчбиваѕ")
#: These also stand beside a word without being part of it; they are letters between letters only.
_INNER_ONLY = frozenset("+(<^£×⭕❌💲❗")
_EDGE_SIGNS = "".join(sorted(_INNER_ONLY)) + "!"
_SIGN = f"[{re.escape(_LEET_SIGNS)}]"
#: A sign before a letter, or after one where it is not at home after words.
_SPOT = re.compile(
    rf"{_SIGN}(?=[^\W\d_])|[{re.escape(''.join(c for c in _LEET_SIGNS if c not in _EDGE_SIGNS))}](?<=[^\W\d_].)"
)
_TWO_WAYS = re.compile(r"[1!|❗]")
_LEET_WORD = re.compile(f"(?:[^\\W_]|{_SIGN})+")
_LETTER = r"[^\W\d_]"
_CYRILLIC = re.compile("[\u0400-\u052f]")
#: Letters drawn with strokes, the longer drawings first. Those of plain brackets count beside a letter only.
_DRAWN = {
    r"|\/|": "m", r"/\/\\"[:-1]: "m", r"(\/)": "m", r"|\|": "n", r"/\/": "n", r"\/\/": "w", r"|/\|": "w", r"|-|": "h", r"|_|": "u",
    r"(_)": "u", r"|)": "d", r"|<": "k", r"|>": "p", r"|=": "f", r"|3": "b", r"\/": "v", r"/-\\"[:-1]: "a", r"/\\"[:-1]: "a",
    "()": "o", "[]": "o", "}{": "h", ")(": "x", "><": "x",
}  # fmt: skip
_DRAWING = re.compile("|".join(re.escape(d) for d in sorted(_DRAWN, key=len, reverse=True)))
_CHUNK = re.compile(r"\S+")
#: Between single letters these hide a word; between words they separate.
SEPARATORS = frozenset(" .-_*·•,/\\|~'\"+=")
_SEPARATOR = "[" + re.escape("".join(sorted(SEPARATORS))) + "]"
#: Three single letters or more, each parted from the next by one to three separators.
_SPACED = re.compile(rf"(?<![^\W_]){_LETTER}(?:{_SEPARATOR}{{1,3}}{_LETTER}(?![^\W_])){{2,}}")
#: The second and third of them: quick to look for.
_LONE = re.compile(rf"{_SEPARATOR}{_LETTER}{_SEPARATOR}{{1,3}}{_LETTER}(?![^\W_])")
_NOT_LETTER = re.compile(_SEPARATOR)
#: Letters three times in a row or more, and runs of spaces.
_RUNS = re.compile(rf"({_LETTER})\1{{2,}}|  +")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_BLANKS = str.maketrans("\t\n\r\f\v", "     ")
#: Written in parts, Japanese and Korean syllables are put together first: apart they are other letters.
_PARTS = re.compile("[\u3099\u309a\u1160-\u11ff]")
_SYLLABLES = re.compile("[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?|.[\u3099\u309a]|.", re.DOTALL)
_PIECES = re.compile("[ -~]{2,}|" + _SYLLABLES.pattern, re.DOTALL)
_FLAG_LETTER = re.compile(f"[{chr(REGIONAL.start)}-{chr(REGIONAL.stop - 1)}]")
#: Invisible doubles of ASCII. After a black flag they name a region; elsewhere they carry text past the eye.
_TAGS = re.compile("(?<!\U0001f3f4)(?<![\U000e0020-\U000e007f])[\U000e0020-\U000e007e]+")
_OVERRIDE = re.compile("\u202e")
_NOT_EACH = re.compile(f"{_PARTS.pattern}|{_FLAG_LETTER.pattern}|\u202e|[\u0300-\u036f\u200b-\u200f\ufe0f]")
_TURNED_WORD = re.compile(rf"[{''.join(TURNED)}]+[.,!?']*(?!\S)")
_TURNED_LETTER = re.compile(f"[{''.join(sorted(TURNED_ONLY))}]")
_SMALL_I = re.compile("i")
_STROKE = re.compile("[a-z]I")
#: Deeper nesting of directions than this is taken as is; text that people wrote has none.
_MAX_NESTING = 8
_RUN = re.compile(r"[^\s!-/:-@\[-`{-~]+")
_UNSPACED_SCRIPTS = frozenset(
    {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "THAI", "LAO", "KHMER", "MYANMAR", "HANGUL"}
)
#: These pass for Latin letters only among such ("яussia"): a word of its own script that has one of them is just that.
_POSES = frozenset("гипшщъыьэюя")
#: Longer runs, and longer texts, are not remembered.
_MAX_KEPT = 64
_MAX_REMEMBERED = 4_000
MAX_READINGS = 8
#: A word of fewer letters with digits in it is a code ("mp3", "b2b"), at least in the likeliest reading.
_MIN_LETTERS_AROUND_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Normalised:
    """`text[i]` came from `original[index_map[i]:ends[i]]`; without `ends`, from the one character there.

    The map rises, except where the original is shown in another order than it is stored in.
    """

    text: str
    index_map: Sequence[int]
    ends: Sequence[int] | None = None

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span in the original text of `text[start:end]`, end exclusive."""
        if start >= end:
            return 0, 0
        if self.ends is None:
            return self.index_map[start], self.index_map[end - 1] + 1
        return min(self.index_map[start:end]), max(self.ends[start:end])

    def with_text(self, text: str) -> "Normalised":
        """Return the same map under another text of the same length."""
        return self if text == self.text else Normalised(text, self.index_map, self.ends)


def normalise(text: str) -> Normalised:
    """Return the text in its likeliest reading, with the position in the original of every character."""
    return readings(text)[0]


def readings(text: str) -> tuple[Normalised, ...]:
    """Return how a text may be read, the likeliest first: at most eight, and one where nothing is ambiguous.

    Signs are letters or signs ("@rse", "@friend"), some are one letter or another ("ki11", "sp1t"), long-drawn letters are
    two ("cool") or one ("spam"), a word in letters that all look Latin is of either script, and tags are text or nothing.
    """
    return _recent_readings(text) if len(text) <= _MAX_REMEMBERED else _recent_readings.__wrapped__(text)


@lru_cache(maxsize=16)  # one caption is read by several detectors in turn, each of which finds it read
def _recent_readings(text: str) -> tuple[Normalised, ...]:
    likeliest, others = _folds(text)
    variants = [reading for found in (likeliest, *others) for reading in _unleet(found)]
    squeezed = [_squeeze(_join_spaced(variant)) for variant in variants]
    in_order = chain((pair[0] for pair in squeezed), (pair[1] for pair in squeezed if len(pair) > 1))
    different: dict[str, Normalised] = {}
    for found in in_order:
        different.setdefault(found.text, found)
    return tuple(different.values())[:MAX_READINGS]


def fold(text: str) -> Normalised:
    """Return the text in lower case, without accents, look-alikes and invisible characters; words stay as spelled.

    A word wholly in another script stays in it.
    """
    return _folds(text)[0]


def latin(text: str) -> Normalised:
    """Return the text folded, with every letter that resembles a Latin one read as that, whatever its word is in.

    For names that machines follow, such as hosts, where any look-alike is a disguise.
    """
    if text.isascii():
        return fold(text)
    return _shapes(text)[1]


def _folds(text: str) -> tuple[Normalised, tuple[Normalised, ...]]:
    """Return the text folded, and further foldings where its scripts or hidden letters leave a choice."""
    if text.isascii() and not _CONTROLS.search(text):
        plain = Normalised(text.lower().translate(_BLANKS), range(len(text)))
        return plain, tuple(_strokes(plain, text)) if "I" in text else ()
    return _recent_folds(text) if len(text) <= _MAX_REMEMBERED else _recent_folds.__wrapped__(text)


@lru_cache(maxsize=16)  # one caption is read by several detectors in turn
def _recent_folds(text: str) -> tuple[Normalised, tuple[Normalised, ...]]:
    found = _fold(text)
    others = [*found[1:], *_strokes(found[0], text)]
    if _TAGS.search(text):
        others.append(_fold(_TAGS.sub(lambda m: "".join(chr(ord(c) - 0xE0000) for c in m[0]), text))[0])
    return found[0], tuple(others)


def _strokes(found: Normalised, original: str) -> list[Normalised]:
    """Return the text with "l" for each capital "I" that may be one: after a small letter, or of a fancy font."""
    is_in_place = original.isascii() and len(found.text) == len(original)  # no control character was dropped
    places = [m.end() - 1 for m in _STROKE.finditer(original)] if is_in_place else _fancy_strokes(found, original)
    if not places:
        return []
    text = list(found.text)
    for i in places:
        text[i] = "l"
    return [found.with_text("".join(text))]


def _fancy_strokes(found: Normalised, original: str) -> list[int]:
    places = []
    for i in (match.start() for match in _SMALL_I.finditer(found.text)):
        char = original[found.index_map[i]]
        if char.isupper() and (not char.isascii() or (i and original[found.index_map[i - 1]].islower())):
            places.append(i)
    return places


def _fold(text: str) -> list[Normalised]:
    own, as_latin = _shapes(text)
    likeliest, other = _unmix(own.text, as_latin.text)
    return [own.with_text(likeliest)] + ([own.with_text(other)] if other != likeliest else [])


# --- characters: what each reads as, in the order in which they are seen ---


def _shapes(text: str) -> tuple[Normalised, Normalised]:
    """Return the text as its letters are, and, as long, as the Latin letters that they resemble."""
    folded, as_latin = _each_to_one(text) or _in_units(text)
    if _TURNED_LETTER.search(text):
        folded, as_latin = _turn_back(folded, text), _turn_back(as_latin, text)
    return folded, as_latin


def _each_to_one(text: str) -> tuple[Normalised, Normalised] | None:
    """Return the shapes of a text of which each character reads as one other, in order, as most do; None for others."""
    if _NOT_EACH.search(text):
        return None
    own = [OWN[char] for char in text]
    if set(map(len, own)) != {1}:
        return None
    folded = Normalised("".join(own), range(len(text)))
    return folded, folded.with_text("".join(map(LATIN.__getitem__, text)))


def _in_units(text: str) -> tuple[Normalised, Normalised]:
    is_reordered = _OVERRIDE.search(text) is not None
    units: list[str] = (_SYLLABLES if is_reordered else _PIECES).findall(text)
    own = [unit.lower() if len(unit) > 1 and unit.isascii() else OWN[unit] for unit in units]
    if _FLAG_LETTER.search(text):
        _part_flags(units, own)
    folded = Normalised("".join(own), *_map(units, own))
    shapes = (LATIN[u] if len(o) == 1 and o != " " else o for u, o in zip(units, own, strict=True))
    as_latin = folded.with_text("".join(shapes))
    if not is_reordered:
        return folded, as_latin
    order = _order_seen(folded.text, units, own)
    return _reorder(folded, order), _reorder(as_latin, order)


def _part_flags(units: Sequence[str], own: list[str]) -> None:
    """Put a space between flags, or letters like those of flags, and words: they are not parts of them."""
    was_flag = False
    for i, unit in enumerate(units):
        is_flag = ord(unit[0]) in REGIONAL
        if is_flag != was_flag:
            own[i] = " " + own[i]
        was_flag = is_flag


def _map(units: Sequence[str], own: list[str]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return where each character read begins and ends in the text, the marks above and below it included."""
    starts: list[int] = []
    ends: list[int] = []
    position = 0
    for unit, folded in zip(units, own, strict=True):
        after = position + len(unit)
        if folded and unit.isascii():
            if len(folded) > len(unit):  # the space that parts it from a flag
                starts.append(position)
                ends.append(position + 1)
            starts.extend(range(position, after))
            ends.extend(range(position + 1, after + 1))
        elif folded:
            starts += [position] * len(folded)
            ends += [after] * len(folded)
        elif ends and ends[-1] == position and unicodedata.category(unit[0]) in {"Mn", "Me"}:
            ends[-1] = after
        position = after
    return tuple(starts), tuple(ends)


def _reorder(found: Normalised, order: Sequence[int]) -> Normalised:
    index = found.index_map
    ends = found.ends if found.ends is not None else [i + 1 for i in index]
    return Normalised(
        "".join(found.text[i] for i in order), tuple(index[i] for i in order), tuple(ends[i] for i in order)
    )


def _order_seen(text: str, units: Sequence[str], own: list[str]) -> list[int]:
    """Return the positions in the folded text in the order in which they are shown under overrides of direction.

    Each override is a list that is turned round when it closes; what opens inside it and is not an override keeps its
    order. Letters that run from right to left are stored as they are read, override or not.
    """
    open_lists: list[tuple[list[int], str]] = [([], "")]
    position = 0
    for unit, folded in zip(units, own, strict=True):
        if unit in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068" and len(open_lists) <= _MAX_NESTING:
            open_lists.append(([], unit))
        elif unit in "\u202c\u2069" and len(open_lists) > 1:
            _close(open_lists, text)
        elif unit in "\n\r\u2029":
            while len(open_lists) > 1:
                _close(open_lists, text)
        here = range(position, position + len(folded))
        # What an override turns round is turned here, so that the whole, when turned, shows it rightly.
        open_lists[-1][0].extend(reversed(here) if open_lists[-1][1] == "\u202e" else here)
        position += len(folded)
    while len(open_lists) > 1:
        _close(open_lists, text)
    return open_lists[0][0]


def _close(open_lists: list[tuple[list[int], str]], text: str) -> None:
    inner, kind = open_lists.pop()
    if kind == "\u202e":
        if any(unicodedata.bidirectional(text[i]) == "L" for i in inner):
            inner.reverse()
        else:
            inner.sort()
    if open_lists[-1][1] == "\u202e":
        inner.reverse()  # the outer one turns it back
    open_lists[-1][0].extend(inner)


def _turn_back(found: Normalised, original: str) -> Normalised:
    """Read words that stand on their heads: from the end, each letter as it is when turned."""
    raw = "".join(OWN[c] if (c := original[i]).isascii() else c for i in found.index_map)
    order = list(range(len(raw)))
    text = list(found.text)
    for start, end in _turn_runs(raw):
        order[start:end] = range(end - 1, start - 1, -1)
        text[start:end] = [TURNED.get(c, c) for c in raw[start:end]]
    return _reorder(found.with_text("".join(text)), order)


def _turn_runs(raw: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of words in a row that all may be turned, from the first to the last that surely is."""
    start = end = 0
    for chunk in _CHUNK.finditer(raw):
        if _TURNED_WORD.match(chunk[0]) is None:
            if end:
                yield start, end
            end = 0
        elif _TURNED_LETTER.search(chunk[0]):
            start, end = start if end else chunk.start(), chunk.end()
    if end:
        yield start, end


# --- scripts: a word is in one ---


def _unmix(own: str, as_latin: str) -> tuple[str, str]:
    """Return the text with each word in one script, and once more with the other choice where there is one."""
    if own.isascii() and own == as_latin:
        return own, own
    likeliest, other, position = [], [], 0
    for match in _RUN.finditer(own):
        start, end = match.span()
        mine, shapes = own[start:end], as_latin[start:end]
        if mine.isascii() and mine == shapes:
            continue
        first, second = (_word if end - start <= _MAX_KEPT else _word.__wrapped__)(mine, shapes)
        between = own[position:start]
        likeliest += [between, first]
        other += [between, second]
        position = end
    return "".join([*likeliest, own[position:]]), "".join([*other, own[position:]])


@lru_cache(maxsize=20_000)
def _word(own: str, as_latin: str) -> tuple[str, str]:
    """Return how a word reads, and how else it may.

    In one script, it is in that, or else in Latin if all its letters resemble Latin ones. In several, it is in the one that
    all its letters belong to or resemble; if there are two such, in the one of most letters, and Latin where they are as many.
    """
    pairs = [(mine, shape) for mine, shape in zip(own, as_latin, strict=True) if mine.isalpha() or mine != shape]
    foreign = [(mine, shape) for mine, shape in pairs if script_of(mine) != "LATIN"]
    n_latin = len(pairs) - len(foreign)
    scripts = {script_of(mine) for mine, _ in foreign if mine.isalpha()}
    are_all_alike = all(shape.isascii() for _, shape in foreign)
    if not n_latin and len(scripts) <= 1:
        return own, as_latin if are_all_alike and scripts and _POSES.isdisjoint(own) else own
    script = next(iter(scripts)) if len(scripts) == 1 else ""
    into = INTO.get(script, {})
    everyday = range(0x0430, 0x0450) if script == "CYRILLIC" else range(0x0370, 0x0400)
    native = own.translate(into)
    is_native = script in INTO and all(ord(mine) in into for mine, _ in pairs if script_of(mine) == "LATIN")
    if are_all_alike:
        if not is_native:
            return as_latin, as_latin
        n_native = sum(ord(mine) in everyday for mine, _ in foreign)
        return (native, as_latin) if n_native > len(pairs) - n_native else (as_latin, native)
    if is_native:
        return native, native
    return (own, own) if scripts & _UNSPACED_SCRIPTS else (as_latin, as_latin)


# --- signs: letters drawn, and digits and signs for letters ---


def _unleet(found: Normalised) -> list[Normalised]:
    """Return the text with signs as letters inside words that have letters; prices and years stay as they are."""
    drawn = _undraw(found)
    spellings = []
    if words := _sign_words(drawn.text):
        ways: list[Callable[[str], str]] = [_likely_word, partial(_any_word, table=_LEET_AS_I)]
        if _TWO_WAYS.search(drawn.text):
            ways.append(partial(_any_word, table=_LEET_AS_L))
        spellings = list({(way := _signs_read(drawn, words, read)).text: way for read in ways}.values())
    return [*spellings, drawn, found] if drawn is not found else [*spellings, found]


def _signs_read(found: Normalised, words: list[tuple[int, int]], read: Callable[[str], str]) -> Normalised:
    text, pieces, position = found.text, [], 0
    for start, end in words:
        pieces += [text[position:start], read(text[start:end])]
        position = end
    return found.with_text("".join([*pieces, text[position:]]))


def _sign_words(text: str) -> list[tuple[int, int]]:
    """Return the spans of the words with signs beside letters, looking only at the parts of the text that have them."""
    words: list[tuple[int, int]] = []
    seen = 0
    for spot in _SPOT.finditer(text):
        if spot.start() < seen:
            continue
        start, seen = text.rfind(" ", 0, spot.start()) + 1, text.find(" ", spot.end())
        seen = seen if seen >= 0 else len(text)
        words += [word.span() for word in _LEET_WORD.finditer(text, start, seen) if not word[0].isalpha()]
    return words


def _any_word(word: str, table: dict[int, int]) -> str:
    """Read all signs as letters; at the edges only those that are not ordinary there."""
    stem = word.rstrip(_EDGE_SIGNS)
    lead = len(stem) - len(stem.lstrip("".join(_INNER_ONLY)))
    n_letters = sum(map(str.isalpha, stem))
    if n_letters * 2 < sum(map(str.isdigit, stem)) or n_letters == 0:
        return word
    if _CYRILLIC.search(stem):
        table = table | _LEET_CYRILLIC
    return word[:lead] + stem[lead:].translate(table) + word[len(stem) :]


def _likely_word(word: str) -> str:
    """Read those signs as letters that hardly are anything else: inside a word, and money and "@" at its edges.

    A digit at an edge counts or names ("2nd", "mp3"), and "@" before a word addresses somebody.
    """
    stem = word.rstrip(_EDGE_SIGNS)
    letters = [i for i, char in enumerate(stem) if char.isalpha()]
    n_digits = sum(map(str.isdigit, stem))
    if not letters or len(letters) < n_digits or (n_digits and len(letters) < _MIN_LETTERS_AROUND_DIGITS):
        return word
    table = _LEET_AS_I | _LEET_CYRILLIC if _CYRILLIC.search(stem) else _LEET_AS_I
    first, last = letters[0], letters[-1]
    has_inner = any(not stem[i].isalpha() for i in range(first, last))
    read = [
        char.translate(table)
        if first < i < last
        or char == "$"
        or (char == "@" and i)
        or (has_inner and i < first and char not in _INNER_ONLY)
        else char
        for i, char in enumerate(stem)
    ]
    return "".join(read) + word[len(stem) :]


def _undraw(found: Normalised) -> Normalised:
    r"""Read letters drawn with strokes, as in "|\/|" and "()", in words that have other letters or a second drawing."""
    if not _DRAWING.search(found.text):
        return found
    replaced: list[tuple[int, int, str]] = []
    for chunk in _CHUNK.finditer(found.text):
        drawings = [
            (chunk.start() + d.start(), chunk.start() + d.end(), _DRAWN[d[0]]) for d in _DRAWING.finditer(chunk[0])
        ]
        if drawings and _is_drawn_word(found.text, chunk, drawings):
            replaced += drawings
    return _with_drawings(found, replaced)


def _is_drawn_word(text: str, chunk: re.Match[str], drawings: list[tuple[int, int, str]]) -> bool:
    """Whether the drawings are letters: a bracket at the end of a word, as in "f()", and a path are not."""
    if "://" in chunk[0]:
        return False
    last = drawings[-1]
    if text[last[0] : last[1]] in {"()", "[]"} and last[1] == chunk.end():
        return False
    n_letters = sum(map(str.isalpha, chunk[0]))
    return n_letters + len(drawings) >= 3 and (n_letters > 0 or len(drawings) > 1)


def _with_drawings(found: Normalised, replaced: list[tuple[int, int, str]]) -> Normalised:
    if not replaced:
        return found
    ends = found.ends if found.ends is not None else [i + 1 for i in found.index_map]
    text: list[str] = []
    index: list[int] = []
    new_ends: list[int] = []
    position = 0
    for start, end, letter in [*replaced, (len(found.text), len(found.text), "")]:
        text += [found.text[position:start], letter]
        index.extend(found.index_map[position:start])
        new_ends.extend(ends[position:start])
        if letter:
            index.append(min(found.index_map[start:end]))
            new_ends.append(max(ends[start:end]))
        position = end
    return Normalised("".join(text), tuple(index), tuple(new_ends))


# --- spacing and repeats ---


def _join_spaced(found: Normalised) -> Normalised:
    """Drop separators between single letters: three or more in a row spell a word, as in "s p a m" or "s.p.a.m".

    With a single apostrophe among them they are words already, as in "I'm a" and "il n'y a".
    """
    if not _LONE.search(found.text):
        return found
    dropped = [
        (run.start() + gap.start(), run.start() + gap.end())
        for run in _SPACED.finditer(found.text)
        if run[0].count("'") != 1
        for gap in _NOT_LETTER.finditer(run[0])
    ]
    return _without(found, dropped)


def _squeeze(found: Normalised) -> list[Normalised]:
    """Cut runs of spaces to one, and longer runs of a letter than two to two; a second reading has them as one."""
    text = found.text
    if not any(char * 3 in text for char in set(text)) and "  " not in text:
        return [found]
    runs = [(*match.span(), match[1] is not None) for match in _RUNS.finditer(text)]
    twice = _without(found, [(start + 1 + is_letter, end) for start, end, is_letter in runs])
    if not any(is_letter for _, _, is_letter in runs):
        return [twice]
    return [twice, _without(found, [(start + 1, end) for start, end, _ in runs])]


def _without(found: Normalised, dropped: Iterable[tuple[int, int]]) -> Normalised:
    """Return the text less the given spans, which are in order and do not overlap.

    What is dropped after the same letter belongs to it: the whole of a long-drawn letter is pointed at.
    """
    dropped = list(dropped)
    if not dropped:
        return found
    ends = found.ends if found.ends is not None else [i + 1 for i in found.index_map]
    text: list[str] = []
    index: list[int] = []
    new_ends: list[int] = []
    position = 0
    for start, end in [*dropped, (len(found.text), len(found.text))]:
        text.append(found.text[position:start])
        index.extend(found.index_map[position:start])
        new_ends.extend(ends[position:start])
        if 0 < start < end and new_ends and found.text[start - 1] == found.text[end - 1] != " ":
            new_ends[-1] = max(ends[start - 1 : end])
        position = end
    return Normalised("".join(text), tuple(index), tuple(new_ends))
