"""Threads for the on-path detectors: a few for each, so that one that hangs keeps none from the others."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any

_Task = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...]]


def fulfil(future: "Future[Any]", call: Callable[..., Any], *args: Any) -> None:
    """Run `call(*args)` for a future that nobody has cancelled."""
    if future.set_running_or_notify_cancel():
        try:
            future.set_result(call(*args))
        except BaseException as error:  # whatever it is, it is the caller's to judge
            future.set_exception(error)


class DaemonPool:
    """At most `n_threads` threads, started when needed. They are daemons: a call that hangs does not keep the process up."""

    def __init__(self, name: str, n_threads: int) -> None:
        self.name = name
        self.n_threads = n_threads
        self._tasks: SimpleQueue[_Task] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._n_started = 0

    def submit(self, call: Callable[..., Any], *args: Any) -> "Future[Any]":
        """Run `call(*args)` when a thread is free; cancel the future to forget it before that."""
        future: Future[Any] = Future()
        self._tasks.put((future, call, args))
        if not self._idle.acquire(blocking=False):
            self._start_one()
        return future

    def _start_one(self) -> None:
        with self._lock:
            if self._n_started >= self.n_threads:
                return
            self._n_started += 1
            name = f"{self.name}-{self._n_started}"
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        while True:
            future, call, args = self._tasks.get()
            fulfil(future, call, *args)
            del future, call, args  # or the last subject, with its pictures, stays until the next one
            self._idle.release()


class DetectorPools:
    """One pool per detector name. Outlives the ensembles, which are swapped whenever a policy or a bank changes."""

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads
        self._pools: dict[str, DaemonPool] = {}
        self._lock = threading.Lock()

    def submit(self, name: str, call: Callable[..., Any], *args: Any) -> "Future[Any]":
        """Run `call(*args)` on a thread of the detector of that name."""
        pool = self._pools.get(name)
        if pool is None:
            with self._lock:
                pool = self._pools.setdefault(name, DaemonPool(f"onpath-{name}", self.n_threads))
        return pool.submit(call, *args)
