"""Texts with labels: one example, and the files of them that people bring."""

import csv
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moderation.detection.text import CATEGORIES


class LabelsInvalid(Exception):
    """A labelled file that cannot be read; names file, line and what is wrong."""


@dataclass(frozen=True, slots=True)
class Example:
    """A text with what is known of it: a probability in [0, 1] for a category, or nothing where nobody judged it."""

    text: str
    labels: Mapping[str, float]
    language: str
    source: str
    slice: str = ""
    weight: float = 1.0

    @property
    def is_unsafe(self) -> bool | None:
        """Whether any category but mild profanity is more likely than not; None where too little is known."""
        known = [p for category, p in self.labels.items() if category != "profanity"]
        if any(p >= 0.5 for p in known):
            return True
        return False if len(known) == len(CATEGORIES) - 1 else None

    def is_in_share(self, share: float, salt: str = "") -> bool:
        """Whether the text falls into a fixed share of all texts, drawn from the text itself."""
        return zlib.crc32((salt + self.text).encode()) / 2**32 < share


def read_labelled(path: Path) -> list[Example]:
    """Read a labelled file by its ending: .jsonl, or .csv and .tsv with a header.

    Each record has `text`, and either `labels` (comma-separated or a list; what is not named is no) or a column per category
    (0 to 1; empty where nobody judged it). Optional: `language`, `slice`.

    Raises:
        LabelsInvalid: another ending, a record without text or labels, an unknown category, a label outside [0, 1].
    """
    with path.open(encoding="utf-8-sig", newline="") as lines:
        if path.suffix == ".jsonl":
            records: Iterable[Mapping[str, Any]] = (
                _object(line, path, n) for n, line in enumerate(lines, 1) if line.strip()
            )
        elif path.suffix in {".csv", ".tsv"}:
            records = csv.DictReader(lines, delimiter="\t" if path.suffix == ".tsv" else ",")
        else:
            raise LabelsInvalid(f"{path.name}: labelled texts are .jsonl, .csv or .tsv files.")
        return [_example(record, path, n) for n, record in enumerate(records, 1)]


def _object(line: str, path: Path, n: int) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise LabelsInvalid(f"{path.name}, line {n}: no JSON ({error}).") from error
    if not isinstance(found, dict):
        raise LabelsInvalid(f"{path.name}, line {n}: an object is expected.")
    return found


def _example(record: Mapping[str, Any], path: Path, n: int) -> Example:
    text = record.get("text")
    if not isinstance(text, str) or not text.strip():
        raise LabelsInvalid(f"{path.name}, record {n}: there is no text.")
    labels = _labels(record, f"{path.name}, record {n}")
    return Example(text, labels, record.get("language") or "und", path.stem, record.get("slice") or "")


def _labels(record: Mapping[str, Any], place: str) -> dict[str, float]:
    if "labels" in record:
        named = record["labels"] or []
        names = [n.strip() for n in named.split(",")] if isinstance(named, str) else list(named)
        names = [n for n in names if n not in {"", "-"}]
        if unknown := [n for n in names if n not in CATEGORIES]:
            raise LabelsInvalid(f"{place}: {unknown[0]!r} is no category; they are {', '.join(CATEGORIES)}.")
        return {c: float(c in names) for c in CATEGORIES}
    found = {c: record[c] for c in CATEGORIES if record.get(c) not in {None, ""}}
    if not found:
        raise LabelsInvalid(f"{place}: there is neither `labels` nor a column named after a category.")
    try:
        labels = {c: float(v) for c, v in found.items()}
    except (TypeError, ValueError) as error:
        raise LabelsInvalid(f"{place}: a label is a number from 0 to 1.") from error
    if any(not 0 <= v <= 1 for v in labels.values()):
        raise LabelsInvalid(f"{place}: a label is a number from 0 to 1.")
    return labels


def label_arrays(examples: Iterable[Example]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return whether each category holds and whether it is known, both (n, 9)."""
    rows = list(examples)
    holds = np.array([[e.labels.get(c, 0.0) >= 0.5 for c in CATEGORIES] for e in rows], bool).reshape(
        -1, len(CATEGORIES)
    )
    known = np.array([[c in e.labels for c in CATEGORIES] for e in rows], bool).reshape(-1, len(CATEGORIES))
    return holds, known


__all__ = ["Example", "LabelsInvalid", "label_arrays", "read_labelled"]
