"""The index follows the gate: what is permitted enters, in whatever order it was committed; nothing else does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from feed import index
from feed.cursors import CursorError, cursor_make, cursor_read
from feed.index import Index, primary_language
from feed.params import SEEN_MAX
from feed.viewers import MARK_BYTES, mark_of_seen
from moderation.gate import door as gate
from moderation.gate.per_process import PerProcess
from moderation.models import Item
from tests.support.clearances import cleared, item_make, permit, revoke

Follow = Callable[[], None]


def known(*items: Item) -> list[bool]:
    """Return which items the index knows."""
    found: list[bool] = index.current().has(np.array([item.pk for item in items], np.int64)).tolist()
    return found


def test_only_what_is_permitted_enters(follow: Follow) -> None:
    yes, no, never = cleared("yes"), cleared("no"), item_make("never")
    revoke(no)
    follow()
    assert known(yes, no, never) == [True, False, False]
    permit(no)
    follow()
    assert known(yes, no, never) == [True, True, False]


def test_an_item_that_is_permitted_after_newer_ones_is_not_skipped(follow: Follow) -> None:
    early = item_make("early")
    late = cleared("late")
    follow()
    assert known(early, late) == [False, True]
    permit(early)
    follow()
    assert known(early, late) == [True, True]


def test_features_are_columns_by_item_id(follow: Follow) -> None:
    item = cleared("a", language="pt-BR", region="BR", creator="c-9")
    follow()
    held = index.current()
    row = item.pk
    assert held.features.language[row] == held.languages.find("pt")
    assert held.features.region[row] == held.regions.find("BR")
    assert held.features.creator[row] == item.creator_id
    assert held.features.created_at[row] == pytest.approx(item.created_at.timestamp())
    assert held.regions.find("XX") == -2


def test_nothing_is_asked_of_the_database_while_nothing_changes(
    follow: Follow, django_assert_num_queries: object
) -> None:
    cleared("a")
    follow()
    with django_assert_num_queries(0):  # type: ignore[operator]
        index.current().refresh()


def test_an_index_that_cannot_refresh_grows_too_old() -> None:
    now = 0.0
    held = Index(clock=lambda: now)

    def is_usable() -> bool:
        return held.is_usable

    assert not is_usable()
    held._refreshed_at = 0.0
    now = 60.0
    assert is_usable()
    now = 60.1
    assert not is_usable()


@pytest.fixture
def running(transactional_db: None) -> Iterator[None]:
    """Yield with the threads of gate and index at work, as in a web process."""
    gate.replace_current(None)
    index.HELD.replace(None)
    gate.current()
    index.current()
    yield
    index.HELD.replace(None)
    gate.replace_current(None)


def test_the_threads_take_up_and_drop_items_by_themselves(running: None) -> None:
    item = cleared("a")
    _until(lambda: known(item) == [True])
    assert gate.current().age_seconds() < 1.0
    _until(lambda: bool(index.current().shelves))
    revoke(item)
    _until(lambda: len(gate.current().list_granted().ids) == 0)


def _until(wanted: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


class _Thing:
    """Something with a thread, without one."""

    def __init__(self) -> None:
        self.is_stopped = False

    def stop(self) -> None:
        self.is_stopped = True


def test_each_process_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    held = PerProcess(_Thing)
    mine = held.get()
    assert held.get() is mine
    monkeypatch.setattr(os, "getpid", lambda: 1)
    theirs = held.get()
    assert theirs is not mine
    held.replace(None)
    assert theirs.is_stopped
    assert not mine.is_stopped, "a child must not touch its parent's"


@pytest.mark.parametrize(("tag", "code"), [("pt-BR", "pt"), ("DE", "de"), ("zh_Hant", "zh"), ("und", ""), ("", "")])
def test_languages_compare_by_their_primary_subtag(tag: str, code: str) -> None:
    assert primary_language(tag) == code


def test_a_cursor_remembers_the_newest_and_names_no_key() -> None:
    cursor = cursor_make([], range(1, SEEN_MAX + 11), "h")
    marks = cursor_read(cursor)
    assert len(marks) == SEEN_MAX
    assert marks[-1] == mark_of_seen(SEEN_MAX + 10, "h")
    assert mark_of_seen(10, "h") not in marks
    assert {len(mark) for mark in marks} == {MARK_BYTES}
    assert len(cursor) < 3_000


@pytest.mark.parametrize("cursor", ["", "x", "x:y", "x:y:z", "é", "\x00", "a" * 5_000])
def test_a_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    with pytest.raises(CursorError):
        cursor_read(cursor)
