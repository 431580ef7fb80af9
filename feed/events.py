"""Taking in what viewers did: checked one by one, deduplicated by event id, with viewers as keyed hashes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils.dateparse import parse_datetime

from feed import params
from feed.metrics import FEED_EVENTS
from feed.models import EventType
from feed.viewers import impression_region, viewer_hash
from moderation.items import queries
from policies.untrusted import UntrustedError, faults, text_fault

_FIELDS = frozenset({"event_id", "type", "viewer", "external_id", "impression_id", "watch_ms", "at"})
_TYPES = frozenset(EventType.values)
_TEXT_MAX = 128
# Two requests with the same event race safely: the second waits for the first and then finds it there.
_INSERT = """
    INSERT INTO feed_event (event_id, type, viewer_hash, item_id, region, impression_id, watch_ms, at, received_at)
    SELECT *, clock_timestamp() FROM unnest(
        %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::int[], %s::timestamptz[]
    )
    ON CONFLICT (event_id) DO NOTHING
"""


class EventRefused(Exception):
    """One event that is not taken in; `code` is stable, `detail` a sentence."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class NewEvent:
    """One event as a client told it, checked."""

    event_id: str
    type: str
    viewer: str
    external_id: str
    impression_id: str
    watch_ms: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Rejected:
    """Which event of a batch was refused, and why."""

    index: int
    event_id: str | None
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of a batch."""

    accepted: int
    duplicates: int
    rejected: list[Rejected]


def event_parse(raw: object, now: datetime) -> NewEvent:
    """Return a checked event.

    Raises:
        EventRefused: something in it is missing, unknown or out of range.
    """
    if not isinstance(raw, Mapping):
        raise EventRefused("not_an_object", "An event is an object.")
    _check_texts(raw)
    if unknown := sorted(str(name)[:64] for name in raw if name not in _FIELDS):
        raise EventRefused("unknown_field", f"There is no field {unknown[0]}.")
    kind = raw.get("type")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise EventRefused("unknown_type", f"A type is one of {', '.join(EventType.values)}.")
    return NewEvent(
        event_id=_text(raw, "event_id", is_required=True),
        type=kind,
        viewer=_text(raw, "viewer"),
        external_id=_text(raw, "external_id", is_required=True),
        impression_id=_text(raw, "impression_id"),
        watch_ms=_watch_ms(raw.get("watch_ms")),
        at=_time(raw.get("at"), now),
    )


def _check_texts(raw: object) -> None:
    try:
        fault = next(faults(raw), None)
    except UntrustedError as error:
        raise EventRefused("invalid", f"{error}.") from None
    if fault:
        raise EventRefused("invalid", f"{fault[0]}: {fault[1]}")


def _text(raw: Mapping[str, Any], name: str, *, is_required: bool = False) -> str:
    value = raw.get(name)
    if value is None or value == "":
        if is_required:
            raise EventRefused("missing", f"{name} is missing.")
        return ""
    if not isinstance(value, str) or len(value) > _TEXT_MAX or not value.isprintable():
        raise EventRefused("invalid", f"{name} is a printable string of at most {_TEXT_MAX} characters.")
    return value


def _watch_ms(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= params.WATCH_MS_MAX:
        raise EventRefused("invalid", f"watch_ms is a whole number from 0 to {params.WATCH_MS_MAX}.")
    return value


def _time(value: object, now: datetime) -> datetime:
    try:
        at = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise EventRefused("invalid", "at is an RFC 3339 time with its offset, such as 2026-01-31T12:00:00Z.")
    if at > now + timedelta(seconds=params.FUTURE_TOLERANCE_SECONDS):
        raise EventRefused("future", "at is in the future.")
    if at < now - timedelta(days=params.PAST_LIMIT_DAYS):
        raise EventRefused("too_old", f"at is more than {params.PAST_LIMIT_DAYS} days ago.")
    return at


def events_record(*, raw_events: Sequence[object], now: datetime) -> Intake:
    """Store what is valid and new of a batch, and say what became of each event. Deduplicated by event id, so safe to repeat."""
    events: dict[str, tuple[int, NewEvent]] = {}
    rejected: list[Rejected] = []
    duplicates = 0
    for index, raw in enumerate(raw_events):
        try:
            event = event_parse(raw, now)
        except EventRefused as refusal:
            rejected.append(_reject(index, raw, refusal))
            continue
        duplicates += event.event_id in events
        events.setdefault(event.event_id, (index, event))
    rows, unknown = _resolve(events.values())
    accepted = _store(rows)
    rejected = sorted(rejected + unknown, key=lambda r: r.index)
    duplicates += len(rows) - accepted
    for result, n in (("accepted", accepted), ("duplicate", duplicates), ("rejected", len(rejected))):
        FEED_EVENTS.labels(result).inc(n)
    return Intake(accepted, duplicates, rejected)


def _reject(index: int, raw: object, refusal: EventRefused) -> Rejected:
    event_id = raw.get("event_id") if isinstance(raw, Mapping) else None
    told = event_id[:_TEXT_MAX] if isinstance(event_id, str) and not text_fault(event_id) else None
    return Rejected(index, told, refusal.code, refusal.detail)


_Row = tuple[str, str, str, int, str, str, int | None, datetime]


def _resolve(events: Iterable[tuple[int, NewEvent]]) -> tuple[list[_Row], list[Rejected]]:
    """Find the items; an impression must be one of ours, and of that item, or its event is refused."""
    events = list(events)
    item_ids = queries.item_ids_of({event.external_id for _, event in events})
    rows: list[_Row] = []
    rejected: list[Rejected] = []
    for index, event in events:
        try:
            rows.append(_row(event, item_ids.get(event.external_id)))
        except EventRefused as refusal:
            rejected.append(Rejected(index, event.event_id, refusal.code, refusal.detail))
    return rows, rejected


def _row(event: NewEvent, item_id: int | None) -> _Row:
    if item_id is None:
        raise EventRefused("unknown_item", "There is no item with this external_id.")
    region = impression_region(event.impression_id, item_id) if event.impression_id else ""
    if region is None:
        raise EventRefused("unknown_impression", "The feed gave out no such impression_id for this item.")
    viewer = viewer_hash(event.viewer)
    return (
        event.event_id, event.type, viewer, item_id, region, event.impression_id, event.watch_ms, event.at
    )  # fmt: skip


@transaction.atomic
def _store(rows: list[_Row]) -> int:
    if not rows:
        return 0
    # one order for all writers, so that two batches with the same events cannot wait for each other
    columns = [list(column) for column in zip(*sorted(rows, key=lambda r: r[0]), strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, columns)
        return int(cursor.rowcount)
