"""Backpressure: how late the deep queues are, so that uploads and runs wait their turn. Reads only.

The answer is kept for a moment, because every upload asks.
"""

import threading
import time
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.utils import timezone

from moderation.models import Creator
from moderation.outbox.priority import rank_at
from moderation.outbox.queues import LIVE_QUEUES

#: An answer is used for so many seconds.
_FRESH_SECONDS = 2.0

#: The first in each queue by rank that nobody works on: one step into an index each. A shed message's rank lies ahead, so it
#: does not count as late before its turn has come.
_FIRST = """
    SELECT q, (SELECT m.rank_at FROM moderation_outboxmessage m
               WHERE m.queue = q AND m.queue > '' AND m.state IN ('pending', 'sent')
                 AND (m.claimed_until IS NULL OR m.claimed_until < %(now)s)
               ORDER BY m.rank_at LIMIT 1)
    FROM unnest(%(queues)s::text[]) AS q
"""


def lags(now: datetime) -> dict[str, float]:
    """Return by how many seconds each live deep queue is late: how long ago the turn of its first message was."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST, {"now": now, "queues": list(LIVE_QUEUES)})
        return {queue: max((now - first).total_seconds(), 0.0) if first else 0.0 for queue, first in cursor.fetchall()}


@dataclass(slots=True)
class _Kept:
    """The last answer of this process and when it was asked for (monotonic seconds)."""

    is_pressed: bool = False
    asked_at: float | None = None


_kept = _Kept()
_lock = threading.Lock()


def is_pressed() -> bool:
    """Return whether a deep queue is later than DEEP_PRESSURE_SECONDS, as of a moment ago."""
    with _lock:
        due = _kept.asked_at is None or time.monotonic() - _kept.asked_at > _FRESH_SECONDS
        if due:
            _kept.asked_at = time.monotonic()  # others go on with the old answer meanwhile
    if due:
        _kept.is_pressed = max(lags(timezone.now()).values()) > settings.DEEP_PRESSURE_SECONDS
    return _kept.is_pressed


def forget() -> None:
    """Ask again at the next call; for tests."""
    _kept.asked_at = None


def rank_of(creator: Creator, came_at: datetime) -> datetime:
    """Return the rank of a creator's upload as things stand."""
    return rank_at(
        came_at,
        expected_views=creator.expected_views,
        spread_seconds=settings.DEEP_SPREAD_SECONDS,
        is_pressed=is_pressed(),
        shed_seconds=settings.DEEP_SHED_SECONDS,
    )
