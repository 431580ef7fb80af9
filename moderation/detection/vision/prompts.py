"""What policy asks about pictures, as sentences: per category the harmful ones and their harmless look-alikes."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: A prompt is read in each of these sentences and the readings are averaged: what depends on the wording cancels out.
TEMPLATES = ("{}", "a picture of {}", "a video frame with {}", "this shows {}")
#: Part of every version: another way to score is another result.
SCORING_VERSION = 1
PROMPTS_FILE = "prompts.json"


class PromptsInvalid(Exception):
    """Prompts that cannot be used; `field` names where (a category, or `harmless`), the message says what to do."""

    def __init__(self, where: str, detail: str) -> None:
        super().__init__(detail)
        self.field = where


@dataclass(frozen=True, slots=True)
class CategoryPrompts:
    """One category's sentences: those that count against a picture, and those that look alike and do not."""

    harmful: tuple[str, ...]
    harmless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompts:
    """A set of prompts: sentences per category, and harmless ones that every category is held against."""

    categories: Mapping[str, CategoryPrompts]
    harmless: tuple[str, ...] = ()
    name: str = field(default="shipped", compare=False)

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits of all that scores depend on."""
        content = {
            "categories": {c: [list(s.harmful), list(s.harmless)] for c, s in sorted(self.categories.items())},
            "harmless": list(self.harmless),
            "templates": TEMPLATES,
            "scoring": SCORING_VERSION,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]

    def check(self) -> None:
        """Raise where the set cannot be used.

        Raises:
            PromptsInvalid: no category, one without a harmful sentence or without anything harmless to hold against it, or
                the same sentence on both sides.
        """
        if not self.categories:
            raise PromptsInvalid("harmful", "Write at least one harmful prompt.")
        for category, sides in self.categories.items():
            if not sides.harmful:
                raise PromptsInvalid(category, "A category with harmless look-alikes needs a harmful prompt as well.")
            if not (sides.harmless or self.harmless):
                raise PromptsInvalid("harmless", "Write harmless prompts: without them everything looks harmful.")
            both = {_plain(t) for t in sides.harmful} & {_plain(t) for t in (*sides.harmless, *self.harmless)}
            if both:
                raise PromptsInvalid(category, f"“{min(both)}” stands on both sides; leave it on one.")


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def read_prompts(folder: Path) -> Prompts:
    """Return the prompts that came with a model.

    Raises:
        PromptsInvalid: the file is missing or is not such a file.
    """
    try:
        return prompts_of(json.loads((folder / PROMPTS_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PromptsInvalid("", f"{folder / PROMPTS_FILE} holds no prompts: {error}") from error


def prompts_of(document: Mapping[str, Any]) -> Prompts:
    """Return the prompts of `{"categories": {slug: {"harmful": [...], "harmless": [...]}}, "harmless": [...]}`."""
    categories = {
        str(slug): CategoryPrompts(_lines(sides["harmful"]), _lines(sides.get("harmless", ())))
        for slug, sides in document["categories"].items()
    }
    prompts = Prompts(categories, _lines(document.get("harmless", ())))
    prompts.check()
    return prompts


def _lines(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(text) for text in texts)
