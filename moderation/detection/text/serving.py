"""A classifier as the upload path uses it: waiting texts are scored together, and a text that comes again is remembered."""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from moderation.detection.text import CATEGORIES

#: One text's scores by part, each (9,).
Row = Mapping[str, npt.NDArray[np.float32]]

Q = TypeVar("Q")
A = TypeVar("A")

#: Texts of one run. More would make the first of them wait for the last.
_MAX_BATCH = 8
#: Remembered texts; a campaign repeats a few, ordinary uploads hardly any.
_N_REMEMBERED = 4_096


class ScoresTexts(Protocol):
    """What a classifier must offer to be served; see docs/detectors.md."""

    version: str
    languages: frozenset[str]

    def parts_of(self, texts: Sequence[str], languages: Sequence[str]) -> Mapping[str, npt.NDArray[np.float32]]:
        """Return (texts, 9) probabilities in the order of CATEGORIES: "fused", and any other parts by name, NaN for no opinion."""
        ...

    def knows_words_of(self, text: str) -> bool:
        """Whether it knows most words of a text whose language nobody can say."""
        ...


class Coalescer(Generic[Q, A]):
    """Answers questions in batches of those that wait, without making one wait for company.

    Each caller takes its turn: it answers the oldest waiting questions, its own among them unless an earlier turn did. A batch
    that fails is asked again one by one, so that one bad question fails alone.

    Args:
        answer_all: answers a batch, in order.
        max_batch: questions of one batch.
    """

    def __init__(self, answer_all: Callable[[Sequence[Q]], Sequence[A]], max_batch: int = _MAX_BATCH) -> None:
        self._answer_all = answer_all
        self._max_batch = max_batch
        self._waiting: deque[tuple[Q, Future[A]]] = deque()
        self._turn = threading.Lock()

    def ask(self, question: Q) -> A:
        """Return the answer; raises what answering raised."""
        future: Future[A] = Future()
        self._waiting.append((question, future))
        while not future.done():
            with self._turn:
                if not future.done():
                    self._answer_next()
        return future.result()

    def _answer_next(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._max_batch))]
        try:
            answers = self._answer_all([question for question, _ in batch])
        except Exception as error:
            if len(batch) == 1:
                batch[0][1].set_exception(error)
            else:
                self._answer_singly(batch)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            future.set_result(answer)

    def _answer_singly(self, batch: Sequence[tuple[Q, "Future[A]"]]) -> None:
        for question, future in batch:
            try:
                future.set_result(self._answer_all([question])[0])
            except Exception as error:
                future.set_exception(error)


@dataclass(frozen=True, slots=True)
class Score:
    """A calibrated probability in [0, 1], and what each part of the model alone would say."""

    fused: float
    parts: Mapping[str, float]


class ServedModel:
    """A classifier behind a coalescer and a memory of its latest answers. Thread-safe; a new model is a new object."""

    def __init__(self, model: ScoresTexts) -> None:
        self.version = model.version
        self.languages = model.languages
        self._model = model
        self._coalescer: Coalescer[tuple[str, str], Row] = Coalescer(self._score)
        self._known: OrderedDict[tuple[str, str], Mapping[str, Score]] = OrderedDict()
        self._lock = threading.Lock()

    def knows_words_of(self, text: str) -> bool:
        """Whether the model knows most words of a text."""
        return self._model.knows_words_of(text)

    def scores(self, text: str, language: str) -> Mapping[str, Score]:
        """Return the score of each category.

        Raises:
            ValueError: the model gave something that is no probability.
        """
        key = (text, language)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        row = self._coalescer.ask(key)
        fused = row["fused"]
        if not (np.isfinite(fused).all() and (fused >= 0).all() and (fused <= 1).all()):
            raise ValueError(f"{self.version} gave a score that is no probability")
        found = {category: _of_category(row, i) for i, category in enumerate(CATEGORIES)}
        with self._lock:
            self._known[key] = found
            while len(self._known) > _N_REMEMBERED:
                self._known.popitem(last=False)
        return found

    def _score(self, questions: Sequence[tuple[str, str]]) -> Sequence[Row]:
        parts = self._model.parts_of([text for text, _ in questions], [language for _, language in questions])
        return [{name: scores[i] for name, scores in parts.items()} for i in range(len(questions))]


def _of_category(row: Row, i: int) -> Score:
    parts = {n: round(float(scores[i]), 3) for n, scores in row.items() if n != "fused" and np.isfinite(scores[i])}
    return Score(round(float(row["fused"][i]), 4), parts)
