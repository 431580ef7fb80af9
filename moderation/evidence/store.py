"""Stored evidence as a population in memory: loaded once a process, then following new rows, late commits included.

Nothing here writes. A million items take about 150 MB.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from django.conf import settings
from django.db import connection

from moderation.db.histories import HISTORY, N_COLUMNS, Continuity, History
from moderation.decisions.evidence import category_codes
from moderation.items.visibility import items_restricted
from moderation.verdict.evidence_codec import CELL, NO_CATEGORY
from policies.choices import DETECTORS
from policies.followed import Held
from policies.replay.population import COLUMNS, Cells, Population

#: Primary keys that one statement of a full load looks through.
LOAD_SPAN = 100_000
_EVER = datetime.min.replace(tzinfo=UTC)
#: One stored row without its cells, as the statement below sends it: big-endian, like PostgreSQL's own binary format.
_HEAD = np.dtype(
    [
        ("item_pk", ">i8"), ("creator_pk", ">i8"), ("at", ">i8"), ("missing", ">i4"), ("n_octets", ">i4"), ("kind", ">i2"),
        ("claim", ">i2"), ("standing", ">i2"), ("unlabelled", ">i2"), ("floor", ">i2"), ("is_final", ">i2"),
        ("market", "u1", 2), ("language", "u1", 3),
    ]
)  # fmt: skip
# The server packs the rows: a million of them arrive as a few large values, and Python never sees one alone.
_PACKED = """
    SELECT string_agg(
        int8send(item_id) || int8send(creator_id) || int8send(floor(extract(epoch FROM at))::bigint)
        || int4send(missing) || int4send(octet_length(cells)) || int2send(kind) || int2send(claim) || int2send(standing)
        || int2send(unlabelled) || int2send(floor) || int2send(is_final::int::smallint)
        || convert_to(rpad(market, 2), 'UTF8') || convert_to(rpad(language, 3), 'UTF8'), ''::bytea ORDER BY item_id
    ), string_agg(cells, ''::bytea ORDER BY item_id)
    FROM moderation_itemevidence
"""
# A code that no category has is a name that no policy knows. Codes that cells cannot hold are none (services.evidence).
_CODES = f"SELECT coalesce(jsonb_object_agg(slug, id), '{{}}') FROM policies_category WHERE id < {2**16}"  # noqa: S608
_XMIN = f"SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xmin, ({_CODES}) AS codes"
# One statement, so one snapshot: the watermark, the codes and the rows they belong to. One row where nothing is stored.
_SPANS = f"""
    SELECT h.*, s.xmin, s.codes, p.* FROM ({HISTORY}) h, ({_XMIN}) s, (
        SELECT coalesce(min(item_id) - 1, 0) AS lowest, coalesce(max(item_id), 0) AS highest FROM moderation_itemevidence
    ) r, generate_series(r.lowest, r.highest, %s) AS above,
    LATERAL ({_PACKED} WHERE item_id > above AND item_id <= above + %s AND at >= %s) p
"""  # noqa: S608
_CHANGES = f"""
    SELECT h.*, s.xmin, s.codes, p.* FROM ({HISTORY}) h, ({_XMIN}) s, ({_PACKED} WHERE txid >= %s AND at >= %s) p
