"""Where the gate reads clearances: its own connection, the watermark over transaction ids, the revocation stream.

Every statement is bounded in time; whatever goes wrong is raised, and the gate counts it as no refresh.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection as django_connection
from psycopg.rows import tuple_row

from moderation.db.histories import HISTORY, N_COLUMNS, History, history_renew
from moderation.gate.columns import Row

#: Rows that a full load takes from the server at a time.
LOAD_CHUNK_ROWS = 20_000
#: A full load may take this long; polls are held to GATE_MAX_AGE_MS.
LOAD_TIMEOUT_MS = 120_000
#: Revisions that one page of the revocation stream looks through.
STREAM_SPAN = 20_000

# A poll reads a few rows at the very end of an index, where statistics lag: without these the planner may join whole
# tables ten times a second. A full load wants them back.
_SLOW_WHEN_FEW = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin")

_COLUMNS = """
    c.item_id, i.external_id, c.revision, c.is_granted, c.min_age, c.territories_blocked,
    extract(epoch FROM c.valid_until)::float8, v.number, uuid_send(d.key),
    extract(epoch FROM clock_timestamp() - c.changed_at)::float8
"""
_TABLES = """
    moderation_clearance c
    JOIN moderation_item i ON i.id = c.item_id
    JOIN moderation_decision d ON d.id = c.decision_id
    JOIN policies_policyversion v ON v.id = c.policy_version_id
"""
_XMIN = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
# One statement, so one snapshot: the history, the watermark and the rows it bounds belong together.
_CHANGES = f"""
    SELECT h.*, s.xmin, r.* FROM ({HISTORY}) h CROSS JOIN (SELECT {_XMIN} AS xmin) s
    LEFT JOIN (SELECT {_COLUMNS} FROM {_TABLES} WHERE c.txid >= %s) r ON true
"""  # noqa: S608  (the parts are the constants above)
_LOAD = f"SELECT {_COLUMNS} FROM {_TABLES}"  # noqa: S608
_LAST_REVISION = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM moderation_clearance_revision_seq"
_OWN_XID = "SELECT pg_current_xact_id()::text::bigint"
_REVOKED = """
    SELECT r.revision, i.external_id, r.is_granted, r.min_age, r.territories_blocked, r.valid_until, r.changed_at, d.key::text
    FROM moderation_clearancerevision r
    JOIN moderation_item i ON i.id = r.item_id
    JOIN moderation_decision d ON d.id = r.decision_id
    LEFT JOIN LATERAL (
        SELECT p.is_granted, p.min_age, p.territories_blocked, p.valid_until FROM moderation_clearancerevision p
        WHERE p.item_id = r.item_id AND p.revision < r.revision ORDER BY p.revision DESC LIMIT 1
    ) p ON r.is_granted
    WHERE r.revision > %s AND r.revision <= %s AND (
        NOT r.is_granted
        OR p.is_granted AND (
            r.min_age > p.min_age OR NOT r.territories_blocked <@ p.territories_blocked OR r.valid_until < p.valid_until
        )
    )
