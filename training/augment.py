"""Spelling tricks and other changes that must not change a label: applied to harmless and harmful texts alike."""

import random
import re
from collections.abc import Callable

_LEET = str.maketrans("aeiostlg", "4310$719")
_SOFT_LEET = str.maketrans("aeio", "@310")
_LOOKALIKE = str.maketrans("aeopcxyiAEOPC", "аеорсхуіАЕОРС")
_FULLWIDTH = {i: i + 0xFEE0 for i in range(0x21, 0x7F)}
_BOLD = {**{ord("a") + i: 0x1D41A + i for i in range(26)}, **{ord("A") + i: 0x1D400 + i for i in range(26)}}
_ACCENTS = str.maketrans("aeioucn", "áèïöûçñ")
_VOWEL = re.compile(r"[aeiou]")
_WORD = re.compile(r"[^\W\d_]{4,}")

Change = Callable[[str, random.Random], str]


def _in_words(change: Change, share: float) -> Change:
    """Return the change applied to a share of the words of four letters and more, to one at least."""

    def changed(text: str, draw: random.Random) -> str:
        words = list(_WORD.finditer(text))
        if not words:
            return text
        chosen = [w for w in words if draw.random() < share] or [draw.choice(words)]
        for word in reversed(chosen):
            text = text[: word.start()] + change(word[0], draw) + text[word.end() :]
        return text

    return changed


def _swap(word: str, draw: random.Random) -> str:
    i = draw.randrange(1, len(word) - 1)
    return word[: i - 1] + word[i] + word[i - 1] + word[i + 1 :]


def _draw_out(word: str, draw: random.Random) -> str:
    i = draw.randrange(len(word))
    return word[:i] + word[i] * draw.randint(2, 4) + word[i:]


TRICKS: dict[str, Change] = {
    "leet": _in_words(lambda w, _: w.translate(_LEET), 0.5),
    "soft_leet": _in_words(lambda w, _: w.translate(_SOFT_LEET), 0.6),
    "spaced": _in_words(lambda w, d: d.choice(" .-_*").join(w), 0.3),
    "zero_width": _in_words(lambda w, _: "\u200b".join(w), 0.5),
    "lookalike": _in_words(lambda w, _: w.translate(_LOOKALIKE), 0.6),
    "fullwidth": lambda text, _: text.translate(_FULLWIDTH),
    "bold": lambda text, _: text.translate(_BOLD),
    "accents": _in_words(lambda w, _: w.translate(_ACCENTS), 0.6),
    "drawn_out": _in_words(_draw_out, 0.4),
    "starred": _in_words(lambda w, _: w[0] + _VOWEL.sub("*", w[1:]), 0.3),
    "swapped": _in_words(_swap, 0.3),
    "vowels_dropped": _in_words(lambda w, _: w[0] + _VOWEL.sub("", w[1:]), 0.25),
    "joined": lambda text, _: text.replace(" ", ""),
    "split": _in_words(lambda w, d: w[: len(w) // 2] + d.choice(" -.") + w[len(w) // 2 :], 0.4),
}
#: Tricks are at times a whole habit of writing; these are not meant to hide anything.
HABITS: dict[str, Change] = {
    "upper": lambda text, _: text.upper(),
    "bare": lambda text, _: re.sub(r"[^\w\s]", "", text),
    "tail": lambda text, d: text + d.choice([" lol", " 😂", "!!!", " smh", " fr", " #fyp", " tbh", " 💀", " ..."]),
    "head": lambda text, d: d.choice(["ok so ", "ngl ", "@user ", "lmao ", "POV: ", "wait ", "honestly, "]) + text,
}


def trick(text: str, draw: random.Random) -> str:
    """Return the text under one spelling trick."""
    return TRICKS[draw.choice(_LIKELY)](text, draw)


def habit(text: str, draw: random.Random) -> str:
    """Return the text in another manner of writing."""
    return HABITS[draw.choice(tuple(HABITS))](text, draw)


#: "joined" makes one word of all and is rare in the wild.
_LIKELY = tuple(name for name in TRICKS if name != "joined") * 3 + ("joined",)
