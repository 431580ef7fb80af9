"""Filters take candidates out before ranking. The gate stands after all of them and does not rely on any."""

import numpy as np

from feed.stages import Filtered, OnFailure, World
from feed.types import Candidates, Mask, Query
from feed.viewers import mark_of_seen


def split(candidates: Candidates, keep: Mask) -> Filtered:
    """Return the candidates that stay, and the ids of the others."""
    return Filtered(candidates.take(keep), candidates.ids[~keep])


class EligibleFilter:
    """Takes out what this viewer may not see: a source that offers such an item has a fault, and this counts it."""

    name = "filter.eligible"
    budget_ms = 1.0
    on_failure = OnFailure.SHELF

    def is_enabled(self, query: Query) -> bool:
        """Return True for every request."""
        return True

    def apply(self, query: Query, world: World, candidates: Candidates) -> Filtered:
        """Keep what is in the viewer's mask."""
        mask, ids = world.eligible.mask, candidates.ids
        keep = (ids >= 0) & (ids < len(mask))
        keep[keep] = mask[ids[keep]]
        return split(candidates, keep)


class SeenFilter:
    """Takes out what earlier pages of this cursor showed."""

    name = "filter.seen"
    budget_ms = 3.0
    on_failure = OnFailure.SKIP

    def is_enabled(self, query: Query) -> bool:
        """Return True on every page after the first."""
        return bool(query.seen)

    def apply(self, query: Query, world: World, candidates: Candidates) -> Filtered:
        """Keep what the cursor does not remember."""
        seen, history = frozenset(query.seen), world.eligible.history
        marks = (mark_of_seen(i, history) not in seen for i in candidates.ids.tolist())
        return split(candidates, np.fromiter(marks, np.bool_, len(candidates)))
