"""Words for the slots of written texts (`{slur}`, `{swear}` ...), read from the public word lists at training time.

The written texts hold no slur and no crude word themselves. Words about minors are never used.
"""

import csv
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

_SLOT = re.compile(r"\{(slur|slurs|insult|swear|sexterm|group|drug)\}")
#: Nothing that could speak of a minor goes into a text, whatever list has it.
_MINORS = re.compile(
    r"teen|child|kid|minor|loli|school|girl|boy|young|pedo|jail|bab[yi]|daughter|son\b|little|tiny|shota|barely", re.I
)
_PLAIN = re.compile(r"[^\W\d_][\w' -]{2,17}")
_GROUPS = (
    "immigrants", "Muslims", "Jews", "black people", "white people", "Asians", "Mexicans", "gay people", "trans people", "women", "disabled people",
    "refugees", "Christians", "Hindus", "Roma", "Arabs", "Africans", "lesbians", "men", "Indians", "indigenous people", "old people", "autistic people",
)  # fmt: skip
_DRUGS = (
    "weed",
    "coke",
    "molly",
    "meth",
    "shrooms",
    "acid",
    "ketamine",
    "xans",
    "percs",
    "fent",
    "crack",
    "speed",
    "lean",
    "dope",
    "oxys",
    "ecstasy",
)
#: What stands in where a language has no list of its own, or the lists are absent.
_PLAIN_WORDS = {
    "slur": ("parasite", "vermin"), "insult": ("idiot", "moron", "loser", "clown"), "swear": ("damn", "bloody", "crap"), "sexterm": ("nude", "nsfw"),
}  # fmt: skip
_FOREIGN = {
    "es": "es", "fr": "fr", "pt": "pt", "de": "de", "ru": "ru", "ar": "ar", "tr": "tr",
}  # fmt: skip


class Slots:
    """The words for every slot and language; `fill` draws from them."""

    def __init__(self, data: Path) -> None:
        self.words: dict[tuple[str, str], list[str]] = defaultdict(list)
        for kind, word in _english(data / "surge_profanity/profanity_en.csv"):
            self.words[kind, "en"].append(word)
        for language, folder in _FOREIGN.items():
            path = data / "ldnoobw" / folder
            found = [w for w in path.read_text(encoding="utf-8").splitlines() if _is_usable(w)] if path.exists() else []
            for kind in ("slur", "insult", "swear", "sexterm"):
                self.words[kind, language] = found

    def fill(self, text: str, language: str, draw: random.Random) -> str:
        """Return the text with a word in every slot."""
        return _SLOT.sub(lambda m: self._word(m[1], language, draw), text)

    def _word(self, kind: str, language: str, draw: random.Random) -> str:
        if kind == "group":
            return draw.choice(_GROUPS)
        if kind == "drug":
            return draw.choice(_DRUGS)
        is_plural, kind = kind == "slurs", kind.removesuffix("s") if kind == "slurs" else kind
        word = draw.choice(self.words.get((kind, language)) or _PLAIN_WORDS[kind])
        return word + "s" if is_plural and not word.endswith("s") else word

    def bare(self) -> Mapping[str, list[str]]:
        """Return the English words by slot, for texts that are little more than the word."""
        return {kind: words for (kind, language), words in self.words.items() if language == "en"}


def has_slot(text: str) -> bool:
    """Whether a text has a slot to fill."""
    return _SLOT.search(text) is not None


def _english(path: Path) -> Iterator[tuple[str, str]]:
    if not path.exists():
        return
    with path.open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            if not _is_usable(row["text"]):
                continue
            category, severity = row["category_1"], float(row["severity_rating"])
            if (
                category.startswith(("racial", "sexual orientation", "religious", "mental dis", "physical dis"))
                and severity >= 1.6
            ):
                yield "slur", row["text"]
            elif category.startswith("sexual anatomy") and severity >= 1.2:
                yield "sexterm", row["text"]
            elif category.startswith("other"):
                yield "insult", row["text"]
            if row["canonical_form_1"] in {"fuck", "shit", "damn", "hell", "ass", "crap", "bullshit"}:
                yield "swear", row["text"]


def _is_usable(word: str) -> bool:
    return _PLAIN.fullmatch(word) is not None and not _MINORS.search(word)
