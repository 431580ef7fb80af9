"""Which transactions have ended: for whoever must be sure that nothing of before can still be stored."""

import time

from django.db import connection

_XMIN = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
_NEXT = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
_POLL_SECONDS = 0.05


def xmin() -> int:
    """Return the oldest transaction that has not ended: every one with a lower id has."""
    return _query(_XMIN)


def mark_now() -> int:
    """Return an id that no transaction has yet: all that run now have lower ones."""
    return _query(_NEXT)


def have_ended(mark: int, *, wait_seconds: float) -> bool:
    """Wait until every transaction below a mark has ended; return whether they have. Not to be called in a transaction."""
    until = time.monotonic() + wait_seconds
    while xmin() < mark:
        if time.monotonic() > until:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _query(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.fetchone()[0])
