"""Why an item was or was not shown: from the kept trace of a request, and by asking every stage about it now.

Whoever has a trace id learns what that request did, and nothing of the viewer beyond it: no band, no region, no other request.
So what is asked *now* is asked for somebody whom the item is for, never for the viewer: three items of known ages would tell the
band, however the refusals are worded.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from feed import traces
from feed.home import HOME, query_make
from feed.pipeline import run
from feed.serialise import number_json
from feed.types import Query
from moderation.gate import door as gate
from moderation.items import queries

#: The gate's reasons that lie in the viewer, and the one word for them.
_OF_VIEWERS = {"gate.age": "gate.audience", "gate.territory": "gate.audience"}


class ItemUnknown(LookupError):
    """There is no item of this id."""


def explain_trace(trace_id: str) -> dict[str, Any] | None:
    """Return what happened to a request; None where its trace is unknown or gone (they are kept for an hour)."""
    trace = traces.HELD.get().find(trace_id)
    return None if trace is None else _name(trace)


def _name(trace: dict[str, Any]) -> dict[str, Any]:
    """Return a trace with external ids in place of internal ones."""
    ranked = trace["ranked"]
    mentioned = {*trace["served"], *ranked.ids}
    mentioned.update(i for removed in trace["removed"].values() for i in removed)
    names = queries.external_ids_of(mentioned)
    return {
        "trace_id": trace["trace_id"],
        "at": trace["at"],
        "rung": trace["rung"],
        "policy_versions": trace["policy_versions"],
        "candidates": trace["candidates"],
        "removed": {
            reason: [names.get(i) for i in ids] for reason, ids in _merge_viewer_reasons(trace["removed"]).items()
        },
        "ranked": [
            {"external_id": names.get(i), "prerank": number_json(prerank), "rank": number_json(rank)}
            for i, prerank, rank in zip(ranked.ids, ranked.prerank, ranked.rank, strict=True)
        ],
        "served": [names.get(i) for i in trace["served"]],
        "failures": trace["failures"],
        "timings_ms": trace["timings_ms"],
    }


def _merge_viewer_reasons(removed: dict[str, list[int]]) -> dict[str, list[int]]:
    """Return the removed ids by reason, with one reason for a viewer's age and place, so that it tells neither."""
    told: dict[str, list[int]] = {}
    for reason, ids in removed.items():
        told.setdefault(_OF_VIEWERS.get(reason, reason), []).extend(ids)
    return told


def explain_item(*, external_id: str, trace_id: str, now: datetime) -> dict[str, Any] | None:
    """Return what a request did with one item, and what each stage says of it now for somebody whom it is for.

    The second part would be the same with any other trace. None where there is no such trace.

    Raises:
        ItemUnknown: there is no such item.
    """
    trace = traces.HELD.get().find(trace_id)
    if trace is None:
        return None
    item_id = queries.item_ids_of([external_id]).get(external_id)
    if item_id is None:
        raise ItemUnknown
    audience = gate.current().audience(item_id, now)
    query = replace(query_make(now=now, watch_item=item_id), viewer=audience.example_viewer)
    return {
        "external_id": external_id,
        "trace_id": trace["trace_id"],
        "then": _slate_says(item_id, trace),
        "gate": _gate_says(audience),
        "now": _stages_say(item_id, query),
    }


def _gate_says(audience: gate.Audience) -> dict[str, Any]:
    """Return the gate's answer now, for whoever the item is for."""
    why = audience.why_nobody
    return {
        "is_admitted": not why,
        "why_not": why or None,
        "is_for_everybody": audience.is_everybody,
        "age_seconds": number_json(gate.current().age_seconds()),
    }


def _stages_say(item_id: int, query: Query) -> dict[str, Any]:
    """Run the pipeline as for a first page, serving nobody and leaving no trace, and follow the item through it."""
    slate = run(query, replace(HOME, effects=()))
    ranked = slate.trace.ranked.ids
    return {
        "rung": slate.rung.value,
        "stages": slate.trace.watched,
        "removed_by": [reason for reason, ids in slate.trace.removed.items() if item_id in ids],
        "place_when_ranked": ranked.index(item_id) + 1 if item_id in ranked else None,
        "n_ranked": len(ranked),
        "would_be_served": item_id in slate.trace.served,
    }


def _slate_says(item_id: int, trace: dict[str, Any]) -> dict[str, Any]:
    """Return what the request did with the item."""
    ranked = trace["ranked"].ids
    return {
        "at": trace["at"],
        "rung": trace["rung"],
        "was_served": item_id in trace["served"],
        "removed_by": [reason for reason, ids in _merge_viewer_reasons(trace["removed"]).items() if item_id in ids],
        "place_when_ranked": ranked.index(item_id) + 1 if item_id in ranked else None,
    }
