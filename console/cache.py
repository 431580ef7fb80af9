"""The Redis cache that behaves as empty while Redis is away, so that a lost cache slows us down and nothing more."""

from typing import Any

import redis
import structlog
from django.core.cache.backends.redis import RedisCache

log = structlog.get_logger(__name__)


class DegradingRedisCache(RedisCache):
    """Every failed read is a miss and every failed write is dropped; callers never see an exception from Redis."""

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return the cached value, or the default when it is absent or Redis is away."""
        try:
            return super().get(key, default, version)
        except redis.RedisError as error:
            log.warning("cache_unavailable", operation="get", error=type(error).__name__)
            return default

    def set(self, key: Any, value: Any, timeout: Any = 300, version: int | None = None) -> None:
        """Store the value if Redis is there."""
        try:
            super().set(key, value, timeout, version)
        except redis.RedisError as error:
            log.warning("cache_unavailable", operation="set", error=type(error).__name__)
