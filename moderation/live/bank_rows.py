"""Where processes read hash banks: whole in bounded pieces, or what changed since a snapshot. Reads only.

A row is packed by the database into 70 bytes, so that a million of them become arrays without a Python object each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection

from moderation.db.histories import HISTORY, N_COLUMNS, History
from moderation.detection.hashes.columns import BankInfo, HashColumns
from policies.choices import Outcome

#: Entries that one statement of a full load returns: 1.4 MB.
LOAD_CHUNK_ROWS = 20_000
#: More changes than this are read as a full load, in pieces.
MAX_CHANGES = 50_000

_ROW = np.dtype(
    [("pk", ">i8"), ("bank", ">i8"), ("key", "V16"), ("value", "u1", 32), ("draw", ">u4"), ("state", "u1"), ("is_pdq", "u1")]
)  # fmt: skip
# The draw is the first four bytes of the SHA-256 of the key as text, as BankEntry.draw has it.
_PACKED = r"""
    int8send(e.id) || int8send(e.bank_id) || uuid_send(e.key) || decode(e.value, 'hex')
    || substring(sha256(convert_to(e.key::text, 'UTF8')) FROM 1 FOR 4)
    || CASE WHEN e.retired_at IS NOT NULL THEN '\x02'::bytea WHEN e.flooded_at IS NOT NULL THEN '\x01' ELSE '\x00' END
    || CASE WHEN e.algorithm = 'pdq' THEN '\x01'::bytea ELSE '\x00' END
"""
_CHUNK = f"""
    SELECT max(id), string_agg(packed, ''::bytea) FROM (
        SELECT e.id, {_PACKED} AS packed FROM moderation_hashentry e
        WHERE e.id > %s AND e.retired_at IS NULL ORDER BY e.id LIMIT {LOAD_CHUNK_ROWS}
    ) r
"""  # noqa: S608  (the parts are the constants above)
# One statement, so one snapshot: what it does not show will not be visible in the snapshot that it returns.
_CHANGES = f"""
    SELECT h.*, s.snapshot, s.last, r.packed FROM ({HISTORY}) h CROSS JOIN (
        SELECT pg_current_snapshot()::text AS snapshot, (SELECT max(txid) FROM moderation_hashentry) AS last
    ) s LEFT JOIN (
        SELECT string_agg(packed, ''::bytea) AS packed FROM (
            SELECT {_PACKED} AS packed FROM moderation_hashentry e
            WHERE e.txid >= pg_snapshot_xmin(%s::pg_snapshot)::text::bigint
              AND NOT pg_visible_in_snapshot(e.txid::text::xid8, %s::pg_snapshot)
            LIMIT {MAX_CHANGES + 1}
        ) c
    ) r ON true
"""  # noqa: S608
_SNAPSHOT = f"""
    SELECT h.*, pg_current_snapshot()::text, (SELECT max(txid) FROM moderation_hashentry) FROM ({HISTORY}) h
"""  # noqa: S608
_BANKS = """
    SELECT id, slug, key::text, category_id, outcome, enabled_ratio, is_child_safety FROM moderation_hashbank ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to where a process has read: a snapshot of one history, and the last transaction that wrote an entry in it."""

    history: History
    snapshot: str
    last_txid: int

    @property
    def xmin(self) -> int:
        """Every transaction below this had ended."""
        return int(self.snapshot.partition(":")[0])


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries read, by algorithm."""

    pdq: HashColumns
    exact: HashColumns

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.pdq) + len(self.exact)


def mark_now() -> Mark:
    """Return a mark; what is read after it has at least what was committed before.

    Raises:
        HistoryUnknown: the database does not say which history it is.
        django.db.Error: the database is away; so do all functions here.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SNAPSHOT)
        return _mark(cursor.fetchone())


def load_all() -> Entries:
    """Return all entries that are not retired. Memory is bounded by what is returned and one piece."""
    parts = [_entries(piece) for piece in _pieces()]
    return Entries(HashColumns.concatenate([p.pdq for p in parts]), HashColumns.concatenate([p.exact for p in parts]))


def changes_since(mark: Mark) -> tuple[Mark, Entries]:
    """Return every entry written by a transaction that `mark` did not see end, as it is now; and the mark to go on from.

    The same entry may come twice, also one that the process has already. More than MAX_CHANGES: there were more.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CHANGES, [mark.snapshot, mark.snapshot])
        row = cursor.fetchone()
    return _mark(row), _entries((row and row[-1]) or b"")


def banks_now() -> dict[int, BankInfo]:
    """Return the banks. To be read after entries, so that every entry's bank is among them."""
    with connection.cursor() as cursor:
        cursor.execute(_BANKS)
        rows = cursor.fetchall()
    return {
        pk: BankInfo(pk, slug, key, category, Outcome(outcome), ratio, is_child_safety)
        for pk, slug, key, category, outcome, ratio, is_child_safety in rows
    }


def _mark(row: tuple[Any, ...] | None) -> Mark:
    history, found = History.of(row and row[:N_COLUMNS]), row or ()
    snapshot, last = found[N_COLUMNS : N_COLUMNS + 2]
    return Mark(history, snapshot, last or 0)


def _pieces() -> Iterator[bytes]:
    """Yield packed entries in order of their ids; each piece is a short statement of its own, so nothing is held open."""
    after: int | None = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_CHUNK, [after])
            after, packed = cursor.fetchone()
        if after is None:
            return
        yield packed


def _entries(packed: bytes) -> Entries:
    rows = np.frombuffer(packed, _ROW)
    is_pdq = rows["is_pdq"] == 1
    return Entries(_columns(rows[is_pdq]), _columns(rows[~is_pdq]))


def _columns(rows: npt.NDArray[np.void]) -> HashColumns:
    return HashColumns(
        rows["pk"].astype(np.int64),
        rows["bank"].astype(np.int64),
        rows["key"].copy(),
        rows["value"].copy(),
        rows["draw"].astype(np.uint32),
        rows["state"].copy(),
    )
