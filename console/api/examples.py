"""Examples for the OpenAPI description: one request and one answer for each operation, one problem document for each status."""

from typing import Any, Final

_DECISION: Final = "0198b6b0-5f0e-7c53-9d0e-3f6f2f0c9a11"
_TRACE: Final = "9f2c4e1ab7d84f0f8c5b6a7d1e2f3a4b"
_AT: Final = "2026-01-31T12:00:00Z"
_UNTIL: Final = "2026-05-01T12:00:00Z"

#: Name of a query or path parameter -> a value.
PARAMETERS: Final[dict[str, Any]] = {
    "external_id": "clip-1", "viewer": "v-81f3", "age": "17", "region": "DE", "language": "de", "network": "wifi", "limit": 20,
    "cursor": "", "since": 4711, "history": "5d0f7f6e2f0c4d578a594c7f4b1a8e21", "trace_id": _TRACE,
}  # fmt: skip

#: Operation -> a body that it takes.
REQUESTS: Final[dict[str, Any]] = {
    "item_submit": {
        "external_id": "clip-1", "kind": "text", "caption": "My first loaf of bread", "creator": "creator-7", "language": "en",
        "region": "GB",
    },
    "report_file": {"external_id": "clip-1", "reporter": "person-12", "category": "harassment", "text": "This is about my sister."},
    "events": {
        "events": [
            {
                "event_id": "e-1", "type": "watch", "viewer": "v-81f3", "external_id": "clip-1", "impression_id": "i-1",
                "watch_ms": 5200, "at": _AT,
            }
        ]
    },
}  # fmt: skip

_ITEM: Final = {
    "id": "0198b6af-0c3e-7d1c-8a1e-8e6c0a4b7d02", "external_id": "clip-1", "state": "cleared", "outcome": "CLEAR",
    "decided_by": "default", "min_age": 0, "territories_blocked": [], "reasons": [], "missing": [], "policy_version": 2,
    "decision_id": _DECISION, "deep": "not_needed",
}  # fmt: skip
#: Operation -> what it answers when all is well.
ANSWERS: Final[dict[str, Any]] = {
    "item_submit": _ITEM,
    "item_status": _ITEM,
    "item_withdraw": {**_ITEM, "state": "blocked", "outcome": "BLOCK", "decided_by": "withdrawn"},
    "item_history": {
        "external_id": "clip-1",
        "decisions": [
            {
                "decision_id": _DECISION, "at": _AT, "stage": "on_path", "outcome": "CLEAR", "decided_by": "default",
                "category": "", "min_age": 0, "territories_blocked": [], "reasons": [], "evidence": {},
                "findings": [
                    {"detector": "text", "version": "7", "category": "harassment", "score": 0.02, "where": {"span": [0, 22]}}
                ],
                "policy_version": 2, "span_ms": None, "supersedes": None,
            }
        ],
    },
    "report_file": {
        "id": "0198b6b2-91aa-7b1f-9c8e-1d2b3c4d5e6f", "external_id": "clip-1", "category": "harassment", "at": _AT,
    },
    "feed": {
        "items": [
            {
                "external_id": "clip-1", "creator": "creator-7", "caption": "My first loaf of bread", "media_url": None,
                "duration_ms": None, "min_age": 0, "reason": "fresh",
                "clearance": {"decision_id": _DECISION, "policy_version": 2, "revision": 4711, "valid_until": _UNTIL},
                "impression_id": "i-1",
            }
        ],
        "cursor": None, "rung": "full", "trace_id": _TRACE, "served_at": _AT,
    },
    "feed_revocations": {
        "revocations": [
            {
                "external_id": "clip-1", "revision": 4712, "effect": "revoke", "min_age": 0, "territories_blocked": [],
                "valid_until": _UNTIL, "decision_id": _DECISION, "at": _AT,
            }
        ],
        "next": 4712, "is_more": False, "history": "5d0f7f6e2f0c4d578a594c7f4b1a8e21",
    },
    "feed_explain": {
        "trace_id": _TRACE, "at": _AT, "rung": "full", "policy_versions": [2], "candidates": {"fresh": 2},
        "removed": {"seen": ["clip-2"]}, "ranked": [{"external_id": "clip-1", "prerank": 0.4, "rank": 0.7}],
        "served": ["clip-1"], "failures": {}, "timings_ms": {"fresh": 0.3},
    },
    "events": {
        "accepted": 1, "duplicates": 0,
        "rejected": [{"index": 1, "event_id": "e-2", "code": "missing", "detail": "external_id is missing."}],
    },
}  # fmt: skip

#: Status -> a sentence as callers get it.
PROBLEMS: Final[dict[int, str]] = {
    400: "The body is not JSON: Expecting value.",
    401: "This call needs a key. Send: Authorization: Api-Key <key>.",
    403: "This key lacks the scope items:write.",
    404: "There is no item with this external_id.",
    405: 'Method "PUT" not allowed.',
    406: "Could not satisfy the request Accept header.",
    408: "The body did not arrive in time. Send it again.",
    409: "This external_id belongs to an item with other content.",
    410: "This history is another one. Drop the whole cache and start at 0.",
    411: "Say how long the body is: send Content-Length instead of chunks.",
    413: "The file has 209715201 bytes; at most 209715200 are allowed.",
    415: "The file is of type image/png by its content; this needs video.",
    422: "Not valid: caption. See errors; nothing was stored.",
    429: "Too many calls. Try again in 12 seconds.",
    500: "Something failed on our side. Nothing was stored; try again.",
    503: "The database cannot be reached; nothing was stored. Try again shortly.",
    507: "There is no room left to store media; nothing was stored. Try again later.",
}
