"""The order of the feed, in one place. What each stage is made of is a list of components in `home`."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feed import index, params
from feed.cursors import cursor_make
from feed.metrics import FEED_SECONDS
from feed.scorers import best_first
from feed.stages import (
    Display,
    Filter,
    Hydrator,
    QueryHydrator,
    Scorer,
    Selector,
    SideEffect,
    Source,
    StepDown,
    World,
    attempt,
)
from feed.types import Candidates, Entry, Query, Ranked, Rung, Slate, Trace
from feed.viewers import impression_make
from moderation.gate import door as gate

_SHELF_REASON = "shelf"


@dataclass(frozen=True, slots=True)
class Home:
    """What one kind of feed is made of."""

    query: QueryHydrator
    sources: Sequence[Source]
    hydrators: Sequence[Hydrator]
    filters: Sequence[Filter]
    prerank: Scorer
    rank: Scorer
    selector: Selector
    display: Display
    effects: Sequence[SideEffect]


@dataclass(frozen=True, slots=True)
class _Choice:
    """What was chosen, in order, before the gate: ids, why each is there, how to show each."""

    ids: list[int]
    reasons: list[str]
    display: dict[int, dict[str, Any]]
    rung: Rung
    history: str


def run(query: Query, home: Home) -> Slate:
    """Make a slate: at most `query.limit` items that the gate clears for this viewer, and how far we had to step down.

    Raises nothing on a failing part: each has its policy, and the last rung is an honest empty slate.
    """
    began = time.perf_counter()
    trace = _trace_of(query)
    try:
        world = hydrate_query(query, home, trace)
        candidates = retrieve(query, home, world, trace)
        hydrate(query, home, world, candidates, trace)
        candidates = filter_out(query, home, world, candidates, trace)
        candidates = prerank(query, home, world, candidates, trace)
        candidates, rung = rank(query, home, world, candidates, trace, began)
        choice = select(query, home, world, candidates, rung, trace)
    except StepDown as step:
        choice = take_shelf(query, trace) if step.rung is Rung.SHELF else _NOTHING
    entries, rung = pass_gate(query, choice, trace)
    slate = respond(query, entries, rung, trace, began)
    after(query, home, slate)
    return slate


def hydrate_query(query: Query, home: Home, trace: Trace) -> World:
    """Return what the request may see."""
    world = attempt(home.query, trace, lambda: home.query.hydrate(query))
    if world is None:
        raise StepDown(Rung.SHELF)
    _watch(query, trace, "eligible", world.eligible.ids)
    return world


def retrieve(query: Query, home: Home, world: World, trace: Trace) -> Candidates:
    """Return the union of what the sources propose.

    Raises:
        StepDown: every source failed.
    """
    n = params.SOURCE_CANDIDATES + len(query.seen)
    proposals = []
    enabled = [(bit, s) for bit, s in enumerate(home.sources) if s.is_enabled(query)]
    for bit, source in enabled:
        ids = attempt(source, trace, lambda source=source: source.fetch(query, world, n))  # type: ignore[misc]
        if ids is not None:
            trace.candidates[source.name] = len(ids)
            _watch(query, trace, source.name, ids)
            proposals.append((bit, ids))
    if enabled and not proposals:
        raise StepDown(Rung.SHELF)
    ids = np.unique(np.concatenate([p[1] for p in proposals])) if proposals else np.zeros(0, np.int64)
    bits = np.zeros(len(ids), np.uint8)
    for bit, proposed in proposals:
        bits[np.searchsorted(ids, proposed)] |= np.uint8(1 << bit)
    return Candidates.of(ids, bits)


def hydrate(query: Query, home: Home, world: World, candidates: Candidates, trace: Trace) -> None:
    """Fill the candidates' columns."""
    for hydrator in home.hydrators:
        if hydrator.is_enabled(query):
            attempt(hydrator, trace, lambda h=hydrator: h.hydrate(query, world, candidates))  # type: ignore[misc]


def filter_out(query: Query, home: Home, world: World, candidates: Candidates, trace: Trace) -> Candidates:
    """Return what the filters keep; what they remove goes to the trace."""
    for one in home.filters:
        if not one.is_enabled(query):
            continue
        filtered = attempt(one, trace, lambda f=one, c=candidates: f.apply(query, world, c))  # type: ignore[misc]
        if filtered is not None:
            trace.drop(one.name, filtered.removed)
            candidates = filtered.kept
            _watch(query, trace, one.name, candidates.ids)
    return candidates


def prerank(query: Query, home: Home, world: World, candidates: Candidates, trace: Trace) -> Candidates:
    """Return the candidates in the cheap order."""
    attempt(home.prerank, trace, lambda: home.prerank.score(query, world, candidates))
    return candidates.take(best_first(candidates.prerank))


