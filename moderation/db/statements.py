"""Statements that every upload runs: the server parses and plans each once for a connection, not at every call.

The ORM's own statements are never prepared: a plan that serves all their values can miss a partial index. So only statements
come here that are planned alike whatever their values are. What they select is named column by column, since a prepared
`SELECT *` fails once a migration has added a column.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connection, connections
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.backends.utils import CursorWrapper
from django.db.models import Model

M = TypeVar("M", bound=Model)

#: Sends values beside the statement; the stubs know nothing of its arguments.
_Cursor: Any = ServerBindingCursor


def plan_alike(sender: object, connection: Any, **named: object) -> None:
    """Have a new connection plan each prepared statement once, for all values.

    Left to itself PostgreSQL plans some anew for every call, where it takes the plan for all values to be a little dearer: what
    it saves is less than what planning costs. The ORM's statements carry their values and are planned by them as ever.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET plan_cache_mode = force_generic_plan")


def run(statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> CursorWrapper:
    """Run a statement over Django's connection, with its transaction, its errors and its log of queries; return the cursor."""
    ours: Any = connections[DEFAULT_DB_ALIAS]  # once: each use of Django's `connection` looks it up again
    ours.close_if_health_check_failed()
    ours.ensure_connection()
    cursor: CursorWrapper = ours._prepare_cursor(_Cursor(ours.connection))
    cursor.execute(statement, values)
    return cursor


def run_first(statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> CursorWrapper:
    """Run a statement that only reads and is a request's first: it proves itself that the connection works.

    Django asks a connection that was idle whether it works, a round trip of every request. Here the statement asks; where the
    connection turns out to be gone, it is asked once more over a new one.
    """
    ours: Any = connections[DEFAULT_DB_ALIAS]
    if ours.connection is None or ours.in_atomic_block or not ours.health_check_enabled or ours.health_check_done:
        return run(statement, values)
    ours.health_check_done = True
    try:
        return run(statement, values)
    except (OperationalError, InterfaceError):
        if ours.is_usable():
            raise
        ours.close()
        return run(statement, values)


@lru_cache(maxsize=64)
def columns_of(model: type[Model], table: str = "") -> str:
    """Return the columns of a model to select, in the order that `row_of` takes; `table` is what they are asked of."""
    quote = connection.ops.quote_name
    prefix = f"{table}." if table else ""
    return ", ".join(prefix + quote(str(field.column)) for field in model._meta.concrete_fields)


def row_of(model: type[M], values: Sequence[Any]) -> M:
    """Return the row of a model whose columns were selected."""
    return model.from_db(DEFAULT_DB_ALIAS, _names(model), values)


@lru_cache(maxsize=64)
def _names(model: type[Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]
