"""Backpressure: how late the deep queues are, so that uploads and runs wait their turn. Reads only.

The answer is kept for a moment, because every upload asks.
"""

from datetime import datetime

from django.conf import settings
from django.db import connection
from django.utils import timezone

from moderation.models import Creator
from moderation.outbox.priority import rank_at
from moderation.outbox.queues import LIVE_QUEUES
from policies.followed import Followed, Waits

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


def is_pressed() -> bool:
    """Return whether a deep queue is later than DEEP_PRESSURE_SECONDS, as of a moment ago."""
    _followed.refresh()
    return bool(_followed.value)


def _read() -> bool:
    return max(lags(timezone.now()).values()) > settings.DEEP_PRESSURE_SECONDS


# Others go on with the old answer while one asks. An upload asks within its transaction, which a failure ends.
_followed = Followed(
    "deep queues", lambda: _read(), ttl_seconds=lambda: _FRESH_SECONDS, waits=Waits.NOBODY, raises=True
)
forget = _followed.forget


def rank_of(creator: Creator, came_at: datetime) -> datetime:
    """Return the rank of a creator's upload as things stand."""
    return rank_at(
        came_at,
        expected_views=creator.expected_views,
        spread_seconds=settings.DEEP_SPREAD_SECONDS,
        is_pressed=is_pressed(),
        shed_seconds=settings.DEEP_SHED_SECONDS,
    )
