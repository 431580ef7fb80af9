"""What a caption costs in the term detector with ten thousand terms: reading it, and reading and scanning it."""

from __future__ import annotations

import csv
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from moderation.detection.terms.detector import TermEntry, TermIndex
from moderation.detection.terms.normalise import readings

DATA = Path(os.environ.get("GATEHOUSE_DATA", "../shared/data"))
N_TERMS = 10_000
N_TOKENS = 64
N_CAPTIONS = 2_000
#: Each caption is timed so often, never twice in a row, and every time counts.
N_REPEATS = 5
_TARGET_US = 100
_SYLLABLES = tuple(
    re.findall(
        r"\w+", "ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu bran clet drim flop gris plun skor tram"
    )
)
_WORDS = re.findall(
    r"\w+",
    "the a of and to in on for with my our your this that new old great little morning evening garden kitchen class music dance "
    "recipe train photo video basement cousin friends weekend holiday mountain river coffee passing assembly grass cocktail "
    "painting learning brushes happy quiet favourite moment please watch until end thanks everyone tomorrow again summer",
)


def _published() -> Iterator[str]:
    """Yield the terms of the public lists, where they are here."""
    for path in sorted((DATA / "ldnoobw").glob("[a-z]*")):
        yield from filter(None, map(str.strip, path.read_text(encoding="utf-8").splitlines()))
    for name in ("rustrict_obfuscation/profanity.csv", "surge_profanity/profanity_en.csv"):
        if (DATA / name).exists():
            with (DATA / name).open(encoding="utf-8", newline="") as file:
                yield from (row[0] for row in csv.reader(file) if row)


def terms() -> list[str]:
    """Return exactly ten thousand terms: the published ones, and made-up words for the rest."""
    draw = random.Random(20_261_124)
    found = dict.fromkeys(_published())
    while len(found) < N_TERMS:
        found["".join(draw.choices(_SYLLABLES, k=draw.randint(2, 4)))] = None
    return list(found)[:N_TERMS]


def _captions(kind: str) -> list[str]:
    draw = random.Random(64)
    texts = [draw.choices(_WORDS, k=N_TOKENS) for _ in range(N_CAPTIONS)]
    for words in texts:
        if kind == "tricks":
            words[10:12] = ["sp4mm3r", "f*llow"]
            words[30:36] = list("spammy")
        elif kind == "emoji":
            words[5], words[20], words[-1] = "🎉🎉", "café", "❤️ #sunday!"
        elif kind == "cyrillic":
            words[:] = ["".join(chr(0x430 + ord(c) - 97) for c in word) for word in words]
    return [" ".join(words) for words in texts]


def _times(work: Callable[[str], Any], texts: list[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the time of every call in microseconds."""
    times = np.empty((N_REPEATS, len(texts)))
    for row in times:
        for i, text in enumerate(texts):
            start = time.perf_counter()
            work(text)
            row[i] = (time.perf_counter() - start) * 1e6
    return times.ravel()


def run() -> dict[str, dict[str, Any]]:
    """Return the measured rows: {name: {"value", "unit", "target", "met"}}."""
    start = time.perf_counter()
    index = TermIndex.build(TermEntry(term, "profanity", score=0.5) for term in terms())
    built_ms = (time.perf_counter() - start) * 1e3
    rows: dict[str, dict[str, Any]] = {"terms_build": {"value": built_ms, "unit": "ms", "target": None, "met": None}}
    for kind in ("plain", "emoji", "cyrillic", "tricks"):
        texts = _captions(kind)
        for name, work in (("normalise", readings), ("terms", index.scan)):
            p50, p95 = np.percentile(_times(work, texts), [50, 95])
            is_target = (name, kind) == ("terms", "plain")
            rows[f"{name}_{kind}_p50"] = {"value": p50, "unit": "us, 64 tokens", "target": None, "met": None}
            rows[f"{name}_{kind}_p95"] = {
                "value": p95,
                "unit": "us, 64 tokens",
                "target": f"<= {_TARGET_US}" if is_target else None,
                "met": bool(p95 <= _TARGET_US) if is_target else None,
            }
    return rows
