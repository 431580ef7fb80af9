"""Writing new rows on the upload path: statements that the server has prepared, several of them on their way at once.

The ORM builds the text of an INSERT anew for each row, and PostgreSQL parses and plans it anew: together they cost more
than writing the row. What constraints and triggers hold, they hold here as everywhere.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import JSONField, Model
from psycopg.types.json import Jsonb

from moderation.db.statements import run


@contextmanager
def rows_together() -> Iterator[None]:
    """Send the statements of the block without waiting for the answer to each; inside a transaction only.

    A row that the database refuses raises where an answer is read, at the latest at the end of the block. So nothing in the
    block may catch errors of the database and go on.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def row_add(row: Model, *, found_by: Mapping[str, "Lookup"] = MappingProxyType({})) -> None:
    """Insert a new row as it stands in memory.

    Its key is drawn before, or left to the database; that one is not read back. `auto_now_add` is the caller's.

    Args:
        found_by: by attribute, the row that it shall name, found by the database: its key need not be read before.
    """
    shape = _shape(type(row), row.pk is not None, tuple((name, lookup.statement) for name, lookup in found_by.items()))
    values = [adapt(value) if adapt else value for value, adapt in zip(shape.values(row), shape.adapt, strict=True)]
    run(shape.statement, [*values, *(lookup.value for lookup in found_by.values())])
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


@dataclass(frozen=True, slots=True)
class Lookup:
    """A subselect of one key by one value; a value that finds nothing, as None does, gives NULL."""

    statement: str
    value: Any


@dataclass(frozen=True, slots=True)
class _Shape:
    """A model's INSERT, the getter of its values, and what JSON columns need to be adapted with."""

    statement: str
    values: Callable[[Any], tuple[Any, ...]]
    adapt: tuple[Callable[[Any], Any] | None, ...]


@lru_cache(maxsize=64)
def _shape(model: type[Model], has_key: bool, found_by: tuple[tuple[str, str], ...]) -> _Shape:
    given = [f for f in model._meta.concrete_fields if has_key or not f.primary_key]
    by_name = {f.attname: f for f in given}
    fields = [f for f in given if f.attname not in dict(found_by)]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(f.column)) for f in [*fields, *(by_name[name] for name, _ in found_by)])
    marks = ", ".join(["%s"] * len(fields) + [f"({statement})" for _, statement in found_by])
    return _Shape(
        f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({marks})",  # noqa: S608 # names of our own models
        attrgetter(*(f.attname for f in fields)),
        tuple(Jsonb if isinstance(f, JSONField) else None for f in fields),
    )
