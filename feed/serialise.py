"""What leaves the feed as JSON. An item leaves only with the gate's own token."""

import math
from typing import Any

from feed.types import Entry, Slate
from moderation.gate.door import RevocationPage, require_cleared
from moderation.gate.media_urls import Part


def slate_json(slate: Slate) -> dict[str, Any]:
    """Return a slate as docs/api.md has it."""
    return {
        "items": [entry_json(entry) for entry in slate.entries],
        "cursor": slate.cursor,
        "rung": slate.rung.value,
        "trace_id": slate.trace.trace_id,
        "served_at": slate.served_at,
    }


def entry_json(entry: Entry) -> dict[str, Any]:
    """Return one item.

    Raises:
        TypeError: its token is not one that the gate made.
    """
    token = require_cleared(entry.token)
    return {
        "external_id": token.external_id,
        "creator": entry.display["creator"],
        "caption": entry.display["caption"],
        "media_url": entry.url(Part.MEDIA),
        "duration_ms": entry.display["duration_ms"],
        "min_age": token.min_age,
        "reason": entry.reason,
        "clearance": {
            "decision_id": str(token.decision_key),
            "policy_version": token.policy_version,
            "revision": token.revision,
            "valid_until": token.valid_until,
        },
        "impression_id": entry.impression_id,
    }


def revocations_json(page: RevocationPage) -> dict[str, Any]:
    """Return a part of the revocation stream: drop or narrow these, then ask again with `since=next` and `history`."""
    return {
        "revocations": [
            {
                "external_id": row.external_id,
                "revision": row.revision,
                "effect": "narrow" if row.is_granted else "revoke",
                "min_age": row.min_age,
                "territories_blocked": row.territories_blocked,
                "valid_until": row.valid_until,
                "decision_id": row.decision_key,
                "at": row.changed_at,
            }
            for row in page.rows
        ],
        "next": page.next,
        "history": page.history,
        "is_more": page.is_more,
    }


def number_json(value: float) -> float | None:
    """Return a score, or None where there is none: JSON has no NaN."""
    return round(value, 4) if math.isfinite(value) else None