"""  # noqa: S608
_RANGE = "SELECT min(item_id), max(item_id) FROM moderation_itemevidence"
_SPAN = _PACKED + " WHERE item_id > %s AND item_id <= %s"
_OF_ITEMS = _PACKED + " WHERE item_id = ANY(%s)"


@dataclass
class _Vocabulary:
    """Names by position, growing; -1 stands for the blank name."""

    names: list[str] = field(default_factory=list)
    place: dict[int, int] = field(default_factory=lambda: {_code_of(b"   "): -1})

    def positions(self, letters: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
        """Return the position of each row of letters, adding names that are new."""
        code = np.zeros(len(letters), np.int64)
        for column in range(3):
            code = code * 256 + (letters[:, column] if column < letters.shape[1] else ord(" "))
        distinct, inverse = np.unique(code, return_inverse=True)
        places = np.array([self._place(int(c)) for c in distinct], np.int16)
        return places[inverse]

    def _place(self, code: int) -> int:
        if code not in self.place:
            self.place[code] = len(self.names)
            self.names.append(code.to_bytes(3, "big").decode().strip())
        return self.place[code]


def _code_of(letters: bytes) -> int:
    return int.from_bytes(letters, "big")


class _Reader:
    """Turns packed rows into populations that share their vocabularies."""

    def __init__(self) -> None:
        self.markets, self.languages = _Vocabulary(), _Vocabulary()
        self.categories: tuple[str, ...] = ()

    def look_up_categories(self, codes: Mapping[str, int] | None = None) -> None:
        """Take the categories by code, or ask for them."""
        codes = category_codes() if codes is None else codes
        names = [""] * (max(codes.values(), default=NO_CATEGORY) + 1)
        for name, code in codes.items():
            names[code] = name
        self.categories = tuple(names)

    def read(self, heads: bytes | None, cells: bytes | None) -> Population:
        """Return the rows of one answer, in the order of their items; names come with `with_names`."""
        rows = np.frombuffer(bytes(heads or b""), _HEAD)
        columns: dict[str, Any] = {name: rows[name].astype(dtype) for name, dtype in _DTYPES.items()}
        return Population(
            **columns,
            categories=(),
            detectors=DETECTORS,
            markets=(),
            languages=(),
            market=self.markets.positions(rows["market"]),
            language=self.languages.positions(rows["language"]),
            is_final=rows["is_final"] != 0,
            cells=self._cells(rows["n_octets"] // CELL.itemsize, np.frombuffer(bytes(cells or b""), CELL)),
        )

    def _cells(self, per_row: npt.NDArray[np.integer[Any]], found: npt.NDArray[np.void]) -> Cells:
        category = found["category"].astype(np.uint16)
        category[category >= len(self.categories)] = NO_CATEGORY
        return Cells(
            row=np.repeat(np.arange(len(per_row), dtype=np.int32), per_row),
            source=found["source"].copy(),
            category=category,
            score=found["score"].astype(np.float32),
            hard=found["hard"].copy(),
        )

    def with_names(self, population: Population) -> Population:
        """Return a population with the names that its positions mean."""
        markets, languages = tuple(self.markets.names), tuple(self.languages.names)
        return replace(population, categories=self.categories, markets=markets, languages=languages)


#: Columns that are taken from the packed row as they are.
_DTYPES = {
    "item_pk": np.int64, "creator_pk": np.int64, "at": np.int64, "missing": np.uint32, "kind": np.int8, "claim": np.int8,
    "standing": np.int8, "unlabelled": np.uint8, "floor": np.uint8,
}  # fmt: skip


class EvidenceStore(Held[Population]):
    """The evidence of a time, kept in memory and followed. Thread-safe; a population once given never changes."""

    def _drop(self) -> None:
        super()._drop()
        self._reader = _Reader()
        self._since = _EVER
        self._xmin = 0
        self._history: History | None = None

    def n_held(self) -> int | None:
        """Return how many items are in memory; None before anything was loaded."""
        held = self.value
        return None if held is None else len(held)

    def population(self, now: datetime) -> Population:
        """Return all that is stored of the last SIMULATION_DAYS, as of now.

        1. The first call, and one a day, loads everything. What a transaction that still runs has written comes with the
           next call, because its id is not below the watermark of the same statement.
        2. Any other call reads the rows of the oldest transaction that ran then, and of all later ones.
        """
        since = now - timedelta(days=settings.SIMULATION_DAYS)
        with self.lock:
            held = self.value
            if held is None or abs(since - self._since) > timedelta(days=1):
                self.value = self._load(since)
            else:
                self.value = self._follow(held)
            return self.value

    def _load(self, since: datetime) -> Population:
        reader, parts = _Reader(), []
        rows = _rows(_SPANS, LOAD_SPAN, LOAD_SPAN, since)
        history = History.of(rows[0][:N_COLUMNS] if rows else None)
        for row in rows:
            xmin, codes, heads, cells = row[N_COLUMNS:]
            reader.look_up_categories(json.loads(codes))
            parts.append(reader.read(heads, cells))
        self._reader, self._xmin, self._since, self._history = reader, int(xmin), since, history
        return reader.with_names(join(parts))

    def _follow(self, held: Population) -> Population:
        row = next(iter(_rows(_CHANGES, self._xmin, self._since)), None)
        history = History.of(row and row[:N_COLUMNS])
        xmin, codes, heads, cells = row[N_COLUMNS:] if row else (0, "{}", None, None)
        # what is held here never happened in another history
        is_same = self._history is not None and history.after(self._history) is Continuity.UNBROKEN
        if not is_same or int(xmin) < self._xmin:
            return self._load(self._since)
        self._history = history
        self._reader.look_up_categories(json.loads(codes))
        changed = self._reader.read(heads, cells)
        self._xmin = int(xmin)
        return self._reader.with_names(merge(held, changed))


def _rows(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def _one(sql: str, *values: Any) -> tuple[Any, ...]:
    return tuple(_rows(sql, *values)[0])


def join(parts: Sequence[Population]) -> Population:
    """Return populations that share vocabularies one after the other."""
    starts = np.cumsum([0, *(len(part) for part in parts[:-1])], dtype=np.int32)
    columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
    rows = [part.cells.row + start for part, start in zip(parts, starts, strict=True)]
    found = {
        name: np.concatenate([getattr(part.cells, name) for part in parts])
        for name in ("source", "category", "score", "hard")
    }
    return replace(parts[0], **columns, cells=Cells(row=np.concatenate(rows), **found))


def merge(known: Population, changed: Population) -> Population:
    """Return a population in which some items have newer evidence or are new; items stay in the order of their keys."""
    if not len(changed):
        return known
    kept = known.select(~np.isin(known.item_pk, changed.item_pk))
    both = join([kept, changed])
    if len(kept) and kept.item_pk[-1] > changed.item_pk[0]:
        return reorder(both, np.argsort(both.item_pk, kind="stable"))
    return both


def reorder(population: Population, order: npt.NDArray[np.intp]) -> Population:
    """Return the items in another order, each with its cells."""
    columns: dict[str, Any] = {name: getattr(population, name)[order] for name in COLUMNS}
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return replace(population, **columns, cells=replace(population.cells, row=place[population.cells.row]))


_store = EvidenceStore()


def load_population(now: datetime) -> Population:
    """Return the evidence stored of the last SIMULATION_DAYS, from this process's memory, as of now."""
    return _store.population(now)


