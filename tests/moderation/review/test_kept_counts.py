"""Large counts are kept for a moment, small ones never."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count

import pytest

from moderation.review import kept_counts
from moderation.review.kept_counts import LARGE, count_kept


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    kept_counts._kept.clear()
    yield
    kept_counts._kept.clear()


def test_what_is_small_is_counted_each_time() -> None:
    numbers = count()
    assert [count_kept("x", lambda: next(numbers), lambda n: LARGE - 1) for _ in range(3)] == [0, 1, 2]


def test_what_is_large_is_kept_until_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = count()
    assert [count_kept("x", lambda: next(numbers), lambda n: LARGE) for _ in range(3)] == [0, 0, 0]
    assert count_kept("y", lambda: next(numbers), lambda n: LARGE) == 1
    monkeypatch.setattr(kept_counts, "KEPT_SECONDS", -1.0)
    assert count_kept("x", lambda: next(numbers), lambda n: LARGE) == 2


def test_what_becomes_small_is_counted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = iter([LARGE, 1, 2, 3])
    monkeypatch.setattr(kept_counts, "KEPT_SECONDS", -1.0)
    assert [count_kept("x", lambda: next(sizes), lambda n: n) for _ in range(2)] == [LARGE, 1]
    monkeypatch.undo()
    assert [count_kept("x", lambda: next(sizes), lambda n: n) for _ in range(2)] == [2, 3]


def test_while_one_counts_others_are_given_what_was_counted_before(monkeypatch: pytest.MonkeyPatch) -> None:
    count_kept("x", lambda: LARGE, lambda n: n)
    monkeypatch.setattr(kept_counts, "KEPT_SECONDS", -1.0)
    began, go_on = threading.Event(), threading.Event()

    def slow() -> int:
        began.set()
        go_on.wait(10)
        return LARGE + 1

    thread = threading.Thread(target=lambda: count_kept("x", slow, lambda n: n))
    thread.start()
    assert began.wait(10)
    assert count_kept("x", lambda: pytest.fail("counted twice at once"), lambda n: n) == LARGE
    go_on.set()
    thread.join(10)
    monkeypatch.undo()
    assert count_kept("x", lambda: pytest.fail("it was counted"), lambda n: n) == LARGE + 1
