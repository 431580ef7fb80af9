"""Clauses of a policy document: what each category forbids, one by one, and what its creator is told. No ORM and no files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from policies.choices import Outcome
from policies.document import fields as read
from policies.document.rows import NAME_CHARS, SENTENCE_CHARS, SLUG_CHARS, ClauseRow
from policies.errors import PolicyError
from policies.untrusted import show

#: Of one category: a clause is chosen by one digit.
MAX_CLAUSES = 9
_KEY = re.compile(r"[a-z][a-z0-9-]*")

_outcome = read.one_of(read.OUTCOME_KEYS, ("clear", "restrict", "escalate", "block"))
_key = read.patterned(_KEY, "small letters, digits and hyphens", empty=False, most=SLUG_CHARS)


def read_clauses(value: object, where: str) -> tuple[ClauseRow, ...]:
    """Return the clauses of a document by category, within each in their order.

    Raises: PolicyError naming the field that is wrong.
    """
    rows = [
        row
        for slug, of_category in sorted(read.mapping(value, where).items(), key=lambda pair: str(pair[0]))
        for row in read.list_of(_clause(read.slug(slug, where)))(of_category, f"{where}.{slug}")
    ]
    return tuple(rows)


def _clause(category: str) -> Callable[[read.Fields], ClauseRow]:
    def parse(fields: read.Fields) -> ClauseRow:
        row = ClauseRow(
            category=category,
            key=fields.take("key", _key),
            name=fields.take("name", read.limited(NAME_CHARS)),
            outcome=fields.take("outcome", _outcome),
            min_age=fields.take("min_age", read.maybe(read.min_age), None) or 0,
            sentences=fields.take("sentences", _sentences),
        )
        if (row.outcome == Outcome.RESTRICT) != bool(row.min_age):
            raise PolicyError(f"{fields.path}.min_age", "belongs to the outcome restrict, which needs one")
        return row

    return parse


def _sentences(value: object, where: str) -> dict[str, str]:
    text = read.limited(SENTENCE_CHARS)
    said = {
        read.spoken(code, where): text(words, f"{where}.{code}") for code, words in read.mapping(value, where).items()
    }
    if not said:
        raise PolicyError(where, "must say in some language what its creator is told")
    return said


def check_clauses(rows: Sequence[ClauseRow]) -> None:
    """Check clauses against one another.

    Raises: PolicyError where two have one key, or a category has more than can be chosen by a digit.
    """
    keys: set[str] = set()
    for row in rows:
        if row.key in keys:
            raise PolicyError(f"clauses.{row.category}", f"{show(row.key)} is there twice")
        keys.add(row.key)
    for category in {row.category for row in rows}:
        if sum(row.category == category for row in rows) > MAX_CLAUSES:
            raise PolicyError(f"clauses.{category}", f"there can be {MAX_CLAUSES} at most")


def clauses_in(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return clauses, each with its category, as a document writes them; `read_clauses` reads them back."""
    said: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        said.setdefault(row["category"], []).append({name: row[name] for name in row if name != "category"})
    return said


def letters(names: Mapping[str, str]) -> dict[str, str]:
    """Return a letter for each category: of its name's beginning where that is free, else of what follows, else any.

    Args:
        names: slug -> name, the gravest first: it has the first choice, so a category added below changes no letter above.
    """
    given: dict[str, str] = {}
    for slug, name in names.items():
        words = [word for word in re.findall(r"[a-z]+", f"{name} {slug}".lower()) if word != "and"]
        wanted = [word[0] for word in words] + [letter for word in words for letter in word]
        free = [letter for letter in [*wanted, *"abcdefghijklmnopqrstuvwxyz"] if letter not in given.values()]
        given[slug] = free[0] if free else ""
    return given
