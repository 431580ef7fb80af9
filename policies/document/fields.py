"""Readers of the parts of a policy document: each checks one value and names the field that is wrong. No ORM and no files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from policies.choices import BAND_KEYS, BAND_MIN_AGES, KIND_KEYS, Outcome
from policies.document.rows import LIST_CHARS, SLUG_CHARS
from policies.errors import PolicyError
from policies.untrusted import show, text_fault

OUTCOME_KEYS = tuple(outcome.name.lower() for outcome in Outcome)

_SLUG = re.compile(r"[a-z][a-z0-9_]*")
_QUEUE = re.compile(r"[a-z][a-z0-9_-]*")
_MARKET = re.compile(r"[A-Z]{2}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")

Row = TypeVar("Row")


class Fields:
    """Reads the fields of one mapping, each by a checker, and refuses what is left over."""

    def __init__(self, data: object, path: str) -> None:
        if not isinstance(data, Mapping):
            raise PolicyError(path, f"must be a mapping, not {type(data).__name__}")
        self.data = data
        self.path = path
        self.seen: set[object] = set()

    def take(self, name: str, check: Callable[[Any, str], Row], default: Any = ...) -> Row:
        """Return the checked field; a default is given as the document would write it."""
        self.seen.add(name)
        value = self.data.get(name, default)
        where = f"{self.path}.{name}".lstrip(".")
        if value is ...:
            raise PolicyError(where, "is missing")
        return check(value, where)

    def done(self) -> None:
        """Refuse fields nobody asked for: a misspelt threshold must not silently mean "never"."""
        unknown = sorted(str(name) for name in set(self.data) - self.seen)
        if unknown:
            raise PolicyError(f"{self.path}.{unknown[0]}".lstrip("."), "is not a field of a policy")


def text(value: object, where: str) -> str:
    """Return a text without the space around it."""
    if not isinstance(value, str):
        raise PolicyError(where, f"must be text, not {type(value).__name__}")
    if fault := text_fault(value):
        raise PolicyError(where, fault)
    return value.strip()


def limited(most: int, *, empty: bool = False) -> Callable[[object, str], str]:
    """Return the checker of a text that has a column of `most` characters."""

    def check(value: object, where: str) -> str:
        found = text(value, where)
        if not found and not empty:
            raise PolicyError(where, "must not be empty")
        if len(found) > most:
            raise PolicyError(where, f"has {len(found)} characters, more than {most}")
        return found

    return check


def flag(value: object, where: str) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise PolicyError(where, "must be true or false")
    return value


def patterned(
    pattern: re.Pattern[str], what: str, *, empty: bool, most: int = SLUG_CHARS
) -> Callable[[object, str], str]:
    """Return the checker of a text in a certain form; `empty` lets "" pass."""
    bounded = limited(most, empty=True)

    def check(value: object, where: str) -> str:
        found = bounded(value, where)
        if (found or not empty) and not pattern.fullmatch(found):
            raise PolicyError(where, f"must be {what}, not {show(found)}")
        return found

    return check


name = limited(SLUG_CHARS)
slug = patterned(_SLUG, "a slug", empty=False)
queue = patterned(_QUEUE, "a queue's slug", empty=False, most=LIST_CHARS)
market = patterned(_MARKET, "two capital letters", empty=True)
region = patterned(_MARKET, "two capital letters", empty=False)
spoken = patterned(_LANGUAGE, "two or three small letters", empty=False)
language = patterned(_LANGUAGE, "two or three small letters", empty=True)


def number(low: int, high: int) -> Callable[[object, str], int]:
    """Return the checker of a whole number between two bounds, both allowed."""

    def check(value: object, where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise PolicyError(where, f"must be a whole number from {low} to {high}, not {show(value)}")
        return value

    return check


def score(value: object, where: str) -> float:
    """Return a probability from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise PolicyError(where, f"must be a score from 0 to 1, not {show(value)}")
    return float(value)


def maybe(check: Callable[[Any, str], Row]) -> Callable[[Any, str], Row | None]:
    """Return the checker that lets nothing pass as None."""
    return lambda value, where: None if value is None else check(value, where)


def one_of(names: tuple[str, ...], allowed: Iterable[str] = ()) -> Callable[[object, str], int]:
    """Return the checker of a name, which gives its place among `names`."""
    permitted = tuple(allowed) or names

    def check(value: object, where: str) -> int:
        if value not in permitted:
            raise PolicyError(where, f"must be one of {', '.join(permitted)}, not {show(value)}")
        return names.index(str(value))

    return check


kind = one_of(KIND_KEYS)
band = one_of(BAND_KEYS)
standing_outcome = one_of(OUTCOME_KEYS, ("clear", "escalate", "hold", "block"))
acting_outcome = one_of(OUTCOME_KEYS, ("restrict", "escalate", "hold", "block"))
language_outcome = one_of(OUTCOME_KEYS, ("clear", "escalate", "hold"))


def min_age(value: object, where: str) -> int:
    """Return an age at which a band begins."""
    if isinstance(value, bool) or not isinstance(value, int) or value not in BAND_MIN_AGES[1:]:
        raise PolicyError(where, f"must be one of {BAND_MIN_AGES[1:]}, not {show(value)}")
    return value


def mapping(value: object, where: str) -> Mapping[str, Any]:
    """Return a mapping, whatever it holds."""
    return Fields(value, where).data


def list_of(parse: Callable[[Fields], Row]) -> Callable[[object, str], tuple[Row, ...]]:
    """Return the checker of a list whose entries are mappings."""

    def check(value: object, where: str) -> tuple[Row, ...]:
        if not isinstance(value, list | tuple):
            raise PolicyError(where, f"must be a list, not {type(value).__name__}")
        return tuple(whole(parse, Fields(row, f"{where}[{i}]")) for i, row in enumerate(value))

    return check


def whole(parse: Callable[[Fields], Row], fields: Fields) -> Row:
    """Return what was read of a mapping, and refuse what is left over of it."""
    row = parse(fields)
    fields.done()
    return row