"""
# The history beside the rows: whoever asks with another one must not take them for what follows.
_REVOCATIONS = f"SELECT h.*, v.* FROM ({HISTORY}) h LEFT JOIN ({_REVOKED}) v ON true ORDER BY v.revision"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Mark:
    """Every revision up to `last_revision` was drawn by a transaction whose id is below `before_xid`."""

    last_revision: int
    before_xid: int


@dataclass(frozen=True, slots=True)
class Poll:
    """What one look gave: the history, the oldest running transaction id, and the rows."""

    history: History
    xmin: int
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Revocation:
    """One change that takes a permission away or makes it narrower."""

    revision: int
    external_id: str
    is_granted: bool
    min_age: int
    territories_blocked: list[str]
    valid_until: datetime
    changed_at: datetime
    decision_key: str


class ClearanceSource:
    """A private connection to the primary. Used by one thread at a time.

    A replica will not do for the stream of marks: a sequence on a replica runs ahead of the rows that used it.
    """

    def __init__(self) -> None:
        self._connection: psycopg.Connection[Any] | None = None

    def ensure(self) -> bool:
        """Connect where needed; return whether the connection is a new one, over which everything has to be read.

        Raises:
            psycopg.Error: the database is away.
        """
        if self._connection is not None and not self._connection.closed:
            return False
        self._connection = _connect()
        return True

    def close(self) -> None:
        """Drop the connection; the next read makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def history(self) -> History:
        """Return which history the database is now.

        Raises:
            HistoryUnknown: it has none.
        """
        return History.of(self._open.execute(HISTORY).fetchone())

    def changes(self, since_xid: int) -> Poll:
        """Return all rows written by `since_xid` or later, with the history and the watermark of their snapshot.

        Rows above the watermark come again next time: a transaction with a lower id may still commit behind them.

        Raises:
            HistoryUnknown: the database has none.
        """
        found = self._open.execute(_CHANGES, (since_xid,)).fetchall()
        history = History.of(found[0][:N_COLUMNS] if found else None)
        rows = [Row(*row[N_COLUMNS + 1 :]) for row in found if row[N_COLUMNS + 1] is not None]
        return Poll(history, int(found[0][N_COLUMNS]), rows)

    @contextmanager
    def load(self) -> Iterator[tuple[History, int, Iterator[list[Row]]]]:
        """Give history, watermark and all rows in chunks, of one snapshot, without holding them all in memory.

        Raises:
            HistoryUnknown: the database has none.
        """
        opened = self._open
        with opened.transaction():
            opened.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            self._expect_many()
            history = History.of(opened.execute(HISTORY).fetchone())
            xmin = int(self._value(f"SELECT {_XMIN}"))
            with opened.cursor(name="gate_load") as cursor:
                cursor.itersize = LOAD_CHUNK_ROWS
                cursor.execute(_LOAD)
                yield history, xmin, _chunks(cursor)

    def renew(self, history: History) -> None:
        """Give a history that went back a new key."""
        history_renew(self._open.execute, history.key)

    def mark(self, seen: int) -> Mark | None:
        """Return a mark where revisions were drawn since `seen`, else None.

        1. Read the sequence. 2. Take a transaction id of our own. Whoever drew a revision up to the one read had its
        id before that, so below ours: once no transaction below ours runs, all those revisions are decided. The
        snapshot's xmax would not do: it is one past the last *completed* id, and running ones may lie above it.
        """
        last = int(self._value(_LAST_REVISION))
        return Mark(last, int(self._value(_OWN_XID))) if last != seen else None

    def _expect_many(self) -> None:
        """Give the running transaction the time and the plans that many rows need."""
        self._open.execute(f"SET LOCAL statement_timeout = {LOAD_TIMEOUT_MS}")
        for name in _SLOW_WHEN_FEW:
            self._open.execute(f"SET LOCAL {name} = on")

    @property
    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            raise psycopg.OperationalError("not connected")
        return self._connection

    def _value(self, sql: str) -> Any:
        row = self._open.execute(sql).fetchone()
        return row[0] if row else None


def revocations_between(since: int, until: int) -> tuple[History, list[Revocation]]:
    """Return what was revoked or narrowed in revisions above `since` up to `until`, in order, and of which history.

    Raises:
        HistoryUnknown: the database has none.
    """
    with django_connection.cursor() as cursor:
        cursor.execute(_REVOCATIONS, (since, until))
        found = cursor.fetchall()
    history = History.of(found[0][:N_COLUMNS] if found else None)
    return history, [Revocation(*row[N_COLUMNS:]) for row in found if row[N_COLUMNS] is not None]


def _connect() -> psycopg.Connection[Any]:
    """Open the gate's own connection: Django's address, but autocommit and with every wait bounded."""
    wanted = dict(django_connection.get_connection_params())
    for name in ("cursor_factory", "context", "server_side_binding", "options"):
        wanted.pop(name, None)
    limit = settings.GATE_MAX_AGE_MS
    session = {"statement_timeout": limit, "lock_timeout": limit, "jit": "off", **dict.fromkeys(_SLOW_WHEN_FEW, "off")}
    return psycopg.connect(
        **{
            **wanted,
            "application_name": "gatehouse-gate",
            "options": " ".join(f"-c {name}={value}" for name, value in session.items()),
            "connect_timeout": 2,
            "tcp_user_timeout": 2 * limit,
            "autocommit": True,
            "row_factory": tuple_row,
        }
    )


def _chunks(cursor: psycopg.ServerCursor[Any]) -> Iterator[list[Row]]:
    while rows := cursor.fetchmany(LOAD_CHUNK_ROWS):
        yield [Row(*row) for row in rows]
