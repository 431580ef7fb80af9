"""How a process holds what the database has: one value in memory, replaced whole, read again when it is old by whoever needs it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import Generic, TypeVar

import structlog
from django.db import DatabaseError, InterfaceError

log = structlog.get_logger(__name__)
T = TypeVar("T")


class Held(Generic[T]):
    """A value that all threads of a process read, and one at a time replaces under the lock.

    `value` is None where nothing was read yet, or was forgotten.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()  # reading may find that what is held is of another history, and forget it
        self.forget()

    def forget(self) -> None:
        """Look afresh at the next use: for tests, and for the process that just changed what is held.

        A reading that is under way ends first: it may have begun before the change.
        """
        with self.lock:
            self._drop()

    def _drop(self) -> None:
        self.value: T | None = None


class Waits(Enum):
    """Who waits while one thread reads again."""

    ALL = "all"  # going on with an old view would miss what is new; a failed look is tried again at the next use
    FIRST = "first"  # only who has nothing to go on with
    NOBODY = "nobody"


class Followed(Held[T]):
    """A view of rows with a time to live (TTL). How old it may be to be used is its user's decision.

    Concurrency: one thread reads; the others wait or go on with what there is, as `waits` says.

    Args:
        name: of the list, for the log.
        read: makes the view; called without arguments, in the thread of whoever needs it.
        ttl_seconds: how long a view is taken for granted before the database is asked again.
        raises: whether `refresh` raises what goes wrong, to whoever happened to read.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], T],
        *,
        ttl_seconds: Callable[[], float],
        waits: Waits,
        raises: bool = False,
    ) -> None:
        self._name, self._read, self._ttl, self._waits, self._raises = name, read, ttl_seconds, waits, raises
        super().__init__()

    def _drop(self) -> None:
        super()._drop()
        self._read_at = self._tried_at = float("-inf")

    @property
    def age_seconds(self) -> float:
        """Seconds since the snapshot that the view is of; infinite where there is none."""
        return time.monotonic() - self._read_at

    def refresh(self) -> None:
        """Read again where the view is older than its time to live. A failure is logged, and leaves the view as it is, ageing."""
        if not self._is_due:
            return
        must_wait = self._waits is Waits.ALL or (self._waits is Waits.FIRST and self.value is None)
        if not self.lock.acquire(blocking=must_wait):
            return
        try:
            if self._is_due:  # nobody else has read it while this thread waited
                self._try()
        finally:
            self.lock.release()

    def read_again(self) -> bool:
        """Read now, however fresh the view is; return whether that went well."""
        with self.lock:
            return self._try()

    def fresh(self, now: float) -> T:
        """Return a view within its time to live. What reading raises is raised, and leaves no view to go on with.

        Args:
            now: seconds, monotonic.
        """
        # Without the lock first: who finds a fresh view does not queue behind one that reads.
        value = self.value
        if value is not None and 0 <= now - self._read_at < self._ttl():
            return value
        with self.lock:
            value = self.value
            if value is None or not now - self._read_at < self._ttl():
                self._drop()  # whatever goes wrong below, what was true before is not passed on
                self.value = value = self._read()
                self._read_at = self._tried_at = now
            return value

    @property
    def _is_due(self) -> bool:
        since = self._read_at if self._waits is Waits.ALL else self._tried_at
        return time.monotonic() - since >= self._ttl()

    def _try(self) -> bool:
        began = time.monotonic()  # before the snapshot: what commits later may be missing from it
        self._tried_at = began
        try:
            self.value = self._read()
        except (DatabaseError, InterfaceError) as error:
            log.warning("list_not_read", list=self._name, error=type(error).__name__)
            if self._raises:
                raise
            return False
        self._read_at = began
        return True
