"""Rate limits per key: a fixed one-minute window in Redis, in this process's memory while Redis is away.

Called while authenticating, before anything is decided about the caller: REST framework's own throttles run only
after permission was granted, so they would never count the calls of somebody who tries keys.
"""

import threading
import time
from functools import lru_cache

import redis
import structlog
from allauth.core.internal.httpkit import clean_client_ip
from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from console.models import ApiKey

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 60
#: Callers without a valid key: enough for a person's typing errors, too little for guessing keys.
ANONYMOUS_PER_MINUTE = 120
#: After a failure Redis is left alone for this long, so that its time-outs do not slow every call.
REST_SECONDS = 5.0


class _LocalWindow:
    """This process's own counts of the current window."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._window = 0
        self._counts: dict[str, int] = {}
        self.rest_until = 0.0

    def add(self, caller: str, window: int) -> int:
        with self._lock:
            if window != self._window:
                self._window, self._counts = window, {}
            self._counts[caller] = self._counts.get(caller, 0) + 1
            return self._counts[caller]


_local = _LocalWindow()


def call_count(request: Request, key: ApiKey | None) -> None:
    """Count one call of a key, or of an address without a valid key. Losing Redis loosens nothing within a process.

    Raises:
        Throttled: the caller is over its limit; `wait` is the seconds to the next window.
    """
    now = time.time()
    window = int(now // WINDOW_SECONDS)
    limit = ANONYMOUS_PER_MINUTE if key is None else key.rate_per_minute or settings.API_RATE_PER_MINUTE
    caller = f"ip:{address_of(request)}" if key is None else f"key:{key.pk}"
    if _count(caller, window, now) > limit:
        raise Throttled(wait=(window + 1) * WINDOW_SECONDS - now)


def address_of(request: HttpRequest | Request) -> str:
    """Return the address that a request came from, as the proxies of ours say it: what anybody who is not known is counted by.

    The one place that reads X-Forwarded-For, for sign-in too: two that disagree would count everybody behind a proxy as one, and
    a stranger's guesses would lock all of them out.
    """
    told = BaseThrottle().get_ident(request)  # type: ignore[arg-type] # it reads headers; and it heeds NUM_PROXIES
    return clean_client_ip(told or "") or str(request.META.get("REMOTE_ADDR", ""))


def calls_in_window(caller: str) -> int:
    """Count one call of anybody else, such as `person:7`, and return how many they made in this window."""
    now = time.time()
    return _count(caller, int(now // WINDOW_SECONDS), now)


def _count(caller: str, window: int, now: float) -> int:
    if now < _local.rest_until:
        return _local.add(caller, window)
    try:
        return _count_shared(f"rate:{caller}:{window}")
    except redis.RedisError as error:
        _local.rest_until = now + REST_SECONDS
        log.warning("rate_limit_local", error=type(error).__name__)
        return _local.add(caller, window)


def _count_shared(name: str) -> int:
    """Add one to a window's counter in one round trip and return it; the first of a window also says when it ends."""
    client = _client(settings.REDIS_URL)
    n = int(client.incr(name))
    if n == 1:
        client.expire(name, WINDOW_SECONDS * 2)
    return n


@lru_cache(maxsize=4)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_connect_timeout=0.2, socket_timeout=0.5)
