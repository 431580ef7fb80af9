"""The feed steps down in the open: each rung has its cause, and none of them serves what the gate does not clear."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from feed import index, params, pipeline
from feed.home import HOME, query_make
from feed.metrics import FEED_RUNG
from feed.pipeline import Home
from feed.scorers import best_first, jitter
from feed.selection import diverse_rows
from feed.serialise import slate_json
from feed.types import Candidates, Entry, Rung, Slate
from moderation.gate import door as gate
from tests.support.clearances import cleared, revoke

Follow = Callable[[], None]


@pytest.fixture
def five(follow: Follow) -> list[Any]:
    """Return five cleared items that gate, index and shelf know."""
    items = [cleared(f"i-{n}", creator=f"c-{n}") for n in range(5)]
    follow()
    return items


def home_with(**changes: object) -> Home:
    """Return the home feed with some components exchanged."""
    return dataclasses.replace(HOME, **changes)  # type: ignore[arg-type]


def broken(component: Any, method: str) -> Any:
    """Return a copy of a component that raises."""

    class Broken(type(component)):  # type: ignore[misc]
        pass

    def fail(self: object, *args: object, **kwargs: object) -> None:
        raise RuntimeError("broken for the test")

    setattr(Broken, method, fail)
    return Broken()


def run(home: Home = HOME, **wanted: Any) -> Slate:
    """Return a slate for an adult."""
    return pipeline.run(query_make(**{"age": "30", "region": "DE", "viewer": "v", **wanted}), home)


def served(slate: Slate) -> set[str]:
    """Return the external ids of a slate."""
    return {entry.token.external_id for entry in slate.entries}


def test_all_parts_working_is_full(five: list[Any]) -> None:
    slate = run()
    assert slate.rung is Rung.FULL
    assert served(slate) == {f"i-{n}" for n in range(5)}
    assert slate.trace.failures == {}


def test_a_broken_ranker_keeps_the_order_of_the_prerank(five: list[Any]) -> None:
    slate = run(home_with(rank=broken(HOME.rank, "score")))
    assert slate.rung is Rung.PRERANKED
    assert len(slate.entries) == 5
    assert slate.trace.failures == {"score.affinity": "RuntimeError"}


def test_no_time_for_the_ranker_keeps_the_order_of_the_prerank(five: list[Any], monkeypatch: Any) -> None:
    monkeypatch.setattr(params, "REQUEST_BUDGET_MS", 0.0)
    assert run().rung is Rung.PRERANKED


def test_one_broken_source_leaves_the_other(five: list[Any]) -> None:
    fresh, popular = HOME.sources
    slate = run(home_with(sources=(fresh, broken(popular, "fetch"))))
    assert (slate.rung, len(slate.entries)) == (Rung.FULL, 5)


@pytest.mark.parametrize(
    "changes",
    [
        {"sources": tuple(broken(s, "fetch") for s in HOME.sources)},
        {"hydrators": (broken(HOME.hydrators[0], "hydrate"),)},
        {"query": broken(HOME.query, "hydrate")},
        {"prerank": broken(HOME.prerank, "score")},
        {"selector": broken(HOME.selector, "select")},
        {"display": broken(HOME.display, "rows")},
        {"filters": (broken(HOME.filters[0], "apply"),)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_broken_part_that_is_needed_leads_to_the_shelf(five: list[Any], changes: dict[str, Any]) -> None:
    slate = run(home_with(**changes))
    assert slate.rung is Rung.SHELF
    assert served(slate) == {f"i-{n}" for n in range(5)}
    assert {entry.reason for entry in slate.entries} == {"shelf"}


def test_an_index_that_is_too_old_leads_to_the_shelf(five: list[Any]) -> None:
    index.current()._refreshed_at = -np.inf
    assert run().rung is Rung.SHELF


def test_the_shelf_passes_the_gate_too(five: list[Any]) -> None:
    revoke(five[0])
    gate.current().refresh()
    slate = run(home_with(display=broken(HOME.display, "rows")))
    assert slate.rung is Rung.SHELF
    assert served(slate) == {f"i-{n}" for n in range(1, 5)}
    assert slate.trace.removed == {"gate.not_granted": [five[0].pk]}


def test_the_shelf_of_a_band_has_nothing_for_older_people(follow: Follow) -> None:
    cleared("adult", min_age=18)
    cleared("blocked-somewhere", territories=["US"])
    follow()
    home = home_with(display=broken(HOME.display, "rows"))
    assert served(run(home, age="10")) == set()
    assert run(home, age="10").rung is Rung.EMPTY
    assert served(run(home, age="30")) == {"adult"}


def test_a_stale_gate_is_empty_whatever_else_works(five: list[Any]) -> None:
    gate.current()._fresh_at = -np.inf
    slate = run()
    assert (slate.rung, slate.entries) == (Rung.EMPTY, [])


def test_a_gate_that_grows_stale_on_the_way_is_empty(five: list[Any]) -> None:
    class Slow(type(HOME.display)):  # type: ignore[misc]
        def rows(self, item_ids: list[int]) -> dict[int, dict[str, Any]]:
            gate.current()._fresh_at = -np.inf
            rows: dict[int, dict[str, Any]] = super().rows(item_ids)
            return rows

    slate = run(home_with(display=Slow()))
    assert (slate.rung, slate.entries) == (Rung.EMPTY, [])
    assert set(slate.trace.removed) == {"gate.stale"}


def test_nothing_left_on_a_working_feed_is_no_step_down(follow: Follow) -> None:
    slate = run()
    assert (slate.rung, slate.entries, slate.cursor) == (Rung.FULL, [], None)


def test_a_source_that_offers_what_is_not_cleared_cannot_get_it_served(five: list[Any]) -> None:
    revoke(five[0])
    gate.current().refresh()

    class Careless(type(HOME.sources[0])):  # type: ignore[misc]
        def fetch(self, query: Any, world: Any, n: int) -> Any:
            return np.array([item.pk for item in five] + [-5, 10**9], np.int64)

    slate = run(home_with(sources=(Careless(),)))
    assert served(slate) == {f"i-{n}" for n in range(1, 5)}
    assert sorted(slate.trace.removed["filter.eligible"]) == sorted([-5, five[0].pk, 10**9])


def test_the_gate_alone_is_enough_when_every_filter_is_gone(five: list[Any]) -> None:
    revoke(five[0])
    gate.current().refresh()

    class Careless(type(HOME.sources[0])):  # type: ignore[misc]
        def fetch(self, query: Any, world: Any, n: int) -> Any:
            return np.array([item.pk for item in five], np.int64)

    slate = run(home_with(sources=(Careless(),), filters=()))
    assert served(slate) == {f"i-{n}" for n in range(1, 5)}
    assert slate.trace.removed == {"gate.not_granted": [five[0].pk]}


def test_the_gate_on_the_way_out_asks_for_this_very_viewer(follow: Follow) -> None:
    items = [
        cleared("all", creator="a"),
        cleared("older", creator="b", min_age=16),
        cleared("elsewhere", creator="c", territories=["DE"]),
    ]
    follow()

    class Careless(type(HOME.sources[0])):  # type: ignore[misc]
        def fetch(self, query: Any, world: Any, n: int) -> Any:
            return np.array([item.pk for item in items], np.int64)

    home = home_with(sources=(Careless(),), filters=(), effects=())
    assert served(run(home, age="15", region="DE")) == {"all"}
    assert served(run(home, age="15", region="FR")) == {"all", "elsewhere"}
    assert served(run(home, age="16", region="DE")) == {"all", "older"}
    assert served(run(home, age=None, region="")) == {"all"}


def test_no_score_buys_an_item_into_a_slate(five: list[Any]) -> None:
    revoke(five[0])
    gate.current().refresh()

    class Bribed(type(HOME.rank)):  # type: ignore[misc]
        def score(self, query: Any, world: Any, candidates: Candidates) -> None:
            candidates.rank = np.where(candidates.ids == five[0].pk, np.inf, 0.0).astype(np.float32)

    assert "i-0" not in served(run(home_with(rank=Bribed(), filters=())))


def test_a_score_that_is_not_a_number_sinks(five: list[Any]) -> None:
    class Nan(type(HOME.rank)):  # type: ignore[misc]
        def score(self, query: Any, world: Any, candidates: Candidates) -> None:
            candidates.rank = np.where(candidates.ids == five[2].pk, np.nan, candidates.prerank).astype(np.float32)

    slate = run(home_with(rank=Nan()))
    assert slate.entries[-1].token.external_id == "i-2"
    slate_json(slate)


def test_each_rung_is_counted(five: list[Any]) -> None:
    before = FEED_RUNG.labels("shelf")._value.get()
    run(home_with(display=broken(HOME.display, "rows")))
    assert FEED_RUNG.labels("shelf")._value.get() == before + 1


def test_only_the_gates_tokens_can_be_serialised(five: list[Any]) -> None:
    slate = run()
    entry = slate.entries[0]
    for token in (None, "i-0", entry.token.external_id, {"external_id": "i-0"}, object()):
        forged = Entry(token, entry.display, entry.reason, entry.impression_id, entry.viewer)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            slate_json(dataclasses.replace(slate, entries=[forged]))


def test_a_full_page_asks_the_database_once_and_the_next_time_not_at_all(
    five: list[Any], django_assert_num_queries: Any
) -> None:
    home = home_with(display=type(HOME.display)())
    with django_assert_num_queries(1):
        run(home)
    with django_assert_num_queries(0):
        run(home)


# --- pure parts ---------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 6), max_size=60), st.integers(0, 30))
def test_a_slate_is_diverse_for_any_candidates(creators: list[int], n: int) -> None:
    rows = diverse_rows(creators, n)
    assert len(rows) == len(set(rows)) <= n
    chosen = [creators[row] for row in rows]
    assert all(chosen.count(c) <= params.MAX_PER_CREATOR for c in chosen)
    possible = sum(min(creators.count(c), params.MAX_PER_CREATOR) for c in set(creators))
    assert len(rows) == min(n, possible)


def test_two_of_one_creator_stand_apart_when_others_can_stand_between() -> None:
    assert diverse_rows([1, 1, 2, 3, 4], 5) == [0, 2, 3, 4, 1]
    assert diverse_rows([1, 1, 1, 2], 4) == [0, 3, 1]


def test_scores_that_are_not_numbers_come_last() -> None:
    scores = np.array([0.5, np.nan, 2.0, -np.inf, 1.0], np.float32)
    assert best_first(scores)[:3].tolist() == [2, 4, 0]


def test_jitter_is_fixed_for_a_viewer_and_differs_between_viewers() -> None:
    ids = np.arange(1_000, dtype=np.int64)
    first, again, other = jitter(ids, 7), jitter(ids, 7), jitter(ids, 8)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert 0 <= first.min() < 0.05 < 0.95 < first.max() < 1


def test_the_time_of_a_query_is_aware() -> None:
    assert query_make().now.tzinfo is not None
    assert abs((query_make().now - timezone.now()).total_seconds()) < 1