def rank(
    query: Query, home: Home, world: World, candidates: Candidates, trace: Trace, began: float
) -> tuple[Candidates, Rung]:
    """Return the candidates in the ranker's order; in the cheap one where it failed or there is no time for it."""
    spent_ms = (time.perf_counter() - began) * 1000
    if spent_ms > params.REQUEST_BUDGET_MS:
        trace.failures[home.rank.name] = "no time left"
        return candidates, Rung.PRERANKED
    attempt(home.rank, trace, lambda: home.rank.score(query, world, candidates))
    if home.rank.name in trace.failures:
        return candidates, Rung.PRERANKED
    return candidates.take(best_first(candidates.rank)), Rung.FULL


def select(query: Query, home: Home, world: World, candidates: Candidates, rung: Rung, trace: Trace) -> _Choice:
    """Return a diverse slate with some spare places, and how to show it."""
    n = query.limit + params.SLATE_SLACK
    trace.ranked = Ranked(
        candidates.ids.tolist(), candidates.prerank.round(4).tolist(), candidates.rank.round(4).tolist()
    )
    chosen = attempt(home.selector, trace, lambda: home.selector.select(query, candidates, n))
    ids = [] if chosen is None else chosen.ids.tolist()
    display = attempt(home.display, trace, lambda: home.display.rows(ids))
    if chosen is None or display is None:
        raise StepDown(Rung.SHELF)
    _watch(query, trace, home.selector.name, chosen.ids)
    reasons = [_reason(home, bits) for bits in chosen.sources.tolist()]
    return _Choice(ids, reasons, display, rung, world.eligible.history)


def take_shelf(query: Query, trace: Trace) -> _Choice:
    """Return the band's prepared list; empty where none was prepared, or in another history."""
    history = gate.current().history
    shelf = [place for place in index.current().shelves.get(query.viewer.band, []) if place.history == history]
    trace.candidates[_SHELF_REASON] = len(shelf)
    ids = [place.item_id for place in shelf]
    return _Choice(ids, [_SHELF_REASON] * len(ids), {p.item_id: p.display for p in shelf}, Rung.SHELF, history)


def pass_gate(query: Query, choice: _Choice, trace: Trace) -> tuple[list[Entry], Rung]:
    """Return what the gate clears now, whatever chose it. A gate that is too old, or a shelf with nothing, is empty."""
    admission = gate.current().admit(choice.ids, query.viewer, query.now, history=choice.history)
    for item_id, why in admission.denied:
        trace.drop(f"gate.{why}", [item_id])
    why_there = dict(zip(choice.ids, choice.reasons, strict=True))
    nonce = os.urandom(16)
    entries = [
        Entry(
            token=token,
            display=choice.display[token.item_id],
            reason=why_there[token.item_id],
            impression_id=impression_make(nonce, query.viewer.region, token.item_id),
            viewer=query.viewer,
        )
        for token in admission.cleared
        if token.item_id in choice.display
    ][: query.limit]
    is_empty = admission.is_stale or choice.rung is Rung.EMPTY or (choice.rung is Rung.SHELF and not entries)
    return entries, Rung.EMPTY if is_empty else choice.rung


def respond(query: Query, entries: list[Entry], rung: Rung, trace: Trace, began: float) -> Slate:
    """Return the slate; its cursor is None where the candidates ran out."""
    served = [entry.token.item_id for entry in entries]
    cursor = cursor_make(query.seen, served, gate.current().history) if len(served) == query.limit else None
    trace.served, trace.rung = served, rung.value
    trace.policy_versions = sorted({entry.token.policy_version for entry in entries})
    spent = time.perf_counter() - began
    trace.timings_ms["total"] = round(spent * 1000, 3)
    FEED_SECONDS.observe(spent)
    return Slate(entries, cursor, rung, trace, query.now)


def after(query: Query, home: Home, slate: Slate) -> None:
    """Run the side effects."""
    for effect in home.effects:
        if effect.is_enabled(query):
            attempt(effect, slate.trace, lambda e=effect: e.run(query, slate))  # type: ignore[misc]


_NOTHING = _Choice([], [], {}, Rung.EMPTY, "")


def _reason(home: Home, bits: int) -> str:
    """Return what a viewer is told: the last source in the list that proposed the item, the most particular one."""
    return next(s.reason for bit, s in reversed(list(enumerate(home.sources))) if bits >> bit & 1)


def _trace_of(query: Query) -> Trace:
    return Trace(
        trace_id=query.trace_id,
        at=query.now,
        viewer_hash=query.viewer_hash,
        band=int(query.viewer.band),
        region=query.viewer.region,
        language=query.language,
    )


def _watch(query: Query, trace: Trace, stage: str, ids: Any) -> None:
    """For an explanation, note whether the item in question is still there after a stage."""
    if query.watch_item is not None:
        trace.watched[stage] = bool(np.isin(query.watch_item, ids))
