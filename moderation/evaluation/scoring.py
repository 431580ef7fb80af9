"""Scoring many texts through the on-path text ensemble: terms and classifier, fused as uploads are.

Needs no database: the term list is the seed's unless another is passed.
"""

import json
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moderation.detection.language import detect
from moderation.detection.model_store import Source, locate
from moderation.detection.terms.detector import TermIndex
from moderation.detection.text import CATEGORIES
from moderation.detection.text.model import TextClassifier
from moderation.evaluation.terms import seed_terms

#: Texts scored at once by one thread.
_BATCH = 64


class LineInvalid(Exception):
    """A line of input that is no text to score; names the line and what is wrong."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text to score. `language` is a claim, "" where none is made."""

    key: str
    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Scored:
    """What each part says of texts, arrays (texts, 9) in [0, 1]; `fused` is what the policy would see."""

    languages: list[str]
    terms: npt.NDArray[np.float32]
    encoder: npt.NDArray[np.float32]
    ngrams: npt.NDArray[np.float32]
    fused: npt.NDArray[np.float32]


class TextEnsemble:
    """Terms, transformer and n-grams over texts alone."""

    def __init__(self, classifier: TextClassifier, terms: TermIndex) -> None:
        self.classifier = classifier
        self.terms = terms

    @classmethod
    def load(cls, source: Source) -> "TextEnsemble":
        """Return the ensemble with a checked model and the seed's terms.

        Raises:
            moderation.detection.model_store.ModelInvalid: the model is absent or damaged.
        """
        return cls(TextClassifier(locate(source)), seed_terms())

    def score(self, texts: Sequence[Text]) -> Scored:
        """Return all parts and their fusion: the larger of the classifier's and the terms' score, as for uploads."""
        bodies = [t.text for t in texts]
        languages = [detect(t.text)[0] for t in texts]
        parts = self.classifier.parts_of(bodies, languages)
        terms = np.zeros((len(texts), len(CATEGORIES)), np.float32)
        for row, body, language in zip(terms, bodies, languages, strict=True):
            for hit in self.terms.scan(body, language):
                if hit.entry.category in CATEGORIES:
                    i = CATEGORIES.index(hit.entry.category)
                    row[i] = max(row[i], hit.score)
        return Scored(languages, terms, parts["transformer"], parts["n-grams"], np.maximum(parts["fused"], terms))

    def score_all(self, batches: Iterable[Sequence[Text]]) -> Iterator[tuple[Sequence[Text], Scored]]:
        """Yield every batch with its scores, in order, scored on as many threads as there are cores.

        No more batches are read ahead than there are threads, so that a file of any length takes the same memory.
        """
        n_threads = os.cpu_count() or 1
        waiting: deque[tuple[Sequence[Text], Future[Scored]]] = deque()
        with ThreadPoolExecutor(n_threads) as pool:
            for batch in batches:
                waiting.append((batch, pool.submit(self.score, batch)))
                if len(waiting) > n_threads:
                    done, future = waiting.popleft()
                    yield done, future.result()
            while waiting:
                done, future = waiting.popleft()
                yield done, future.result()


def score_file(ensemble: TextEnsemble, source: Path, target: Path) -> int:
    """Score a JSON-lines file into another, in order, and return how many texts it had.

    The target appears whole or not at all.

    Raises:
        LineInvalid: a line is no object with `id` and `text`.
        OSError: a file cannot be read or written.
    """
    part = target.with_name(target.name + ".part")
    n = 0
    try:
        with source.open(encoding="utf-8") as lines, part.open("w", encoding="utf-8") as out:
            for batch, scored in ensemble.score_all(_batches(_texts(lines))):
                out.writelines(_lines(batch, scored))
                n += len(batch)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return n


def _lines(batch: Sequence[Text], scored: Scored) -> Iterator[str]:
    for text, language, row in zip(batch, scored.languages, scored.fused, strict=True):
        known = language if language != "und" else text.language or "und"
        scores = {c: round(float(p), 4) for c, p in zip(CATEGORIES, row, strict=True)}
        yield json.dumps({"id": text.key, "language": known, "scores": scores}, ensure_ascii=False) + "\n"


def _batches(texts: Iterable[Text]) -> Iterator[list[Text]]:
    stream = iter(texts)
    while batch := list(islice(stream, _BATCH)):
        yield batch


def _texts(lines: Iterable[str]) -> Iterator[Text]:
    for n, line in enumerate(lines, 1):
        if line.strip():
            yield _text(line, n)


def _text(line: str, n: int) -> Text:
    try:
        found: Any = json.loads(line)
    except ValueError as error:
        raise LineInvalid(f"Line {n} is no JSON: {error}.") from error
    if not isinstance(found, dict) or "id" not in found or not isinstance(found.get("text"), str):
        raise LineInvalid(f'Line {n} must be an object with "id" and "text" (a string).')
    return Text(found["id"], found["text"], str(found.get("language") or ""))
