"""Sources propose candidates. Each searches only what the gate says this viewer may see."""

from feed.stages import OnFailure, World
from feed.types import Ids, Query


class Fresh:
    """The newest uploads. Item ids grow with time, so the newest are at the end of the eligible ids."""

    name = "source.fresh"
    reason = "fresh"
    budget_ms = 5.0
    on_failure = OnFailure.SKIP

    def is_enabled(self, query: Query) -> bool:
        """Return True: every viewer gets new items."""
        return True

    def fetch(self, query: Query, world: World, n: int) -> Ids:
        """Return the `n` newest eligible items that the index knows."""
        newest = world.eligible.ids[-n:][::-1]
        return newest[world.index.has(newest)]


class PopularInRegion:
    """What people in the viewer's region, or everywhere, liked lately."""

    name = "source.popular_in_region"
    reason = "popular_in_region"
    budget_ms = 5.0
    on_failure = OnFailure.SKIP

    def is_enabled(self, query: Query) -> bool:
        """Return True: without a region it is what is popular everywhere."""
        return True

    def fetch(self, query: Query, world: World, n: int) -> Ids:
        """Return the `n` most popular eligible items of the viewer's region."""
        best = world.index.popular_in(query.viewer.region).best_first
        mask = world.eligible.mask
        best = best[best < len(mask)]
        best = best[mask[best]][:n]
        return best[world.index.has(best)]
