"""Things that each process has one of, made on first use and made anew in a forked child."""

import os
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Stoppable(Protocol):
    """Something with a thread of its own."""

    def stop(self) -> None:
        """End the thread."""


T = TypeVar("T", bound=Stoppable)


class PerProcess(Generic[T]):
    """Holds the one instance of this process; a thread does not survive a fork, so a child starts its own."""

    def __init__(self, make: Callable[[], T], begin: Callable[[T], None] | None = None) -> None:
        """Hold what `make` makes; `begin` is called once it is held: who comes meanwhile does not wait for it."""
        self._make, self._begin = make, begin
        self._lock = threading.Lock()
        self._held: tuple[int, T] | None = None

    def get(self) -> T:
        """Return this process's instance, made and started where there is none."""
        held = self._held
        if held is not None and held[0] == os.getpid():
            return held[1]
        with self._lock:
            held = self._held
            if held is not None and held[0] == os.getpid():
                return held[1]
            self._held = made = (os.getpid(), self._make())
        if self._begin is not None:
            self._begin(made[1])
        return made[1]

    def replace(self, instance: T | None) -> None:
        """Stop the present instance and put another in its place; None: the next use makes one."""
        with self._lock:
            if self._held is not None and self._held[0] == os.getpid():
                self._held[1].stop()
            self._held = None if instance is None else (os.getpid(), instance)
