"""How much memory this process spends on decoding stills at a time: whoever needs more waits until others are done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Budget:
    """A number of bytes that several threads share.

    Concurrency: a small demand passes a large one that waits; each holder only computes, so each wait ends.
    """

    def __init__(self, n_bytes: int) -> None:
        self.n_bytes = n_bytes
        self._n_used = 0
        self._changed = threading.Condition()

    @contextmanager
    def reserve(self, n_bytes: int) -> Iterator[None]:
        """Hold so many bytes, having waited for them.

        Raises:
            ValueError: more than there are at all; that would wait for ever.
        """
        if n_bytes > self.n_bytes:
            raise ValueError(f"{n_bytes} bytes of {self.n_bytes}")
        with self._changed:
            self._changed.wait_for(lambda: self._n_used + n_bytes <= self.n_bytes)
            self._n_used += n_bytes
        try:
            yield
        finally:
            with self._changed:
                self._n_used -= n_bytes
                self._changed.notify_all()
