"""Hydrators fill in: the request's world, candidates' features, and the few rows of text a slate shows."""

import threading
import time
from collections import OrderedDict
from typing import Any

from feed import index, params
from feed.stages import OnFailure, StepDown, World
from feed.types import Candidates, Query, Rung
from moderation.gate import door as gate
from moderation.items import queries


class WorldHydrator:
    """Asks the gate what this viewer may see, and takes the index as it is now."""

    name = "hydrate.query"
    budget_ms = 10.0
    on_failure = OnFailure.SHELF

    def is_enabled(self, query: Query) -> bool:
        """Return True: nothing works without it."""
        return True

    def hydrate(self, query: Query) -> World:
        """Return the world of one request.

        Raises:
            StepDown: to empty where the gate's view is too old, to the shelf where the index is.
        """
        eligible = gate.current().eligible(query.viewer, query.now)
        if eligible.is_stale:
            raise StepDown(Rung.EMPTY)
        held = index.current()
        if not held.is_usable:
            raise StepDown(Rung.SHELF)
        return World(eligible, held)


class FeatureHydrator:
    """Copies the index's columns for the candidates."""

    name = "hydrate.features"
    budget_ms = 2.0
    on_failure = OnFailure.SHELF

    def is_enabled(self, query: Query) -> bool:
        """Return True: ranking needs them."""
        return True

    def hydrate(self, query: Query, world: World, candidates: Candidates) -> None:
        """Fill the feature columns; an item that the index does not know keeps empty ones, and the filters see to it."""
        features, ids = world.index.features, candidates.ids
        known = world.index.has(ids)
        for name in ("created_at", "region", "language", "creator", "kind", "duration_ms"):
            getattr(candidates, name)[known] = getattr(features, name)[ids[known]]
        candidates.popularity = world.index.popular_in(query.viewer.region).of(ids)


class DisplayCache:
    """Captions and names for a slate: one query for what this process has not shown lately.

    Content never changes after it was accepted. The addresses of media are made for each viewer, and are not kept. What
    another history called by the same number is kept apart: the gate is asked which one it is before the rows are read.
    """

    name = "hydrate.display"
    budget_ms = 10.0
    on_failure = OnFailure.SHELF

    def __init__(self) -> None:
        self._rows: OrderedDict[tuple[str, int], tuple[float, dict[str, Any]]] = OrderedDict()
        self._lock = threading.Lock()

    def is_enabled(self, query: Query) -> bool:
        """Return True: an item that cannot be shown is not served."""
        return True

    def rows(self, item_ids: list[int]) -> dict[int, dict[str, Any]]:
        """Return the display rows of these items, from memory where possible."""
        now, history = time.monotonic(), gate.current().history
        with self._lock:
            held = {i: entry[1] for i in item_ids if (entry := self._rows.get((history, i))) and entry[0] > now}
        missing = [i for i in item_ids if i not in held]
        if missing:
            loaded = queries.display_rows(missing)
            self._keep(history, loaded, now + params.DISPLAY_TTL_SECONDS)
            held |= loaded
        return held

    def _keep(self, history: str, rows: dict[int, dict[str, Any]], until: float) -> None:
        with self._lock:
            for item_id, row in rows.items():
                self._rows[history, item_id] = (until, row)
                self._rows.move_to_end((history, item_id))
            while len(self._rows) > params.DISPLAY_ENTRIES:
                self._rows.popitem(last=False)
