"""A classifier as the upload path uses it: waiting texts are scored together, and a text that comes again is remembered."""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from moderation.classifier import CATEGORIES

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

    def scores_of(self, texts: Sequence[str], languages: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return (texts, 9) probabilities in the order of CATEGORIES."""
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


class ServedModel:
    """A classifier behind a coalescer and a memory of its latest answers. Thread-safe; a new model is a new object."""

    def __init__(self, model: ScoresTexts) -> None:
        self.version = model.version
        self.languages = model.languages
        self._model = model
        self._coalescer: Coalescer[tuple[str, str], npt.NDArray[np.float32]] = Coalescer(self._score)
        self._known: OrderedDict[tuple[str, str], dict[str, float]] = OrderedDict()
        self._lock = threading.Lock()

    def knows_words_of(self, text: str) -> bool:
        """Whether the model knows most words of a text."""
        return self._model.knows_words_of(text)

    def scores(self, text: str, language: str) -> Mapping[str, float]:
        """Return the calibrated probability in [0, 1] of each category.

        Raises:
            ValueError: the model gave something that is no probability.
        """
        key = (text, language)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        row = self._coalescer.ask(key)
        if not (np.isfinite(row).all() and (row >= 0).all() and (row <= 1).all()):
            raise ValueError(f"{self.version} gave a score that is no probability")
        found = {c: round(float(p), 4) for c, p in zip(CATEGORIES, row, strict=True)}
        with self._lock:
            self._known[key] = found
            while len(self._known) > _N_REMEMBERED:
                self._known.popitem(last=False)
        return found

    def _score(self, questions: Sequence[tuple[str, str]]) -> Sequence[npt.NDArray[np.float32]]:
        return list(self._model.scores_of([text for text, _ in questions], [language for _, language in questions]))
