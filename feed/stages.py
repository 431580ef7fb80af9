"""The interfaces of the feed's components, and how the pipeline runs one: timed, and its failure contained."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, TypeVar

import structlog

from feed.index import Index
from feed.metrics import FEED_STAGE_FAILED
from feed.types import Candidates, Ids, Query, Rung, Slate, Trace
from moderation.gate.door import Eligible

log = structlog.get_logger(__name__)
T = TypeVar("T")


class OnFailure(Enum):
    """What follows when a component raises."""

    SKIP = "go on without it"
    PRERANKED = "keep the order of the pre-rank"
    SHELF = "serve the band's shelf"


class StepDown(Exception):
    """The pipeline cannot go on; serve a lower rung."""

    def __init__(self, rung: Rung) -> None:
        super().__init__(rung.value)
        self.rung = rung


@dataclass(frozen=True, slots=True)
class World:
    """What a request sees: all that its viewer may be shown, and the index, both as of one moment."""

    eligible: Eligible
    index: Index


class Component(Protocol):
    """Anything the pipeline runs. `budget_ms`: longer is counted as late."""

    name: str
    budget_ms: float
    on_failure: OnFailure

    def is_enabled(self, query: Query) -> bool:
        """Return whether this request uses it."""


class QueryHydrator(Component, Protocol):
    """Gathers what the other stages need."""

    def hydrate(self, query: Query) -> World:
        """Return the request's world."""


class Source(Component, Protocol):
    """Proposes items. `reason` is what viewers are told."""

    reason: str

    def fetch(self, query: Query, world: World, n: int) -> Ids:
        """Return at most `n` item ids, best first."""


class Hydrator(Component, Protocol):
    """Fills columns."""

    def hydrate(self, query: Query, world: World, candidates: Candidates) -> None:
        """Write features into the candidates' columns."""


@dataclass(frozen=True, slots=True)
class Filtered:
    """What a filter kept and what it took out."""

    kept: Candidates
    removed: Ids


class Filter(Component, Protocol):
    """Takes items out."""

    def apply(self, query: Query, world: World, candidates: Candidates) -> Filtered:
        """Return what stays and what went."""


class Scorer(Component, Protocol):
    """Puts a number on each candidate; larger is better."""

    def score(self, query: Query, world: World, candidates: Candidates) -> None:
        """Write the scores into their column."""


class Selector(Component, Protocol):
    """Orders and diversifies."""

    def select(self, query: Query, candidates: Candidates, n: int) -> Candidates:
        """Return at most `n` candidates in the order to show them."""


class Display(Component, Protocol):
    """Knows what a client needs to show an item."""

    def rows(self, item_ids: list[int]) -> dict[int, dict[str, Any]]:
        """Return the items that exist, by id."""


class SideEffect(Component, Protocol):
    """Happens after the answer is made; cannot change it."""

    def run(self, query: Query, slate: Slate) -> None:
        """Do it."""


def attempt(component: Component, trace: Trace, act: Callable[[], T]) -> T | None:
    """Run a component's work; None where it failed and its policy is to go on without it.

    Raises:
        StepDown: it failed and the slate cannot be made without it.
    """
    began = time.perf_counter()
    try:
        return act()
    except StepDown:
        raise
    except Exception as error:  # every failure of a part has the same answer: its failure policy
        trace.failures[component.name] = type(error).__name__
        FEED_STAGE_FAILED.labels(component.name, "error").inc()
        log.error("feed_stage_failed", component=component.name, error=type(error).__name__, detail=str(error)[:200])
        if component.on_failure is OnFailure.SHELF:
            raise StepDown(Rung.SHELF) from error
        return None
    finally:
        spent = (time.perf_counter() - began) * 1000
        trace.timings_ms[component.name] = round(spent, 3)
        if spent > component.budget_ms:
            FEED_STAGE_FAILED.labels(component.name, "late").inc()
