"""The Redis cache that goes on in this process's memory while Redis is away, so that a lost cache costs little and loosens nothing.

What counts attempts to sign in lives here: behind a cache that merely forgot, passwords could be guessed without end.
"""

import time
from typing import Any

import redis
import structlog
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache

log = structlog.get_logger(__name__)

#: After a failure Redis is left alone for this long, so that its time-outs do not slow every page.
REST_SECONDS = 5.0
#: Entries that the stand-in keeps: counts of attempts, used codes, locks. What begins otherwise is large, and only missed.
_MOST_ENTRIES = 50_000
_NOT_KEPT = ("feed:",)


class _Away:
    """Until when this process leaves Redis alone; shared by its threads, each of which has a cache object of its own."""

    until = 0.0


class DegradingRedisCache(RedisCache):
    """Callers never see an exception from Redis: while it is away, each process remembers for itself.

    A limit that all processes shared then holds in each of them. What was remembered meanwhile is dropped once Redis is back.
    """

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._own = LocMemCache("while-redis-is-away", {"OPTIONS": {"MAX_ENTRIES": _MOST_ENTRIES}})

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return the cached value, or the default when it is absent."""
        return self._do("get", key, default, version)

    def set(self, key: Any, value: Any, timeout: Any = 300, version: int | None = None) -> None:
        """Store the value."""
        self._do("set", key, value, timeout, version)

    def add(self, key: Any, value: Any, timeout: Any = 300, version: int | None = None) -> bool:
        """Store the value unless there is one; return whether there was none."""
        return bool(self._do("add", key, value, timeout, version))

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Forget the value; return whether there was one."""
        return bool(self._do("delete", key, version))

    def touch(self, key: Any, timeout: Any = 300, version: int | None = None) -> bool:
        """Keep the value for longer; return whether there is one."""
        return bool(self._do("touch", key, timeout, version))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Add to a number and return it.

        Raises:
            ValueError: there is none.
        """
        return int(self._do("incr", key, delta, version))

    def has_key(self, key: Any, version: int | None = None) -> bool:
        """Return whether there is a value."""
        return bool(self._do("has_key", key, version))

    def get_many(self, keys: Any, version: int | None = None) -> dict[Any, Any]:
        """Return the values that there are, by key."""
        missing = object()
        found = {key: self.get(key, missing, version) for key in keys}
        return {key: value for key, value in found.items() if value is not missing}

    def set_many(self, data: dict[Any, Any], timeout: Any = 300, version: int | None = None) -> list[Any]:
        """Store the values."""
        for key, value in data.items():
            self.set(key, value, timeout, version)
        return []

    def delete_many(self, keys: Any, version: int | None = None) -> None:
        """Forget the values."""
        for key in keys:
            self.delete(key, version)

    def _do(self, operation: str, key: Any, *args: Any) -> Any:
        if time.monotonic() >= _Away.until:
            try:
                done = getattr(super(), operation)(key, *args)
            except redis.RedisError as error:
                _Away.until = time.monotonic() + REST_SECONDS
                log.warning("cache_unavailable", operation=operation, error=type(error).__name__)
            else:
                if _Away.until:
                    _Away.until = 0.0
                    self._own.clear()
                return done
        # Stored and forgotten at once, so that each operation answers as it does for a key that is not there.
        stand_in = _FORGETS if str(key).startswith(_NOT_KEPT) else self._own
        return getattr(stand_in, operation)(key, *args)


class _Forgetful(LocMemCache):
    """A cache that keeps nothing."""

    def set(self, key: Any, value: Any, timeout: Any = 300, version: int | None = None) -> None:
        """Drop the value."""


_FORGETS = _Forgetful("keeps-nothing", {})
