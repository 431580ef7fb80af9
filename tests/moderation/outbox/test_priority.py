"""Who is examined first: those whom many wait for, by a bounded head start; and how many workers that takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.env import EnvError, env_map
from moderation.outbox.autoscale import n_workers_wanted, workers_for
from moderation.outbox.priority import rank_at

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def rank(views: int | None, *, came_at: datetime = NOON, pressed: bool = False) -> float:
    """Return seconds after noon."""
    moment = rank_at(came_at, expected_views=views, spread_seconds=600, is_pressed=pressed, shed_seconds=3_600)
    return (moment - NOON).total_seconds()


def test_a_creator_whom_millions_watch_has_the_whole_head_start_and_one_whom_nobody_does_none() -> None:
    assert rank(1_000_000) == 0
    assert rank(50_000_000) == 0
    assert rank(0) == 600


def test_an_unknown_creator_stands_between() -> None:
    assert rank(1_000) < rank(None) < rank(0)


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.booleans())
def test_more_views_never_wait_longer(few: int, many: int, pressed: bool) -> None:
    few, many = sorted((few, many))
    assert rank(many, pressed=pressed) <= rank(few, pressed=pressed)


@given(st.integers(0, 10**9), st.one_of(st.none(), st.integers(0, 10**9)))
def test_nobody_is_overtaken_by_what_comes_later_than_the_spread(first: int, later: int | None) -> None:
    assert rank(first) <= rank(later, came_at=NOON + timedelta(seconds=600))


def test_pressure_sheds_what_few_people_wait_for_and_nothing_else() -> None:
    assert rank(0, pressed=True) == 600 + 3_600
    assert rank(100_000, pressed=True) == rank(100_000)


def test_wanted_workers_follow_what_is_there() -> None:
    def wanted(n_waiting: int, n_running: int) -> int:
        return n_workers_wanted(n_waiting=n_waiting, n_running=n_running, seconds_each=6.0, target_seconds=60)

    assert [wanted(0, 0), wanted(0, 1), wanted(10, 0), wanted(95, 5)] == [0, 1, 1, 10]


def test_workers_for_a_rate_leave_room_for_chance() -> None:
    assert workers_for(uploads_per_second=2.0, seconds_each=3.5) == 10
    assert workers_for(uploads_per_second=0.001, seconds_each=1.0) == 1


def test_a_map_of_the_environment_says_what_is_wrong_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACES", "ocr=cpu, speech=gpu")
    assert env_map("PLACES", values=("cpu", "gpu")) == {"ocr": "cpu", "speech": "gpu"}
    for wrong in ("ocr", "ocr=tpu", "=cpu"):
        monkeypatch.setenv("PLACES", wrong)
        with pytest.raises(EnvError, match="PLACES"):
            env_map("PLACES", values=("cpu", "gpu"))
