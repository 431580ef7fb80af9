"""Places for long answers: who takes too little gives theirs to the next one, and nobody else does."""

from __future__ import annotations

import pytest

from console.pages.media import streams
from console.pages.media.streams import AHEAD_SECONDS, LEAST_BYTES_PER_SECOND, Place, Places


class Clock:
    """The seconds as places see them."""

    now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(streams, "time", clock)
    return clock


def taken(places: Places, *, from_slow: bool = True) -> Place:
    place = places.take(from_slow=from_slow)
    assert place is not None
    return place


def read_for(clock: Clock, seconds: float, *readers: Place, rate: float = LEAST_BYTES_PER_SECOND) -> None:
    """Let time pass in which these readers take so many bytes a second."""
    for _ in range(int(seconds * 4)):
        clock.now += 0.25
        for one in readers:
            one.took(int(rate / 4))


def test_a_silent_reader_gives_its_place_to_the_next_one_and_only_when_places_are_short(clock: Clock) -> None:
    places = Places(lambda: 2)
    silent = taken(places)
    clock.now += 3_600
    reader = taken(places)
    assert not silent.is_lost
    third = taken(places)
    assert (silent.is_lost, reader.is_lost, third.is_lost) == (True, False, False)


def test_the_slowest_goes_first(clock: Clock) -> None:
    places = Places(lambda: 3)
    slow, slower, steady = (taken(places) for _ in range(3))
    for _ in range(40):
        read_for(clock, 0.25, slow, rate=LEAST_BYTES_PER_SECOND / 2)
        slower.took(LEAST_BYTES_PER_SECOND // 40)
        steady.took(LEAST_BYTES_PER_SECOND)
    taken(places)
    assert (slow.is_lost, slower.is_lost, steady.is_lost) == (False, True, False)


def test_who_takes_enough_keeps_their_place_however_many_ask(clock: Clock) -> None:
    places = Places(lambda: 2)
    readers = [taken(places), taken(places)]
    for _ in range(100):
        read_for(clock, 0.25, *readers)
        assert places.take(from_slow=True) is None
    assert not any(reader.is_lost for reader in readers)


def test_what_was_taken_at_once_is_no_credit_for_long(clock: Clock) -> None:
    """The buffers between us and a silent reader take some MiB at once."""
    places = Places(lambda: 1)
    silent = taken(places)
    silent.took(64 * 2**20)
    clock.now += AHEAD_SECONDS - 0.1
    assert places.take(from_slow=True) is None
    clock.now += 0.2
    taken(places)
    assert silent.is_lost


def test_a_range_takes_nobodys_place(clock: Clock) -> None:
    places = Places(lambda: 1)
    silent = taken(places)
    clock.now += 3_600
    assert places.take(from_slow=False) is None
    assert not silent.is_lost


def test_a_place_that_was_lost_or_given_back_is_counted_once(clock: Clock) -> None:
    places = Places(lambda: 1)
    first = taken(places)
    clock.now += 60
    second = taken(places)
    first.end()
    first.end()
    assert places.take(from_slow=True) is None  # the second has it
    second.end()
    second.end()
    taken(places)
    assert places.take(from_slow=True) is None
