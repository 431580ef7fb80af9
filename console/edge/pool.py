"""The threads that run Django: few, since they share one interpreter and each holds a database connection."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

R = TypeVar("R")


@dataclass(slots=True)
class _Work(Generic[R]):
    call: Callable[[], R]
    done: asyncio.Future[R]


@dataclass
class Pool:
    """Threads that take calls in the order in which they came.

    Unlike an executor of the standard library it wakes the loop once, does not copy contexts, and keeps no list of threads
    that the interpreter waits for at its end.
    """

    name: str
    n_threads: int
    _queue: SimpleQueue[_Work[Any]] = field(default_factory=SimpleQueue)

    def start(self) -> None:
        """Start the threads."""
        for n in range(self.n_threads):
            threading.Thread(target=self._serve, name=f"{self.name}-{n}", daemon=True).start()

    def run(self, call: Callable[[], R]) -> asyncio.Future[R]:
        """Have a thread call something; what it returns or raises is the future's."""
        done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._queue.put(_Work(call, done))
        return done

    def _serve(self) -> None:
        while True:
            work = self._queue.get()
            result: Any = None
            error: BaseException | None = None
            try:
                result = work.call()
            except BaseException as raised:  # whatever it is, this thread has more to do
                error = raised
            work.done.get_loop().call_soon_threadsafe(_settle, work.done, result, error)
            del work, result, error


def _settle(done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)
