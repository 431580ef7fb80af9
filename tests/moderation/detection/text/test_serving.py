"""Scoring in micro-batches: everybody gets their own answer, a bad question fails alone, a repeat is remembered."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from moderation.detection.text import CATEGORIES
from moderation.detection.text.serving import Coalescer, ServedModel


def test_everybody_gets_their_own_answer_and_those_that_wait_share_a_run() -> None:
    runs: list[int] = []

    def double(questions: Sequence[int]) -> list[int]:
        runs.append(len(questions))
        time.sleep(0.005)
        return [2 * q for q in questions]

    coalescer = Coalescer(double, max_batch=8)
    with ThreadPoolExecutor(16) as people:
        assert list(people.map(coalescer.ask, range(200))) == [2 * n for n in range(200)]
    assert sum(runs) == 200
    assert 1 < max(runs) <= 8


def test_one_alone_does_not_wait_for_company() -> None:
    runs: list[int] = []

    def answer(questions: Sequence[str]) -> list[str]:
        runs.append(len(questions))
        return list(questions)

    coalescer = Coalescer(answer)
    assert coalescer.ask("a") == "a"
    assert runs == [1]


def test_a_bad_question_fails_alone() -> None:
    first = threading.Event()

    def answer(questions: Sequence[int]) -> list[int]:
        if not first.is_set():
            first.wait(5)
        if 13 in questions:
            raise ValueError("unlucky")
        return list(questions)

    coalescer = Coalescer(answer)
    with ThreadPoolExecutor(8) as people:
        asked = {n: people.submit(coalescer.ask, n) for n in (1, 13, 2, 3)}
        time.sleep(0.05)
        first.set()
        assert [asked[n].result() for n in (1, 2, 3)] == [1, 2, 3]
        with pytest.raises(ValueError, match="unlucky"):
            asked[13].result()


class Counting:
    version = "c1"
    languages = frozenset({"en"})
    n = 0

    def knows_words_of(self, text: str) -> bool:
        return True

    def parts_of(self, texts: Sequence[str], languages: Sequence[str]) -> Any:
        self.n += len(texts)
        return {"fused": np.full((len(texts), len(CATEGORIES)), 0.25, np.float32)}


def test_a_text_that_comes_again_is_remembered_by_text_and_language() -> None:
    model = Counting()
    served = ServedModel(model)
    assert served.scores("hello", "en") == served.scores("hello", "en")
    assert model.n == 1
    served.scores("hello", "de")
    assert model.n == 2


def test_nonsense_is_not_remembered() -> None:
    model = Counting()
    model.parts_of = lambda texts, languages: {"fused": np.full((1, len(CATEGORIES)), np.inf)}  # type: ignore[method-assign]
    served = ServedModel(model)
    for _ in range(2):
        with pytest.raises(ValueError, match="no probability"):
            served.scores("hello", "en")
