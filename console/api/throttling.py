"""Rate limits per key: a fixed one-minute window in Redis, in this process's memory while Redis is away."""

import time

import redis
from django.conf import settings
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from console.models import ApiKey

WINDOW_SECONDS = 60
#: Callers without a valid key: enough for a person's typing errors, too little for guessing keys.
ANONYMOUS_PER_MINUTE = 120

_local: dict[str, int] = {}


class KeyRateThrottle(BaseThrottle):
    """Counts calls per key (or per address without one). Losing Redis loosens nothing: each process still counts."""

    def __init__(self) -> None:
        self._wait = 0.0

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Return whether this call is within the caller's limit."""
        now = time.time()
        window = int(now // WINDOW_SECONDS)
        self._wait = (window + 1) * WINDOW_SECONDS - now
        caller, limit = self._caller(request)
        return _count(f"rate:{caller}:{window}") <= limit

    def wait(self) -> float:
        """Return the seconds until the next window."""
        return self._wait

    def _caller(self, request: Request) -> tuple[str, int]:
        if isinstance(request.user, ApiKey):
            return f"key{request.user.pk}", request.user.rate_per_minute or settings.API_RATE_PER_MINUTE
        return f"ip{self.get_ident(request)}", ANONYMOUS_PER_MINUTE


def _count(name: str) -> int:
    """Add one to a window's counter and return it."""
    try:
        cache.add(name, 0, WINDOW_SECONDS * 2)
        return cache.incr(name)
    except (redis.RedisError, ValueError):
        if len(_local) > 10_000:
            _local.clear()
        _local[name] = _local.get(name, 0) + 1
        return _local[name]
