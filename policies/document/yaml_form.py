"""Reading YAML that anybody may have written: a small part of the language, with bounds that hold before anything is made.

Mappings, lists, and plain or quoted texts. No anchors and aliases (a page of them is a billion values), no tags, no merge
keys, no directives, one document. A plain text is a number, true, false or null where it is written as in JSON,
and a text otherwise: `no` is
Norwegian, 1:30 is no number of seconds, and 2026-11-30 no date.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from policies.errors import PolicyError
from policies.untrusted import MAX_DIGITS, decimal_number, show, text_fault

MAX_BYTES = 4 * 2**20
MAX_NODES = 400_000
MAX_DEPTH = 16
#: Characters of one text; the longest guideline has 5,000.
MAX_TEXT = 20_000
MAX_SECONDS = 10.0

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+([eE][-+]?[0-9]{1,3})?")
_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}
#: What ends a line in YAML 1.1, and a line that the parser takes for a directive; content of a mapping is never so far left.
_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_DIRECTIVE = re.compile(rf"(?:\A|{_BREAK.pattern})\ufeff*%")
#: libyaml where the package was built with it: many times faster, with the same events.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

#: What stands where: of a mapping {key: (line, inner)}, of a list [(line, inner)], None of a text. Lines count from 1.
Lines = dict[str, tuple[int, Any]] | list[tuple[int, Any]] | None


class YamlRefused(PolicyError):
    """A YAML text that is not taken. `line` is where, from 1; None where that is not known."""

    def __init__(self, message: str, line: int | None = None, name: str = "document") -> None:
        """Name the key at fault where there is one."""
        super().__init__(name, message)
        self.line = line
        if line is not None:
            self.args = (f"{self.field}: {self.message} (line {line})",)


@dataclass
class _Open:
    """A mapping or list that is being read."""

    value: dict[str, Any] | list[Any]
    lines: dict[str, tuple[int, Any]] | list[tuple[int, Any]]
    key: str | None = None
    key_line: int = 0


@dataclass
class _Builder:
    """Makes values of events, without recursion."""

    stack: list[_Open] = field(default_factory=list)
    root: Any = None
    root_lines: Lines = None
    n_nodes: int = 0

    def take(self, event: yaml.Event) -> None:
        """Take one event."""
        line = _line(event)
        if isinstance(event, yaml.NodeEvent):
            self._check(event, line)
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line)
        elif isinstance(event, yaml.MappingStartEvent):
            self._open(_Open({}, {}), line)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._open(_Open([], []), line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.stack.pop()

    def _check(self, event: yaml.NodeEvent, line: int) -> None:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise YamlRefused("has an anchor or alias (& or *); write what is meant where it is meant", line)
        if event.tag is not None:  # type: ignore[attr-defined] # aliases have none and were refused
            raise YamlRefused("has a tag (!); values are texts, numbers, true, false and null", line)
        self.n_nodes += 1
        if self.n_nodes > MAX_NODES:
            raise YamlRefused(f"has more than {MAX_NODES} values", line)
        if len(self.stack) >= MAX_DEPTH and not isinstance(event, yaml.ScalarEvent):
            raise YamlRefused(f"is nested more than {MAX_DEPTH} deep", line)

    def _open(self, opened: _Open, line: int) -> None:
        self._add(opened.value, opened.lines, line)
        self.stack.append(opened)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        text: str = event.value
        if len(text) > MAX_TEXT:
            raise YamlRefused(f"has a text of more than {MAX_TEXT} characters", line)
        if fault := text_fault(text):
            raise YamlRefused(fault, line)
        top = self.stack[-1] if self.stack else None
        if top and isinstance(top.value, dict) and top.key is None:
            self._key(top, text, line)
        else:
            # implicit[0]: written plainly, so that it may be something else than a text.
            self._add(_value(text, line) if event.implicit[0] else text, None, line)

    def _key(self, top: _Open, text: str, line: int) -> None:
        if text == "<<":
            raise YamlRefused("has a merge key (<<); write what is meant where it is meant", line)
        if text in top.value:
            raise YamlRefused("is there twice", line, name=text)
        top.key, top.key_line = text, line

    def _add(self, value: Any, lines: Lines, line: int) -> None:
        top = self.stack[-1] if self.stack else None
        if top is None:
            self.root, self.root_lines = value, lines
        elif isinstance(top.value, list):
            top.value.append(value)
            top.lines.append((line, lines))  # type: ignore[union-attr]
        elif top.key is None:
            raise YamlRefused("has a key that is no text", line)
        else:
            top.value[top.key] = value
            top.lines[top.key] = (top.key_line, lines)  # type: ignore[call-overload]
            top.key = None


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _value(text: str, line: int) -> Any:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise YamlRefused(f"has a number of more than {MAX_DIGITS} digits", line)
        return int(text)
    if _FLOAT.fullmatch(text):
        number = decimal_number(text)
        if number is None:
            raise YamlRefused(f"has a number that cannot be kept, {show(text)}", line)
        return number
    return text


def read_yaml(text: str) -> tuple[Any, Lines]:
    """Return the value of a YAML text, and on which lines its parts stand.

    Raises:
        YamlRefused: it is not YAML, or uses what is not taken, or is larger than the bounds; the line is in it.
    """
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise YamlRefused(f"has more than {MAX_BYTES // 2**20} MiB")
    if fault := text_fault(text):
        raise YamlRefused(fault)
    _check_directives(text)
    builder = _Builder()
    try:
        for event in _in_time(yaml.parse(text, Loader=_LOADER)):
            if isinstance(event, yaml.DocumentStartEvent) and builder.n_nodes:
                raise YamlRefused("has a second document (---)", _line(event))
            builder.take(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise YamlRefused(f"is not YAML: {problem}", mark.line + 1 if mark else None) from error
    except RecursionError as error:
        raise YamlRefused("is nested too deeply") from error
    return builder.root, builder.root_lines


def _check_directives(text: str) -> None:
    """Refuse directives before the parser meets one: it compares each with all earlier ones, in one call that
    holds the interpreter's lock and that our time limit cannot interrupt."""
    if found := _DIRECTIVE.search(text):
        line = 1 + sum(1 for _ in _BREAK.finditer(text, 0, found.end()))
        raise YamlRefused("has a directive (a line that begins with %)", line)


def _in_time(events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    until = time.monotonic() + MAX_SECONDS
    for n, event in enumerate(events):
        if n % 256 == 0 and time.monotonic() > until:
            raise YamlRefused(f"takes more than {MAX_SECONDS:.0f} seconds to read", _line(event))
        yield event
