"""ThreatExchange's forms of shared hashes: its descriptors as JSON, and the CSV that python-threatexchange prints. Pure.

Source: developers.facebook.com/docs/threat-exchange/reference/apis (ThreatDescriptor, IndicatorType, StatusType,
ShareLevelType); `threatexchange dataset --csv` and `threatexchange query` for the columns.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from moderation.exceptions import BankInvalid
from policies.untrusted import UntrustedError, faults, load_json, text_fault

FORMS = ("csv", "json")
#: Problems that are told of one file; whoever sent a file of another kind need not read them all.
MAX_TOLD = 20
#: Bytes of one line: a hash, its tags and its description. Longer is not one of these files.
_MAX_LINE = 64 * 1024

_ALGORITHMS = {"HASH_PDQ": "pdq", "PDQ": "pdq", "HASH_SHA256": "sha256", "SHA256": "sha256"}
_TYPES = {"pdq": "HASH_PDQ", "sha256": "HASH_SHA256"}
_TOO_WEAK = (
    "two different files can be given the same one on purpose, so a match proves nothing; ask for SHA-256 or PDQ"
)
_REFUSED = {
    "MD5": f"MD5 is not taken: {_TOO_WEAK}",
    "SHA1": f"SHA-1 is not taken: {_TOO_WEAK}",
    "TMK": "TMK+PDQF is not matched here; videos are matched by the PDQ of their frames",
}
#: What a sharer says of a hash: taken as known, or passed over because it does not say that it is bad.
_TAKEN = frozenset({"", "MALICIOUS", "SUSPICIOUS", "POSITIVE_CLASS"})
_PASSED_OVER = frozenset({"NON_MALICIOUS", "UNKNOWN", "NEGATIVE_CLASS", "INVESTIGATION_SEED"})
_SHARE_LEVELS = ("WHITE", "GREEN", "AMBER", "RED")
_HEX = re.compile(r"[0-9a-f]{64}")
_TAG = re.compile(r"[\w:.-]{1,60}")
_COLUMNS = {
    "type": ("signal_type", "indicator_type", "type"),
    "value": ("signal_str", "signal_value", "raw_indicator", "indicator", "value"),
    "status": ("category", "status"),
    "tags": ("tags",),
    "share_level": ("share_level",),
    "note": ("description", "note"),
}


class ExchangeInvalid(BankInvalid):
    """A file of shared hashes cannot be taken; `problems` name its rows. Nothing of it is stored."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class SharedHash:
    """One hash as it is shared. algorithm: `sha256` or `pdq`; value: 64 lower-case hexadecimal digits."""

    algorithm: str
    value: str
    note: str = ""
    tags: tuple[str, ...] = ()
    share_level: str = "AMBER"
    key: str = ""


@dataclass(frozen=True, slots=True)
class SharedFile:
    """What a file holds: hashes to take, and how many were passed over because nobody says that they are bad."""

    hashes: tuple[SharedHash, ...]
    n_passed_over: int


class _RowInvalid(Exception):
    """Why one row cannot be taken, in words without its full stop."""


def read(lines: IO[str], form: str) -> SharedFile:
    """Return what a file of one of FORMS holds.

    JSON is a list of descriptors, the Graph API's `{"data": [...]}`, or one descriptor a line.

    Raises:
        ExchangeInvalid: rows that cannot be taken, by their numbers: of the line in CSV and lines of JSON, else of the
            descriptor, counted from 1.
    """
    rows = _csv_rows(lines) if form == "csv" else _json_rows(lines)
    hashes, problems, n_passed_over = [], [], 0
    for number, row in rows:
        try:
            shared = _share(row)
        except _RowInvalid as error:
            problems.append(f"Row {number}: {error}.")
            if len(problems) >= MAX_TOLD:
                problems.append("There may be more.")
                break
            continue
        n_passed_over += shared is None
        if shared is not None:
            hashes.append(shared)
    if problems:
        raise ExchangeInvalid(problems)
    return SharedFile(tuple(hashes), n_passed_over)


def write(hashes: Iterable[SharedHash], form: str, *, collab: str) -> Iterator[str]:
    """Yield a file of one of FORMS, in pieces. CSV has no notes: programs that open tables may run what stands in them."""
    return _write_csv(hashes, collab) if form == "csv" else _write_json(hashes)


# --- reading -----------------------------------------------------------------------------------------------------


