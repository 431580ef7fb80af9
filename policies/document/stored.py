"""A policy version as a readable document: to and from YAML, from rows, and term files. `content` writes the rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Model, OuterRef, QuerySet
from django.db.models.functions import JSONObject

from policies.choices import BAND_KEYS, DETECTORS, KIND_KEYS
from policies.document.clauses import clauses_in
from policies.document.schema import LEVEL_KEYS, OUTCOME_KEYS, STANDING_KEYS
from policies.document.yaml_form import Lines, read_yaml
from policies.errors import PolicyError
from policies.models import (
    THRESHOLD_LEVELS,
    AgeRule,
    BankRule,
    Category,
    Clause,
    DetectorUse,
    Guideline,
    PolicyVersion,
    RoutingRule,
    StandingRule,
    Term,
    TermList,
    TerritoryRule,
    Threshold,
)
from policies.untrusted import UntrustedError, check_lines, decimal_number, show

#: Columns of a term file; only `text` and `category` have to be there.
TERM_COLUMNS = ("text", "category", "language", "score", "outcome", "exception", "whole_word")

_Row = Mapping[str, Any]
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def load_yaml(text: str, folder: Path | None = None) -> dict[str, Any]:
    """Return the document in a YAML text. A term list may be `{file: name.csv}`, and the clauses `{file: name.yaml}`, read from
    `folder`.

    Raises: PolicyError when it is not YAML, not a mapping, or a file that it names is missing or lies outside the folder.
    """
    data, _ = read_yaml(text)
    return as_document(data, folder)


def as_document(data: Any, folder: Path | None = None) -> dict[str, Any]:
    """Return what was read of a YAML text as a document.

    Raises: PolicyError as `load_yaml`.
    """
    if not isinstance(data, dict):
        raise PolicyError("document", "must be a mapping")
    terms = data.get("terms")
    if isinstance(terms, dict):
        data["terms"] = {name: _term_list(name, rows, folder) for name, rows in terms.items()}
    clauses = data.get("clauses")
    if isinstance(clauses, dict) and set(clauses) == {"file"}:
        data["clauses"] = read_yaml(_text_beside(clauses["file"], "clauses.file", folder))[0]
    return data


def _text_beside(name: Any, where: str, folder: Path | None) -> str:
    if folder is None:
        raise PolicyError(where, "can be read only from a folder")
    path = (folder / str(name)).resolve()
    if folder.resolve() not in path.parents or not path.is_file():
        raise PolicyError(where, f"{show(name)} is not a file beside the document")
    return _text_of(path, where)


def _term_list(name: str, rows: Any, folder: Path | None) -> Any:
    if not (isinstance(rows, dict) and set(rows) == {"file"}):
        return rows
    where = f"terms.{name}.file"
    return read_terms(_text_beside(rows["file"], where, folder), where=where)


def _text_of(path: Path, where: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise PolicyError(where, "is not text in UTF-8") from error


def line_of(lines: Lines, field: str) -> int:
    """Return the line, from 1, where a field of a `PolicyError` stands; of what holds it where it is absent.

    Args:
        lines: as `read_yaml` gives them, so that what is wrong with a document costs no second reading.
    """
    line = 1
    for name, index in _STEP.findall(field):
        found = _below(lines, name, int(index[:9]) if index else 0)
        if found is None:
            break
        line, lines = found
    return line


def _below(lines: Lines, name: str, index: int) -> tuple[int, Lines] | None:
    """Return the line of a key of a mapping, or of an entry of a list, and the lines of what it holds."""
    if isinstance(lines, dict) and name:
        return lines.get(name)
    if isinstance(lines, list) and not name and index < len(lines):
        return lines[index]
    return None


def dump_yaml(document: Mapping[str, Any]) -> str:
    """Return a document as YAML that people can read and compare."""
    return yaml.safe_dump(dict(document), allow_unicode=True, sort_keys=False, width=120, default_flow_style=None)


def read_terms(text: str, *, where: str = "terms", **plain: Any) -> list[dict[str, Any]]:
    """Return the terms of a file: CSV with a header that has `text`, or plain lines that share what `plain` says.

    Empty lines and lines that begin with # are skipped.

    Raises: PolicyError naming the line of a value that cannot be read.
    """
    try:
        lines = list(check_lines(text.lstrip("\ufeff").splitlines()))
    except UntrustedError as error:
        raise PolicyError(where, str(error)) from error
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    if lines and "text" in lines[0].split(","):
        return _csv_terms(lines, where)
    return [{"text": line.strip(), **plain} for line in lines]


def _csv_terms(lines: Sequence[str], where: str) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO("\n".join(lines)))
    try:
        return [_csv_term(row, f"{where}[{i}]") for i, row in enumerate(reader)]
    except csv.Error as error:
        raise PolicyError(where, f"cannot be read as CSV, near line {reader.line_num}: {error}") from error


def _csv_term(row: Mapping[str, str | None], where: str) -> dict[str, Any]:
    unknown = set(row) - set(TERM_COLUMNS)
    if unknown:
        raise PolicyError(where, f"{show(min(map(str, unknown)))} is not a column of a term file")
    term: dict[str, Any] = {name: value.strip() for name, value in row.items() if value and value.strip()}
    for name in ("exception", "whole_word"):
        if name in term:
            term[name] = _csv_flag(term[name], f"{where}.{name}")
    if "score" in term:
        score = decimal_number(term["score"])
        if score is None:
            raise PolicyError(f"{where}.score", f"{show(term['score'])} is not a number")
        term["score"] = score
    return term


def _csv_flag(value: str, where: str) -> bool:
    if value.lower() not in {"yes", "no"}:
        raise PolicyError(where, f"must be yes or no, not {show(value)}")
    return value.lower() == "yes"


def document_of(version: PolicyVersion) -> dict[str, Any]:
    """Return the document of a version's rows; `schema.parse_document` reads it back."""
    return documents_of([version])[0]