def without_restricted(population: Population) -> Population:
    """Return a population without the items of the restricted partition, as of now; the same one where it has none."""
    if not len(population):
        return population
    restricted = items_restricted().filter(pk__gte=int(population.item_pk.min())).values_list("pk", flat=True)
    keep = ~np.isin(population.item_pk, np.fromiter(restricted.order_by().iterator(), np.int64))
    return population if keep.all() else population.select(keep)


def n_held() -> int | None:
    """Return how many items this process holds; None before it has loaded any."""
    return _store.n_held()


def forget() -> None:
    """Drop what this process holds."""
    _store.forget()


def evidence_of(item_pks: Iterable[int]) -> Population:
    """Return the stored evidence of some items, in the order of their keys; items without any are left out."""
    reader = _Reader()
    reader.look_up_categories()
    return reader.with_names(reader.read(*_one(_OF_ITEMS, list(item_pks))))


def evidence_chunks(*, after: int = 0) -> Iterator[Population]:
    """Yield all stored evidence in the order of items, above a primary key, LOAD_SPAN keys at a time.

    For work that goes through everything once and may be broken off: the last key of a chunk is where to go on.
    """
    chunks = (read() for _, _, read in spans_after(after))
    return (chunk for chunk in chunks if len(chunk))


def spans_after(after: int) -> Iterator[tuple[int, int, Callable[[], Population]]]:
    """Yield spans of primary keys above one, in order: above, up to and including, and how to read the span's evidence.

    For work that must look at something else before it reads, and may be broken off: the end of a span is where to go on.
    """
    reader = _Reader()
    reader.look_up_categories()
    lowest, highest = _one(_RANGE)
    if lowest is None:
        return
    for start in range(max(after, lowest - 1), highest, LOAD_SPAN):
        until = min(start + LOAD_SPAN, highest)

        def read(start: int = start, until: int = until) -> Population:
            return reader.with_names(reader.read(*_one(_SPAN, start, until)))

        yield start, until, read
