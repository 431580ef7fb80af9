"""Which stored items a change of a list would concern, before it is made: the look that follows it, bounded by time."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from moderation.models import Item
from moderation.rejudge.list_changes import newest_batches, select_stored
from moderation.rejudge.list_subjects import Concerned

#: Near misses that are kept.
MOST_NEAR = 12


@dataclass(frozen=True, slots=True)
class LookAhead:
    """What was found among the newest `n_looked_at` stored items: primary keys of what is concerned, and of near misses."""

    hits: tuple[int, ...]
    near: tuple[int, ...]
    n_looked_at: int
    is_whole: bool


def look_ahead(concerned: Concerned, is_near: Callable[[Item], bool]) -> LookAhead:
    """Return what a change would concern, the newest items first, within `settings.WIDE_LOOK_MS` and WIDE_LOOK_ITEMS.

    Args:
        is_near: whether an item that is not concerned only just is not.

    Raises:
        ListsUnavailable: the banks are not loaded.
    """
    until = time.monotonic() + settings.WIDE_LOOK_MS / 1_000
    hits: list[int] = []
    near: list[int] = []
    n = 0
    for rows in newest_batches(select_stored(), None):
        found = set(concerned(rows))
        hits += sorted(found, reverse=True)
        near += [row.pk for row in rows if len(near) < MOST_NEAR and row.pk not in found and is_near(row)][:MOST_NEAR]
        n += len(rows)
        if time.monotonic() > until or n >= settings.WIDE_LOOK_ITEMS:
            is_whole = not select_stored().filter(pk__lt=rows[-1].pk).exists()
            return LookAhead(tuple(hits), tuple(near[:MOST_NEAR]), n, is_whole)
    return LookAhead(tuple(hits), tuple(near[:MOST_NEAR]), n, is_whole=True)