def documents_of(versions: Sequence[PolicyVersion], *, with_terms: bool = True) -> list[dict[str, Any]]:
    """Return the documents of versions, in one query however many there are; without terms, `terms` is empty.

    Being one statement, what it gives belongs together whoever is writing meanwhile.
    """
    rows = {row.pk: row for row in _with_rows(with_terms).filter(pk__in=[version.pk for version in versions])}
    return [_document(version, rows[version.pk]) for version in versions]


def _with_rows(with_terms: bool) -> QuerySet[PolicyVersion]:
    named = Threshold.objects.filter(version=OuterRef(OuterRef("pk"))).values("category_id")
    versions = PolicyVersion.objects.only("pk").annotate(
        category_rows=_list(
            Category.objects.filter(slug__in=named).order_by("-severity", "slug"),
            *("slug", "name", "severity", "guideline", "is_mild", "is_child_safety"),
        ),
        threshold_rows=_rows(Threshold, "category_id", "market", "language", "band", *THRESHOLD_LEVELS),
        guideline_rows=_rows(Guideline, "category_id", "text"),
        use_rows=_rows(DetectorUse, "kind", "detector", "when_missing"),
        age_rows=_rows(AgeRule, "kind", "market", "min_age", "reason"),
        territory_rows=_rows(TerritoryRule, "category_id", "at", "regions", "reason"),
        standing_rows=_rows(StandingRule, "standing", "outcome"),
        bank_rows=_rows(BankRule, "category_id", "outcome"),
        route_rows=_rows(
            RoutingRule, "category_id", "language", "kind", "queue", "severity", "sla_minutes", order="position"
        ),
        clause_rows=_rows(
            Clause, "category_id", "position", "key", "name", "outcome", "min_age", "sentences", order="position"
        ),
    )
    if not with_terms:
        return versions
    return versions.annotate(
        list_rows=_rows(TermList, "id", "name"),
        term_rows=_rows(
            Term, "list_id", "text", "category_id", "language", "score", "outcome", "is_exception", "whole_word",
            through="list__version",
        ),
    )  # fmt: skip


def _rows(model: type[Model], *fields: str, order: str = "id", through: str = "version") -> ArraySubquery:
    return _list(model._default_manager.filter(**{through: OuterRef("pk")}).order_by(order), *fields)


def _list(rows: QuerySet[Any], *fields: str) -> ArraySubquery:
    return ArraySubquery(rows.values(row=JSONObject(**{field: field for field in fields})))


