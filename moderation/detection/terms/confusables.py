"""What single characters read as: in their own script, and as the Latin letter that they resemble.

Facts come from Unicode: compatibility forms and names from `unicodedata`, shapes from the confusables of UTS #39 as the
package `confusable_homoglyphs` carries them. Two dozen hand-kept pairs add what those lack: small letters that look like
small capitals, and signs that are written for letters.
"""

import json
import re
import unicodedata
from functools import lru_cache
from importlib.resources import files

#: Letters up to here (Latin, Greek, Cyrillic) are read without their accents.
_LAST_ACCENTED = 0x052F
#: Vowel signs of Indic and South-East Asian scripts carry meaning; marks elsewhere do not.
_VOWEL_SIGNS = range(0x0900, 0x1AB0)
_INVISIBLE = frozenset({"Mn", "Me", "Cf", "Cc", "Cs", "Co", "Cn"})
#: White letters on dark discs and squares, which have no compatibility form.
_INVERTED = (range(0x1F150, 0x1F16A), range(0x1F170, 0x1F18A))
REGIONAL = range(0x1F1E6, 0x1F200)
#: A Latin letter under another shape: turned, as a small capital, with a stroke or a hook.
_LATIN_NAME = re.compile(
    r"(?:MODIFIER LETTER |LATIN )(?:CAPITAL |SMALL |SUBSCRIPT |LETTER |LIGATURE )*"
    r"(?:(?:SMALL CAPITAL|SMALL|CAPITAL|TURNED|REVERSED|INVERTED|SIDEWAYS|DOTLESS|LONG|SCRIPT|INSULAR|OPEN|BARRED|BLACKLETTER|"
    r"TAILLESS|STIRRUP|DENTAL|LOWERED|SQUAT|OVERLAPPING|CLOSED|FISHHOOK|HALF|FLATTENED|CHEROKEE) )*"
    r"([A-Z]|AE|OE|OO|TZ|DZ|LZ|LS|TS)(?: WITH .*)?"
)
_IN_BRACKETS = re.compile(r"(?:PARENTHESIZED|TORTOISE SHELL BRACKETED) LATIN (?:SMALL|CAPITAL) LETTER ([A-Z])$")
#: Their names hide what they are: open o lies on its back as c when turned, and the like; and squared words.
_BY_HAND = {
    "ǝ": "e", "ə": "e", "ɔ": "c", "ɐ": "a", "ɑ": "a", "ɒ": "a", "ʌ": "v", "ʍ": "w", "ɯ": "m", "ʃ": "s", "ɛ": "e", "ɩ": "i", "ʊ": "u",
    "ŋ": "n", "þ": "p", "ƨ": "s", "ƽ": "s", "ʔ": "?", "\U0001f18e": "ab",
}  # fmt: skip
#: Small letters that pass for small capitals; Unicode lists the capitals only.
_SMALL_CAPITALS = dict(zip("вкмнтяипшщьъэє" + "κμτηβεωχ", "bkmhtrnnwwbbee" + "kutnbewx", strict=True))
#: Scripts of which a letter in a Latin word is a disguise, and which Latin letters pass for theirs.
INTO = {
    "CYRILLIC": str.maketrans("aceopxyikmthbsju", "асеорхуікмтнвѕји"),
    "GREEK": str.maketrans("abehikmnoptuxyvw", "αβεηικμνορτυχυνω"),
}
#: The letters that a turned page shows; a word of only these, some of them unusual, was turned.
TURNED = {
    "ɐ": "a", "q": "b", "ɔ": "c", "p": "d", "ǝ": "e", "ə": "e", "ɟ": "f", "ƃ": "g", "ɓ": "g", "ɥ": "h", "ᴉ": "i", "ı": "i", "ɾ": "j",
    "ʞ": "k", "l": "l", "ן": "l", "ꞁ": "l", "ʃ": "l", "ɯ": "m", "u": "n", "o": "o", "d": "p", "b": "q", "ɹ": "r", "s": "s", "ʇ": "t",
    "n": "u", "ʌ": "v", "ʍ": "w", "x": "x", "ʎ": "y", "z": "z", "i": "i",
}  # fmt: skip
TURNED_ONLY = frozenset("ɐɔǝəɟƃɥᴉɾʞןꞁɯɹʇʌʍʎ")


