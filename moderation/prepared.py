"""Statements that every upload runs: the server parses and plans each once for a connection, not at every call.

The ORM's own statements are never prepared: a plan that serves all their values can miss a partial index. So only statements
come here that are planned alike whatever their values are. What they select is named column by column, since a prepared
`SELECT *` fails once a migration has added a column.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.backends.utils import CursorWrapper


def run(statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> CursorWrapper:
    """Run a statement over Django's connection, with its transaction, its errors and its log of queries; return the cursor."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    cursor: CursorWrapper = connection._prepare_cursor(ServerBindingCursor(connection.connection))
    cursor.execute(statement, values)
    return cursor
