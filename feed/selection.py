"""The selector: which candidates make the slate, and in what order, so that no creator fills it."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from feed import params
from feed.stages import OnFailure
from feed.types import Candidates, Query


class DiverseSelector:
    """Takes the best in turn: at most MAX_PER_CREATOR of a creator a page, others in between where there are any."""

    name = "select.diverse"
    budget_ms = 5.0
    on_failure = OnFailure.SHELF

    def is_enabled(self, query: Query) -> bool:
        """Return True for every request."""
        return True

    def select(self, query: Query, candidates: Candidates, n: int) -> Candidates:
        """Return at most `n` candidates; they come best first."""
        return candidates.take(np.array(diverse_rows(candidates.creator.tolist(), n), np.intp))


def diverse_rows(creators: list[int], n: int) -> list[int]:
    """Return the rows of a slate from the creators of its candidates, best first.

    A candidate that would stand too near another of its creator waits until it no longer does; with nothing else left
    the waiting one is taken after all, but never more than MAX_PER_CREATOR of one creator.
    """
    counts: Counter[int] = Counter()
    chosen: list[int] = []
    waiting: list[int] = []
    ahead = iter(range(len(creators)))
    while len(chosen) < n:
        recent = {creators[row] for row in chosen[-params.CREATOR_SPACING :]}
        row = next((w for w in waiting if creators[w] not in recent), None)
        if row is not None:
            waiting.remove(row)
        else:
            row = _next_row(creators, ahead, recent, counts, waiting)
        if row is None:
            break
        if counts[creators[row]] < params.MAX_PER_CREATOR:
            counts[creators[row]] += 1
            chosen.append(row)
    return chosen


def _next_row(
    creators: list[int], ahead: Iterator[int], recent: set[int], counts: Counter[int], waiting: list[int]
) -> int | None:
    """Return the best row that may come next; those that must wait are put aside."""
    for row in ahead:
        if counts[creators[row]] >= params.MAX_PER_CREATOR:
            continue
        if creators[row] not in recent:
            return row
        waiting.append(row)
    return waiting.pop(0) if waiting else None
