"""Why an item was or was not shown: from the kept trace of a request, or by asking every stage about it now."""

from datetime import datetime
from typing import Any

from feed import traces
from feed.home import HOME, query_make
from feed.pipeline import run
from feed.serialise import number_json
from feed.types import Query
from feed.viewers import viewer_hash
from moderation import gate, selectors
from policies.choices import BAND_KEYS, BAND_MIN_AGES, Band


def explain_trace(trace_id: str) -> dict[str, Any] | None:
    """Return what happened to a request; None where its trace is unknown or gone (they are kept for an hour)."""
    trace = traces.HELD.get().find(trace_id)
    return None if trace is None else _named(trace)


def _named(trace: dict[str, Any]) -> dict[str, Any]:
    """Return a trace with external ids in place of internal ones."""
    ranked = trace["ranked"]
    mentioned = {*trace["served"], *ranked.ids}
    mentioned.update(i for removed in trace["removed"].values() for i in removed)
    names = selectors.external_ids_of(mentioned)
    return {
        "trace_id": trace["trace_id"],
        "at": trace["at"],
        "rung": trace["rung"],
        "band": BAND_KEYS[trace["band"]],
        "region": trace["region"],
        "language": trace["language"],
        "policy_versions": trace["policy_versions"],
        "candidates": trace["candidates"],
        "removed": {reason: [names.get(i) for i in ids] for reason, ids in trace["removed"].items()},
        "ranked": [
            {"external_id": names.get(i), "prerank": number_json(prerank), "rank": number_json(rank)}
            for i, prerank, rank in zip(ranked.ids, ranked.prerank, ranked.rank, strict=True)
        ],
        "served": [names.get(i) for i in trace["served"]],
        "failures": trace["failures"],
        "timings_ms": trace["timings_ms"],
    }


def explain_item(
    *, external_id: str, viewer: str, age: str | None, region: str, language: str, now: datetime
) -> dict[str, Any] | None:
    """Return what each stage says now of one item for one viewer; None where there is no such item.

    Without `age`, the viewer is taken to be as in their latest request of the last hour, else of the youngest band.
    """
    item_id = selectors.item_ids_of([external_id]).get(external_id)
    if item_id is None:
        return None
    latest = traces.HELD.get().latest_of(viewer_hash(viewer))
    if latest is not None and age is None:
        age, region = str(BAND_MIN_AGES[latest["band"]]), region or latest["region"]
        language = language or latest["language"]
    query = query_make(viewer=viewer, age=age, region=region, language=language, now=now, watch_item=item_id)
    return {
        "external_id": external_id,
        "band": BAND_KEYS[query.viewer.band],
        "region": query.viewer.region,
        "gate": _gate_says(item_id, query, now),
        "now": _stages_say(item_id, query),
        "latest_slate": None if latest is None else _slate_says(item_id, latest),
    }


def _gate_says(item_id: int, query: Query, now: datetime) -> dict[str, Any]:
    """Return the gate's answer for this viewer, and for each band in the same place."""
    asked = gate.current()
    why = asked.why_not(item_id, query.viewer, now)
    bands = {
        BAND_KEYS[band]: asked.why_not(item_id, gate.Viewer(band, query.viewer.region), now) or "admitted"
        for band in Band
    }
    return {
        "is_admitted": not why,
        "why_not": why or None,
        "bands": bands,
        "age_seconds": number_json(asked.age_seconds()),
    }


def _stages_say(item_id: int, query: Query) -> dict[str, Any]:
    """Run the pipeline for the viewer as the first page, serving nobody, and follow the item through it."""
    slate = run(query, HOME)
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
    """Return what the viewer's latest request did with the item."""
    return {
        "trace_id": trace["trace_id"],
        "at": trace["at"],
        "rung": trace["rung"],
        "was_served": item_id in trace["served"],
        "removed_by": [reason for reason, ids in trace["removed"].items() if item_id in ids],
    }
