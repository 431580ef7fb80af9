"""Side effects: what happens after the answer is made, and cannot change it."""

from feed import traces
from feed.metrics import FEED_REMOVED, FEED_RUNG
from feed.stages import OnFailure
from feed.types import Query, Slate


class KeepTrace:
    """Keeps the record of the request for an hour."""

    name = "effect.trace"
    budget_ms = 2.0
    on_failure = OnFailure.SKIP

    def is_enabled(self, query: Query) -> bool:
        """Return False for explanations, which serve nobody."""
        return query.watch_item is None

    def run(self, query: Query, slate: Slate) -> None:
        """Hand the trace to this process's trace keeper."""
        traces.HELD.get().keep(slate.trace)


class CountSlate:
    """Counts the rung and what was removed."""

    name = "effect.count"
    budget_ms = 1.0
    on_failure = OnFailure.SKIP

    def is_enabled(self, query: Query) -> bool:
        """Return False for explanations, which serve nobody."""
        return query.watch_item is None

    def run(self, query: Query, slate: Slate) -> None:
        """Add to the counters."""
        FEED_RUNG.labels(slate.rung.value).inc()
        for reason, items in slate.trace.removed.items():
            FEED_REMOVED.labels(reason).inc(len(items))
