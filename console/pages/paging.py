"""Paging by key: a page starts after the last row of the one before, so page 1,000 costs what page 1 does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import QueryDict

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Some rows in order; `next_query` is the query string of the page after, empty on the last."""

    rows: list[M]
    next_query: str
    is_first: bool


def page_after(
    rows: QuerySet[M], query: QueryDict, *, size: int, before: Callable[[str], Q | None], cursor: Callable[[M], Any]
) -> Page[M]:
    """Return the page that `?after=` asks for, of at most `size` rows.

    Args:
        rows: ordered, newest first.
        before: turns a cursor into the condition "further down than this row"; None for a cursor that names nothing.
        cursor: turns a row into its cursor.
    """
    after = query.get("after", "")
    condition = before(after) if after else Q()
    found = list(rows.filter(condition)[: size + 1]) if condition is not None else []
    more = len(found) > size
    return Page(found[:size], _next(query, cursor(found[size - 1])) if more else "", not after)


def _next(query: QueryDict, cursor: Any) -> str:
    following = query.copy()
    following["after"] = str(cursor)
    return following.urlencode()
