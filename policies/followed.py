"""The one way in which a process holds a list of the database in memory: read when it is old, by whoever needs it."""

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


class Waits(Enum):
    """Who waits while one thread reads again."""

    ALL = "all"  # going on with an old view would miss what is new; a failed look is tried again at the next use
    FIRST = "first"  # only who has nothing to go on with
    NOBODY = "nobody"


class Followed(Generic[T]):
    """A view of rows with a time to live (TTL), replaced whole. How old it may be to be used is its user's decision.

    Concurrency: one thread reads; the others wait or go on with what there is, as `waits` says.

    Args:
        name: of the list, for the log.
        read: makes the view; called without arguments, in the thread of whoever needs it.
        ttl_seconds: how long a view is taken for granted before the database is asked again.
    """

    def __init__(self, name: str, read: Callable[[], T], *, ttl_seconds: Callable[[], float], waits: Waits) -> None:
        self._name, self._read, self._ttl, self._waits = name, read, ttl_seconds, waits
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Look afresh at the next use: for tests, and for the process that just changed the list."""
        self.value: T | None = None
        self._read_at = self._tried_at = float("-inf")

    @property
    def age_seconds(self) -> float:
        """Seconds since the snapshot that the view is of; infinite where there is none."""
        return time.monotonic() - self._read_at

    def refresh(self) -> None:
        """Read again where the view is older than its time to live."""
        if not self._is_due:
            return
        must_wait = self._waits is Waits.ALL or (self._waits is Waits.FIRST and self.value is None)
        if not self._lock.acquire(blocking=must_wait):
            return
        try:
            if self._is_due:  # nobody else has read it while this thread waited
                self._try()
        finally:
            self._lock.release()

    def read_again(self) -> bool:
        """Read now, however fresh the view is; return whether that went well."""
        with self._lock:
            return self._try()

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
            return False
        self._read_at = began
        return True
