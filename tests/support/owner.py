"""Becoming the database's owner where a test must: tests themselves run as the application's role."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.conf import settings
from django.db import connection
from django.db.backends.utils import CursorWrapper

from tests.support.migrated import restore_schema

#: A flush leaves it: a database without a history is one that nobody may serve from.
_KEPT = "moderation_history"


@contextmanager
def owner(*, without_triggers: bool = False) -> Iterator[CursorWrapper]:
    """Yield a cursor of the test's own connection, and in its transaction, that has the owner's rights until the block ends."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {settings.DATABASE_OWNER.get('USER', settings.DATABASE_ROLE)}")
        if without_triggers:
            cursor.execute("SET session_replication_role = replica")
        try:
            yield cursor
        finally:
            # where a statement failed, the roll-back that must follow takes the role back as well
            if connection.connection.info.transaction_status != psycopg.pq.TransactionStatus.INERROR:
                cursor.execute("RESET session_replication_role")
                cursor.execute("RESET ROLE")


def flush_as_owner(_operations: object, statements: Sequence[str]) -> None:
    """Empty the tables between tests that commit, in place of Django's flush: the application may not, and triggers refuse.

    Only tables that hold rows, and by DELETE: TRUNCATE makes every file of every table and index anew, twenty times as long.
    """
    assert all(statement.lstrip("\x1b[0123456789;m").startswith("TRUNCATE") for statement in statements)
    names = [name for name in connection.introspection.django_table_names(only_existing=True) if name != _KEPT]
    tables = map(connection.ops.quote_name, names)
    empty = "".join(f"IF EXISTS (SELECT FROM {table}) THEN DELETE FROM {table}; END IF;\n" for table in tables)
    with owner(without_triggers=True) as cursor:
        cursor.execute(f"DO $$ BEGIN\n{empty}END $$")


def database_made(url: str, name: str) -> str:
    """Create a database with the migrated schema beside the one of `url` and return its address."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    restore_schema(os.environ["DATABASE_OWNER_URL"], name)
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
