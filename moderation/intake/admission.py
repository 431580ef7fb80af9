"""Admission control: uploads that a campaign holds are judged one at a time, and only while no other upload is.

A wave brings more uploads in a second than all other people together. Nothing of it is served, and nobody of it is in a hurry.
One at a time on the whole machine, by a lock on a file; an upload that is not held is only waited for in its own process.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

#: Whoever has waited so long goes on without a turn, and for the next seconds nobody waits: something hangs.
_PATIENCE_SECONDS = 0.25
_STUCK_SECONDS = 5.0
#: So many wait at once in a process; more would keep its threads from everybody else.
_MAX_WAITING = 2
#: How often the file's lock is tried for.
_TRY_SECONDS = 0.003


@dataclass(slots=True)
class AdmissionControl:
    """Who of one process may begin: others first, then those who can wait, one at a time.

    `path` is the file whose lock all processes of the machine share.
    """

    path: Path
    n_first: int = 0
    n_waiting: int = 0
    is_taken: bool = False
    stuck_until: float = float("-inf")
    changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def go_first(self) -> Iterator[None]:
        """Run the body at once; who can wait begins when it has ended."""
        with self.changed:
            self.n_first += 1
        try:
            yield
        finally:
            with self.changed:
                self.n_first -= 1
                self.changed.notify_all()

    @contextmanager
    def wait_for_turn(self) -> Iterator[None]:
        """Run the body when nobody else is at it, or after a quarter of a second."""
        ends_at = time.monotonic() + _PATIENCE_SECONDS
        with ExitStack() as ending:
            if self._begin(ends_at):
                ending.callback(self._end)
                file = self._lock(ends_at)
                if file is not None:
                    ending.callback(os.close, file)
            yield

    def _begin(self, ends_at: float) -> bool:
        """Wait for the turn in this process; return whether it came."""
        with self.changed:
            if self.n_waiting >= _MAX_WAITING or time.monotonic() < self.stuck_until:
                return False
            self.n_waiting += 1
            try:
                is_free = self.changed.wait_for(self._is_free, timeout=ends_at - time.monotonic())
            finally:
                self.n_waiting -= 1
            if is_free:
                self.is_taken = True
            else:
                self.stuck_until = time.monotonic() + _STUCK_SECONDS
            return is_free

    def _end(self) -> None:
        with self.changed:
            self.is_taken = False
            self.changed.notify_all()

    def _is_free(self) -> bool:
        return not self.is_taken and not self.n_first

    def _lock(self, ends_at: float) -> int | None:
        """Return the file, locked until it is closed; None where another process keeps it, or there is none."""
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return None
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return file
            except OSError:
                if time.monotonic() >= ends_at:
                    self.stuck_until = time.monotonic() + _STUCK_SECONDS
                    os.close(file)
                    return None
                time.sleep(_TRY_SECONDS)


admission_control = AdmissionControl(settings.VAR_DIR / "turn.lock")