def _csv_rows(lines: IO[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(_limit(lines), strict=True)
    try:
        names = {name.strip().lower(): name for name in reader.fieldnames or ()}
        columns = {field: names[alias] for field, known in _COLUMNS.items() for alias in known[::-1] if alias in names}
        absent = [" or ".join(_COLUMNS[field][:2]) for field in ("type", "value") if field not in columns]
        if absent:
            raise ExchangeInvalid(
                [f"The first line must name the columns; there is none called {' and none '.join(absent)}."]
            )
        for row in reader:
            given = {field: row[name] or "" for field, name in columns.items()}
            yield reader.line_num, {**given, "tags": given.get("tags", "").split()}
    except csv.Error as error:
        raise ExchangeInvalid([f"Line {reader.line_num}: this is not CSV ({error})."]) from None


def _limit(lines: IO[str]) -> Iterator[str]:
    number = 0
    while line := lines.readline(_MAX_LINE + 1):
        number += 1
        if len(line) > _MAX_LINE:
            raise ExchangeInvalid([f"A line has more than {_MAX_LINE} characters; this is no file of hashes."])
        if fault := text_fault(line):
            raise ExchangeInvalid([f"Line {number}: {fault}"])
        yield line


def _json_rows(lines: IO[str]) -> Iterator[tuple[int, Any]]:
    text = lines.read()
    try:
        found = load_json(text)
    except UntrustedError:
        yield from _json_lines(text)
        return
    if isinstance(found, dict) and isinstance(found.get("data"), list):
        found = found["data"]
    rows = found if isinstance(found, list) else [found]
    yield from ((number, _flat(_readable(row, f"Row {number}"))) for number, row in enumerate(rows, 1))


def _json_lines(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                row = load_json(line)
            except UntrustedError as error:
                raise ExchangeInvalid([f"Line {number}: this is not JSON ({error})."]) from None
            yield number, _flat(_readable(row, f"Line {number}"))


def _readable(row: Any, where: str) -> Any:
    """Return a row all of whose text can be kept."""
    try:
        fault = next(faults(row), None)
    except UntrustedError as error:
        raise ExchangeInvalid([f"{where}: {error}."]) from None
    if fault:
        raise ExchangeInvalid([f"{where}: {fault[1]}"])
    return row


def _flat(row: Any) -> dict[str, Any]:
    """Return a descriptor's fields by our names; what has another shape than ThreatExchange's comes out as nothing."""
    if not isinstance(row, Mapping):
        return {}
    indicator = row.get("indicator")
    inner = indicator if isinstance(indicator, Mapping) else {"indicator": indicator}
    return {
        "type": row.get("type") or inner.get("type"),
        "value": row.get("raw_indicator") or inner.get("indicator"),
        "status": row.get("status") or "",
        "tags": _tags(row.get("tags")),
        "share_level": row.get("share_level") or "",
        "note": row.get("description") or "",
    }


def _tags(given: Any) -> list[Any]:
    found = given.get("data") if isinstance(given, Mapping) else given
    listed = found if isinstance(found, list) else []
    return [tag.get("text") if isinstance(tag, Mapping) else tag for tag in listed]


def _share(row: Mapping[str, Any]) -> SharedHash | None:
    """Return a row as a hash; None where its sharer does not say that it is bad."""
    algorithm = _algorithm(row.get("type"))
    value = str(row.get("value") or "").strip().lower()
    if not _HEX.fullmatch(value):
        raise _RowInvalid(f"{value[:70]!r} is no {algorithm} hash, which has 64 hexadecimal digits")
    status = str(row.get("status") or "").strip().upper()
    if status in _PASSED_OVER:
        return None
    if status not in _TAKEN:
        raise _RowInvalid(f"{status[:40]!r} is no status; use one of {', '.join(sorted(_TAKEN | _PASSED_OVER)[1:])}")
    share_level = str(row.get("share_level") or "AMBER").strip().upper()
    if share_level not in _SHARE_LEVELS:
        raise _RowInvalid(f"{share_level[:40]!r} is no share level; use one of {', '.join(_SHARE_LEVELS)}")
    note = " ".join(str(row.get("note") or "").split())
    return SharedHash(algorithm, value, note[:200], _check_tags(row.get("tags") or []), share_level)


def _algorithm(given: Any) -> str:
    name = str(given or "").strip().upper()
    if name in _ALGORITHMS:
        return _ALGORITHMS[name]
    for part, why in _REFUSED.items():
        if part in name:
            raise _RowInvalid(why)
    raise _RowInvalid(f"{name[:40]!r} is no type that is matched here; use HASH_PDQ or HASH_SHA256")


def _check_tags(tags: Iterable[Any]) -> tuple[str, ...]:
    for tag in tags:
        if not isinstance(tag, str) or not _TAG.fullmatch(tag):
            raise _RowInvalid(f"{str(tag)[:70]!r} is no tag: up to 60 letters, digits, and . : _ -")
    return tuple(dict.fromkeys(tags))


# --- writing -----------------------------------------------------------------------------------------------------


class _Lines:
    """A file for the CSV writer that hands each line on."""

    def write(self, line: str) -> str:
        """Return the line."""
        return line


def _write_csv(hashes: Iterable[SharedHash], collab: str) -> Iterator[str]:
    row: Callable[[list[str]], str] = csv.writer(_Lines(), lineterminator="\n").writerow
    yield row(["collab", "signal_type", "signal_str", "category", "tags", "share_level"])
    for h in hashes:
        yield row([collab, h.algorithm, h.value, "POSITIVE_CLASS", " ".join(h.tags), h.share_level])


def _write_json(hashes: Iterable[SharedHash]) -> Iterator[str]:
    yield '{"data": ['
    between = "\n"
    for h in hashes:
        yield between + json.dumps(_descriptor(h), ensure_ascii=False)
        between = ",\n"
    yield "\n]}\n"


def _descriptor(h: SharedHash) -> dict[str, Any]:
    return {
        "id": h.key,
        "type": _TYPES[h.algorithm],
        "raw_indicator": h.value,
        "status": "MALICIOUS",
        "share_level": h.share_level,
        "tags": {"data": [{"text": tag} for tag in h.tags]},
        "description": h.note,
    }
