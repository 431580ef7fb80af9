"""Reads captions from the public text sets. They are other people's words, some of them ugly; none is printed or kept."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Text:
    """One text, the set it comes from, and its language."""

    source: str
    words: str
    language: str


#: Set, file, how fields are divided, which column or its number holds the text, language, share of all captions.
_SETS: tuple[tuple[str, str, str, str | int, str, float], ...] = (
    ("sms", "sms_spam/sms.tsv", "\t", 1, "en", 0.25),
    ("youtube", "youtube_spam/youtube_spam_all.csv", ",", "CONTENT", "en", 0.20),
    ("davidson", "davidson/labeled_data.csv", ",", "tweet", "en", 0.15),
    ("germeval", "germeval2018/germeval2018.training.txt", "\t", 0, "de", 0.10),
    ("kocohub", "kocohub_ko/train.tsv", "\t", "comments", "ko", 0.10),
    ("cold", "cold_zh/dev.csv.gz", ",", "TEXT", "zh", 0.10),
    ("mlma-fr", "mlma/fr_dataset.csv", ",", "tweet", "fr", 0.05),
    ("mlma-ar", "mlma/ar_dataset.csv", ",", "tweet", "ar", 0.05),
)


def real_captions(data: Path, n: int) -> list[Text]:
    """Return n texts, spread evenly over each set."""
    found: list[Text] = []
    for source, file, divider, column, language, share in _SETS:
        words = [w for w in _column(data / file, divider, column) if w.strip()]
        wanted = min(len(words), round(n * share))
        found += [Text(source, words[i * len(words) // wanted], language) for i in range(wanted)]
    return found[:n]


def _column(path: Path, divider: str, column: str | int) -> Iterator[str]:
    with (
        gzip.open(path, "rt", encoding="utf-8-sig", newline="")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8-sig", newline="") as lines
    ):
        # Tab-divided sets quote nothing; a stray quotation mark must not swallow the lines after it.
        rows = csv.reader(lines, delimiter=divider, quoting=csv.QUOTE_NONE if divider == "\t" else csv.QUOTE_MINIMAL)
        if isinstance(column, str):
            column = next(rows).index(column)
        for row in rows:
            if len(row) > column:
                yield row[column]