def _confusables() -> dict[str, str]:
    """Return the ASCII letter, in lower case, that each character resembles."""
    source = files("confusable_homoglyphs") / "confusables.json"
    groups = json.loads(source.read_text(encoding="utf-8"))
    found: dict[str, set[str]] = {}
    for char, others in groups.items():
        for other in (entry["c"] for entry in others):
            for odd, plain in ((char, other), (other, char)):
                if len(odd) == len(plain) == 1 and not odd.isascii() and (letter := _ascii_letter(plain)):
                    found.setdefault(odd, set()).add(letter)
    return {char: _likeliest(char, letters) for char, letters in found.items()}


def _ascii_letter(char: str) -> str:
    plain = char if char.isascii() else _by_name(char)
    return plain.lower() if len(plain) == 1 and plain.isalpha() and plain.isascii() else ""


def _likeliest(char: str, letters: set[str]) -> str:
    """A stroke is an l or an i: where the character's name says which, that counts."""
    last = "i" if char.isupper() else unicodedata.name(char, "").rpartition(" ")[2].lower()
    return last if last in letters else min(letters)


def _by_name(char: str) -> str:
    """Return the Latin letters that a variant of them stands for; "" where it is none."""
    if char in _BY_HAND:
        return _BY_HAND[char]
    match = _LATIN_NAME.fullmatch(unicodedata.name(char, ""))
    return match[1].lower() if match else ""


_SHAPES = _confusables()


class _Table(dict[str, str]):
    """Answers of a function, kept; the number kept is bounded, since anyone may send every character there is."""

    _MOST = 20_000

    def __missing__(self, unit: str) -> str:
        found = self.compute(unit)
        if len(self) < self._MOST:
            self[unit] = found
        return found

    def compute(self, unit: str) -> str:
        raise NotImplementedError


class _Own(_Table):
    """What a character (or a syllable written in parts) reads as in its own script; "" for what is invisible."""

    def compute(self, unit: str) -> str:
        code = ord(unit[0])
        for block in (*_INVERTED, REGIONAL):
            if code in block:
                return chr(code - block.start + ord("a"))
        if match := _IN_BRACKETS.match(unicodedata.name(unit[0], "")):
            return match[1].lower()
        apart = unicodedata.normalize("NFKD", unit)
        is_accented = not apart or ord(apart[0]) <= _LAST_ACCENTED
        return "".join(map(_plain, apart if is_accented else unicodedata.normalize("NFKC", unit)))


def _plain(char: str) -> str:
    if char in "\t\n\r\f\v":
        return " "
    if char.isascii():
        return char.lower() if char.isprintable() else ""
    category = unicodedata.category(char)
    if category in _INVISIBLE:
        return char if category == "Mn" and ord(char) in _VOWEL_SIGNS else ""
    if category in {"Zs", "Zl", "Zp"}:
        return " "
    if category == "Nd":
        return str(unicodedata.decimal(char))
    folded = (c for c in char.casefold() if unicodedata.category(c) not in _INVISIBLE)
    return _by_name(char) or "".join(_by_name(c) or c for c in folded)


class _Latin(_Table):
    """The same, as long, with the Latin letter for each letter, digit or sign that resembles one."""

    def compute(self, unit: str) -> str:
        own = OWN[unit]
        if len(own) != 1 or unit.isascii() or (own.isascii() and own.isalpha()):
            return own
        shape = unicodedata.normalize("NFKD", unit)[0]
        known = (table.get(char) for char in (unit, shape, own) for table in (_SMALL_CAPITALS, _SHAPES))
        return next(filter(None, known), own)


OWN = _Own()
LATIN = _Latin()


@lru_cache(maxsize=20_000)
def script_of(char: str) -> str:
    """Return the first word of a character's name, which is its script: "LATIN", "CYRILLIC", "CJK"; "" without one."""
    return unicodedata.name(char, "").partition(" ")[0]
