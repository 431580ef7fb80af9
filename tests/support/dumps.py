"""A dump of the test's database and its restore, as the owner: rows by COPY, sequences set back."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection, transaction

from tests.support.owner import owner

_TABLES = """
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'django_migrations' ORDER BY 1
"""
_SEQUENCES = (
    "SELECT sequencename, coalesce(last_value, 1), last_value IS NOT NULL FROM pg_sequences WHERE schemaname = 'public'"
)


@dataclass(frozen=True)
class Dump:
    """All rows of all tables, and where the sequences stood."""

    rows: dict[str, bytes]
    sequences: list[tuple[str, int, bool]]

    @classmethod
    def take(cls) -> Dump:
        """Read everything in one snapshot."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute(_TABLES)
            rows = {}
            for (table,) in cursor.fetchall():
                with cursor.copy(f"COPY {table} TO STDOUT") as out:
                    rows[table] = b"".join(bytes(part) for part in out)
            cursor.execute(_SEQUENCES)
            return cls(rows, list(cursor.fetchall()))

    @transaction.atomic
    def restore(self, *, row_by_row: bool = False) -> None:
        """Put everything back, in one transaction.

        Args:
            row_by_row: delete instead of truncating, which leaves every table in its file.
        """
        with owner(without_triggers=True) as cursor:
            if row_by_row:
                for table in self.rows:
                    cursor.execute(f"DELETE FROM {table}")
            else:
                cursor.execute(f"TRUNCATE {', '.join(self.rows)}")
            for table, data in self.rows.items():
                with cursor.copy(f"COPY {table} FROM STDIN") as into:
                    into.write(data)
            for name, value, is_called in self.sequences:
                cursor.execute("SELECT setval(%s::regclass, %s, %s)", [name, value, is_called])
