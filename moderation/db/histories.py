"""Which history of the database a process has read. After a restore it is another one, and nothing that was read before counts.

No sign says it alone. A dump brings the random key along, so the server, its timeline, the database and the files of the
tables are compared as well, and two counters that never go back. Whoever follows a table reads all of it in the statement
that reads the rows, so that both belong to one snapshot.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from typing import Any

from django.db import connection

from moderation.exceptions import ModerationError

#: Tables that processes follow. Dropping and making one anew gives it another number, emptying it another file.
FOLLOWED = (
    "moderation_clearance",
    "moderation_clearancerevision",
    "moderation_decision",
    "moderation_hashbank",
    "moderation_hashentry",
    "moderation_item",
    "moderation_itemevidence",
    "policies_policyversion",
)
# pg_class as the statement's snapshot has it, by name: a prepared statement must not go on with numbers of dropped tables.
_FILES = f"""
    SELECT string_agg(c.oid || '.' || c.relfilenode, ',' ORDER BY c.relname)
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relname IN ({", ".join(map(repr, FOLLOWED))})
"""  # noqa: S608  (the names above)
#: A subselect of one row: what `History.of` takes. No row: the database has no history, and nobody may follow it.
HISTORY = f"""
    SELECT h.key::text AS history_key,
        concat_ws('/', h.key, s.system_identifier, CASE WHEN pg_is_in_recovery() THEN 'standby'
            ELSE left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END, b.oid, ({_FILES})) AS history_signs,
        CASE WHEN q.is_called THEN q.last_value ELSE 0 END AS history_drawn,
        pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END,
            '0/0')::bigint AS history_flushed,
        pg_postmaster_start_time()::text AS history_server
    FROM moderation_history h, pg_control_system() s, pg_database b, moderation_clearance_revision_seq q
    WHERE b.datname = current_database()
"""  # noqa: S608
#: How many columns that is.
N_COLUMNS = 5
# Guarded: of several processes that notice the same, the first says so, and all read it. A trigger writes the audit row, when
# the statement is over; readers have connections of their own, so the statement itself says who acts.
_RENEW = """
    UPDATE moderation_history SET key = gen_random_uuid(), began_at = clock_timestamp()
    WHERE key = %s AND set_config('gatehouse.actor', 'system', true) IS NOT NULL
        AND set_config('gatehouse.via', 'a counter went back', true) IS NOT NULL
"""


class HistoryUnknown(ModerationError):
    """The database does not say which history it is."""


class Continuity(Enum):
    """What follows from two looks at the database, the later one after the earlier one."""

    UNBROKEN = "the same history, on the same run of the server"
    RESTARTED = "the same history; the server was started anew, so read everything again"
    OTHER = "another history: nothing that was read before counts"


@dataclass(frozen=True, slots=True)
class History:
    """What a database says of its history in one snapshot.

    Args:
        key: the random key of its row.
        signs: all that must be equal in one history.
        drawn: the last revision that a clearance was given; it never goes back.
        flushed: the position of the write-ahead log up to which it is on disk, in bytes; it never goes back, crashes included.
        server: when the server was started.
    """

    key: str
    signs: str
    drawn: int
    flushed: int
    server: str

    @classmethod
    def of(cls, columns: Sequence[Any] | None) -> "History":
        """Return a history from the columns of HISTORY.

        Raises:
            HistoryUnknown: there were none.
        """
        if columns is None or columns[0] is None:
            raise HistoryUnknown("The database has no history key; run `manage.py history_new`.")
        key, signs, drawn, flushed, server = columns
        return cls(key, signs, int(drawn), int(flushed), server)

    @property
    def id(self) -> str:
        """The name of the history for clients: 32 hexadecimal digits that tell nothing of the server."""
        return blake2b(self.signs.encode(), digest_size=16, person=b"history").hexdigest()

    def went_back(self, before: "History") -> bool:
        """Whether a counter is below where it was: the same signs, and yet restored from a copy."""
        return self.drawn < before.drawn or self.flushed < before.flushed

    def after(self, before: "History") -> Continuity:
        """Return how this look follows an earlier one."""
        if self.signs != before.signs or self.went_back(before):
            return Continuity.OTHER
        return Continuity.UNBROKEN if self.server == before.server else Continuity.RESTARTED


_forgetting: list[Callable[[], object]] = []


def forget_with_history(forget: Callable[[], object]) -> None:
    """Have small things that a process keeps by key or number forgotten as soon as one of its readers sees another history."""
    _forgetting.append(forget)


def other_history_seen() -> None:
    """Forget them; readers call it when they drop what they have read."""
    for forget in _forgetting:
        forget()


def history_now() -> History:
    """Return the history on Django's connection.

    Raises:
        HistoryUnknown: it has none.
        django.db.Error: the database is away.
    """
    with connection.cursor() as cursor:
        cursor.execute(HISTORY)
        return History.of(cursor.fetchone())


def history_renew(execute: Callable[[str, Sequence[Any]], Any], key: str) -> None:
    """Give a history that went back a new key, so that every process and every client hears of it; once for all who notice."""
    execute(_RENEW, [key])
