"""In which order clips wait: by when they came, less a head start for those that many people wait for. Pure.

A rank is a moment. The difference between the first and the last of the same moment is bounded, so nothing starves.
"""

import math
from datetime import datetime, timedelta

#: So many expected views have the whole head start; each factor of ten below has less of it.
_VIEWS_AT_THE_TOP = 1_000_000
#: What counts for a creator of whom nothing is known: about thirty views, the middle of a long tail.
_UNKNOWN_VIEWS = 30


def rank_at(
    came_at: datetime, *, expected_views: int | None, spread_seconds: int, is_pressed: bool, shed_seconds: int
) -> datetime:
    """Return the moment by which a message is ordered; earlier goes first.

    Args:
        expected_views: of one upload of this creator; None where nothing is known.
        spread_seconds: how far the least expected upload waits behind the most expected one of the same moment.
        is_pressed: the queues are late; the lower half then waits `shed_seconds` more, held all the while.
    """
    share = _wait_share(_UNKNOWN_VIEWS if expected_views is None else expected_views)
    seconds = spread_seconds * share + (shed_seconds if is_pressed and share > 0.5 else 0)
    return came_at + timedelta(seconds=seconds)


def _wait_share(views: int) -> float:
    """Return 0 for what most people wait for to 1 for what nobody does, by orders of magnitude."""
    reached = math.log10(1 + max(views, 0)) / math.log10(1 + _VIEWS_AT_THE_TOP)
    return 1.0 - min(reached, 1.0)
