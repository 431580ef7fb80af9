"""A limit on concurrent streams: how many long answers a process sends, and which reader gives its place to the next.

A reader that takes nothing holds a place, a file and a pipe for as long as it likes. That costs nobody anything until places are
short; then whoever takes less than LEAST_BYTES_PER_SECOND, and of these the slowest, has to go. Browsers ask for the rest.
"""

import threading
import time
from collections.abc import Callable

#: A reader that takes less gives its place to one that waits; as for those who send us something.
LEAST_BYTES_PER_SECOND = 256 * 1024
#: What a reader takes at once counts for so long: it may begin, or pause, that much. Buffers on the way to a silent reader take
#: some MiB as well, so more would be theirs.
AHEAD_SECONDS = 1.0


class Place:
    """One long answer that is under way."""

    def __init__(self, places: "Places") -> None:
        self._places = places
        self.is_lost = False
        #: Until when what was taken is enough.
        self.paid_until = time.monotonic() + AHEAD_SECONDS

    def took(self, n_bytes: int) -> None:
        """Note that its reader has taken so much more."""
        self.paid_until = min(self.paid_until + n_bytes / LEAST_BYTES_PER_SECOND, time.monotonic() + AHEAD_SECONDS)

    def end(self) -> None:
        """Give the place back. Safe to repeat."""
        self._places.leave(self)


class Places:
    """The places of one process.

    Args:
        n_most: how many there are, asked each time.
    """

    def __init__(self, n_most: Callable[[], int]) -> None:
        self._n_most = n_most
        self._lock = threading.Lock()
        self._taken: set[Place] = set()

    def take(self, *, from_slow: bool) -> Place | None:
        """Return a place, None where there is none.

        Args:
            from_slow: take it from the slowest reader that takes too little, where none is free.
        """
        with self._lock:
            if len(self._taken) >= self._n_most() and not (from_slow and self._slowest_leaves()):
                return None
            place = Place(self)
            self._taken.add(place)
            return place

    def leave(self, place: Place) -> None:
        """Take a place back."""
        with self._lock:
            self._taken.discard(place)

    def _slowest_leaves(self) -> bool:
        slowest = min(self._taken, key=lambda place: place.paid_until, default=None)
        if slowest is None or slowest.paid_until > time.monotonic():
            return False
        slowest.is_lost = True
        self._taken.discard(slowest)
        return True
