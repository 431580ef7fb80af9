"""Large counts, kept for a moment: pages that count along ask for them every few seconds, each of many people for themselves.

What is small is counted anew each time, so that whoever acts sees what came of it.
"""

import os
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")

#: From so many rows on a count is kept, and for so long, in seconds.
LARGE, KEPT_SECONDS = 20_000, 3.0


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    value: T
    counted_at: float
    process: int


_kept: dict[Hashable, _Kept[Any]] = {}
_counting = threading.Lock()


def count_kept(key: Hashable, count: Callable[[], T], size: Callable[[T], int]) -> T:
    """Return what was counted under a key at most KEPT_SECONDS ago, else what is counted now.

    While one thread counts, others are given what it counted before.

    Args:
        size: how many rows were counted; what is smaller than LARGE is not kept.
    """
    kept = _kept.get(key)
    if kept is not None and kept.process == os.getpid():
        is_fresh = time.monotonic() - kept.counted_at < KEPT_SECONDS
        if is_fresh or not _counting.acquire(blocking=False):
            value: T = kept.value
            return value
        try:
            return _count(key, count, size)
        finally:
            _counting.release()
    return _count(key, count, size)


def _count(key: Hashable, count: Callable[[], T], size: Callable[[T], int]) -> T:
    began = time.monotonic()
    value = count()
    if size(value) >= LARGE:
        _kept[key] = _Kept(value, began, os.getpid())
    else:
        _kept.pop(key, None)
    return value
