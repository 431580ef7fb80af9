"""A small HTTP client for load: threads with connections that stay open, and what each answer took."""

import http.client
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """One answer; times in seconds of the monotonic clock."""

    began: float
    ended: float
    status: int
    body: Any

    @property
    def ms(self) -> float:
        """How long it took."""
        return (self.ended - self.began) * 1000


@dataclass
class Load:
    """Threads that ask for `path(n)` again and again until told to stop."""

    url: str
    headers: dict[str, str]
    path: Callable[[int], str]
    n_threads: int
    answers: list[Answer] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> "Load":
        """Begin."""
        for n in range(self.n_threads):
            thread = threading.Thread(target=self._run, args=(n,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def stop(self) -> list[Answer]:
        """End, and return what was answered.

        Raises:
            RuntimeError: something was not answered with 200.
        """
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)
        if self.errors:
            raise RuntimeError(f"{len(self.errors)} failed, the first: {self.errors[0]}")
        return self.answers

    def run_for(self, seconds: float) -> list[Answer]:
        """Ask for some time."""
        self.start()
        time.sleep(seconds)
        return self.stop()

    def _run(self, thread: int) -> None:
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
        n = thread
        while not self._stop.is_set():
            n += self.n_threads
            began = time.monotonic()
            try:
                connection.request("GET", self.path(n), headers=self.headers)
                response = connection.getresponse()
                raw = response.read()
            except (OSError, http.client.HTTPException) as error:
                self.errors.append(repr(error))
                connection.close()
                continue
            ended = time.monotonic()
            if response.status != 200:
                self.errors.append(f"{response.status}: {raw[:200]!r}")
            self.answers.append(Answer(began, ended, response.status, json.loads(raw)))