def _document(version: PolicyVersion, rows: Any) -> dict[str, Any]:
    return {
        "number": version.number,
        "key": str(version.key),
        "title": version.title,
        "change_note": version.change_note,
        "unknown_language": OUTCOME_KEYS[version.unknown_language_outcome],
        "categories": _categories_of(rows),
        "detectors": _detectors_of(rows.use_rows),
        "thresholds": [_threshold_of(row) for row in rows.threshold_rows],
        "age_rules": [_age_of(row) for row in rows.age_rows],
        "territories": [
            {"category": row["category_id"], **{field: row[field] for field in ("at", "regions", "reason")}}
            for row in rows.territory_rows
        ],
        "standings": {STANDING_KEYS[row["standing"]]: OUTCOME_KEYS[row["outcome"]] for row in rows.standing_rows},
        "banks": {row["category_id"]: OUTCOME_KEYS[row["outcome"]] for row in rows.bank_rows},
        "terms": _terms_of(rows) if hasattr(rows, "term_rows") else {},
        "routing": [_route_of(row) for row in rows.route_rows],
        "clauses": clauses_in(_clause_of(row) for row in rows.clause_rows),
    }


def _some(**fields: Any) -> dict[str, Any]:
    """Return the fields that say something, so that a document stays short."""
    return {name: value for name, value in fields.items() if value is not None and value != ""}


def _categories_of(rows: Any) -> dict[str, dict[str, Any]]:
    """Return the categories in force, the gravest first, each with the words that this version has for reviewers."""
    words = {row["category_id"]: row["text"] for row in rows.guideline_rows}
    return {
        row["slug"]: {
            "name": row["name"],
            "severity": row["severity"],
            "guideline": words.get(row["slug"], row["guideline"]),
            "is_mild": row["is_mild"],
            "is_child_safety": row["is_child_safety"],
        }
        for row in rows.category_rows
    }


def _detectors_of(rows: Iterable[_Row]) -> dict[str, dict[str, list[str]]]:
    uses: dict[str, dict[str, list[str]]] = {kind: {"hold": [], "escalate": [], "not_used": []} for kind in KIND_KEYS}
    for row in rows:
        name = "not_used" if row["when_missing"] is None else OUTCOME_KEYS[row["when_missing"]]
        uses[KIND_KEYS[row["kind"]]][name].append(row["detector"])
    for of_kind in uses.values():
        # A version says nothing of a detector that came later, and is read as it was published.
        later = set(DETECTORS).difference(*of_kind.values())
        if later:
            of_kind["not_known"] = [name for name in DETECTORS if name in later]
    return uses


def _threshold_of(row: _Row) -> dict[str, Any]:
    levels = {key: row[column] for key, column in zip(LEVEL_KEYS, THRESHOLD_LEVELS, strict=True)}
    band = None if row["band"] is None else BAND_KEYS[row["band"]]
    return _some(category=row["category_id"], market=row["market"], language=row["language"], band=band, **levels)


def _age_of(row: _Row) -> dict[str, Any]:
    kind = None if row["kind"] is None else KIND_KEYS[row["kind"]]
    return _some(kind=kind, market=row["market"], min_age=row["min_age"], reason=row["reason"])


def _terms_of(rows: Any) -> dict[str, list[dict[str, Any]]]:
    lists: dict[int, list[dict[str, Any]]] = {row["id"]: [] for row in rows.list_rows}
    for row in rows.term_rows:
        lists[row["list_id"]].append(_term_of(row))
    return {row["name"]: lists[row["id"]] for row in rows.list_rows}


def _term_of(row: _Row) -> dict[str, Any]:
    outcome = None if row["outcome"] is None else OUTCOME_KEYS[row["outcome"]]
    term = _some(
        text=row["text"], category=row["category_id"], language=row["language"], score=row["score"], outcome=outcome
    )
    if row["is_exception"]:
        term["exception"] = True
    return term if row["whole_word"] else term | {"whole_word": False}


def _clause_of(row: _Row) -> dict[str, Any]:
    outcome = OUTCOME_KEYS[row["outcome"]]
    clause = _some(category=row["category_id"], key=row["key"], name=row["name"], outcome=outcome)
    return clause | ({"min_age": row["min_age"]} if row["min_age"] else {}) | {"sentences": row["sentences"]}


def _route_of(row: _Row) -> dict[str, Any]:
    return _some(
        category=row["category_id"],
        language=row["language"],
        kind=None if row["kind"] is None else KIND_KEYS[row["kind"]],
        queue=row["queue"],
        severity=row["severity"],
        sla_minutes=row["sla_minutes"],
    )
