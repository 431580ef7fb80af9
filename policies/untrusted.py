"""What text, numbers and JSON from outside may be: one rule each, for every door. Pure: no Django.

Text has no NUL, which PostgreSQL cannot store, and no lone surrogates, which no encoding can write. A whole number is ASCII
digits and nothing else: `int` also takes blanks, signs, underscores and the digits of every script.
"""

from __future__ import annotations

import itertools
import json
import math
import re
import reprlib
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

#: Containers within containers; nothing that we take has more than six.
MAX_DEPTH = 32
#: Digits of a number in JSON or YAML: those of 64 bits, and of a float written out.
MAX_DIGITS, MAX_FLOAT = 19, 64
#: Characters of what a message repeats of what was sent.
MAX_SHOWN = 60
#: Faults of one document that are told. Each has a place of up to MAX_DEPTH names, and a body has room for very many.
MAX_FAULTS = 100

_DIGITS = re.compile(r"[0-9]{1,19}")
_DECIMAL = re.compile(r"-?[0-9]{1,19}(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,3})?")


class UntrustedError(ValueError):
    """What was sent cannot be taken; the message is bounded and says what is wrong."""


# --- text -----------------------------------------------------------------------------------------------------------


def text_fault(text: str) -> str:
    """Return what is wrong with a text, empty where nothing is."""
    if text.isascii():
        return "It holds a NUL character." if "\0" in text else ""
    if "\0" in text:
        return "It holds a NUL character."
    try:
        text.encode()
    except UnicodeEncodeError:
        return "It holds half of a surrogate pair, which is no character."
    return ""


def faults(document: object) -> Iterator[tuple[str, str]]:
    """Yield (place, what is wrong) for the texts of a document, names included: `events.3.viewer`; the first MAX_FAULTS.

    Memory grows with the depth, not the size: there is one iterator for each open container, and a place is put into words
    only where something is wrong.

    Raises:
        UntrustedError: it is nested deeper than MAX_DEPTH.
    """
    return itertools.islice(_faults(document), MAX_FAULTS)


def _faults(document: object) -> Iterator[tuple[str, str]]:
    names: list[object] = []  # of where we are: one less than there are walks
    walks: list[Iterator[tuple[object, object]]] = [iter([("", document)])]
    while walks:
        for name, value in walks[-1]:
            if isinstance(name, str) and (fault := text_fault(name)):
                yield _place(names), f"The name of a field: {fault}"
            elif isinstance(value, str) and (fault := text_fault(value)):
                yield _place([*names, name]), fault
            elif isinstance(value, dict | list):
                if len(walks) > MAX_DEPTH:
                    raise UntrustedError(f"It is nested more than {MAX_DEPTH} deep")
                names.append(name)
                walks.append(iter(value.items() if isinstance(value, dict) else enumerate(value)))
                break
        else:
            walks.pop()
            del names[-1:]


def _place(names: Iterable[object]) -> str:
    return ".".join(str(name)[:MAX_SHOWN] for name in names).lstrip(".") or "body"


def check_lines(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a file.

    Raises:
        UntrustedError: a line holds what no text may hold; the message has its number, from 1.
    """
    for number, line in enumerate(lines, 1):
        if fault := text_fault(line):
            raise UntrustedError(f"Line {number}: {fault}")
        yield line


def show(value: object) -> str:
    """Return a value as a message may repeat it: never longer than about MAX_SHOWN characters, whatever it is."""
    try:
        text = _SHOWN.repr(value)
    except ValueError:  # an integer with more digits than Python is willing to write
        return "a number of very many digits"
    return text if len(text) <= 2 * MAX_SHOWN else f"{text[: 2 * MAX_SHOWN]}..."


_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = MAX_SHOWN
_SHOWN.maxlong = 24
_SHOWN.maxlevel = 2


# --- numbers --------------------------------------------------------------------------------------------------------


def whole_number(text: str, low: int, high: int) -> int | None:
    """Return the number that ASCII digits write, where it lies within `low` and `high`; None for anything else."""
    if not _DIGITS.fullmatch(text):
        return None
    number = int(text)
    return number if low <= number <= high else None


def decimal_number(text: str) -> float | None:
    """Return the finite number that ASCII digits write, such as 0.85, -1 or 1e-5; None for anything else."""
    if not _DECIMAL.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


# --- JSON -----------------------------------------------------------------------------------------------------------


def load_json(text: str) -> Any:
    """Return a document that every parser reads alike: no NaN, no key twice, no number that is too long or infinite.

    Its texts are not looked at: see `faults`.

    Raises:
        UntrustedError: it is no such JSON; the message says where.
    """
    try:
        return json.loads(
            text, parse_constant=_constant, parse_int=_integer, parse_float=_float, object_pairs_hook=_no_twins
        )
    except RecursionError as error:
        raise UntrustedError("It is nested too deeply") from error
    except UntrustedError:
        raise
    except ValueError as error:
        raise UntrustedError(str(error)[:200]) from error


def _constant(name: str) -> NoReturn:
    raise UntrustedError(f"{name} is not JSON")


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > MAX_DIGITS:
        raise UntrustedError(f"a number has more than {MAX_DIGITS} digits")
    return int(text)


def _float(text: str) -> float:
    number = float(text) if len(text) <= MAX_FLOAT else math.inf
    if not math.isfinite(number):
        raise UntrustedError(f"{show(text)} is not a number that can be kept")
    return number


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise UntrustedError(f"the key {show(name)} is there twice")
        seen.add(name)
    return found
