"""A policy version as a readable document: to and from YAML, to and from rows, and term files."""

from __future__ import annotations

import csv
import io
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from django.db.models import Prefetch

from policies.choices import BAND_KEYS, KIND_KEYS, Outcome
from policies.exceptions import PolicyError
from policies.models import (
    THRESHOLD_LEVELS,
    AgeRule,
    BankRule,
    Category,
    DetectorUse,
    PolicyVersion,
    RoutingRule,
    StandingRule,
    Term,
    TermList,
    TerritoryRule,
    Threshold,
)
from policies.rows import CategoryRow, Document, TermRow
from policies.schema import LEVEL_KEYS, OUTCOME_KEYS, STANDING_KEYS

#: Columns of a term file; only `text` and `category` have to be there.
TERM_COLUMNS = ("text", "category", "language", "score", "outcome", "exception", "whole_word")


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses a key that is there twice: the second would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise PolicyError(str(key), f"is there twice, line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep=deep)


def load_yaml(text: str, folder: Path | None = None) -> dict[str, Any]:
    """Return the document in a YAML text. A term list may be `{file: name.csv}`, read from `folder`.

    Raises: PolicyError when it is not YAML, not a mapping, or a term file is missing or lies outside the folder.
    """
    try:
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise PolicyError("document", f"is not YAML: {error}") from error
    if not isinstance(data, dict):
        raise PolicyError("document", "must be a mapping")
    terms = data.get("terms")
    if isinstance(terms, dict):
        data["terms"] = {name: _term_list(name, rows, folder) for name, rows in terms.items()}
    return data


def _term_list(name: str, rows: Any, folder: Path | None) -> Any:
    if not (isinstance(rows, dict) and set(rows) == {"file"}):
        return rows
    where = f"terms.{name}.file"
    if folder is None:
        raise PolicyError(where, "can be read only from a folder")
    path = (folder / str(rows["file"])).resolve()
    if folder.resolve() not in path.parents or not path.is_file():
        raise PolicyError(where, f"{rows['file']!r} is not a file beside the document")
    return read_terms(path.read_text(encoding="utf-8"), where=where)


def dump_yaml(document: Mapping[str, Any]) -> str:
    """Return a document as YAML that people can read and compare."""
    return yaml.safe_dump(dict(document), allow_unicode=True, sort_keys=False, width=120, default_flow_style=None)


def read_terms(text: str, *, where: str = "terms", **plain: Any) -> list[dict[str, Any]]:
    """Return the terms of a file: CSV with a header that has `text`, or plain lines that share what `plain` says.

    Empty lines and lines that begin with # are skipped.

    Raises: PolicyError naming the line of a value that cannot be read.
    """
    lines = [line for line in text.lstrip("\ufeff").splitlines() if line.strip() and not line.startswith("#")]
    if lines and "text" in lines[0].split(","):
        reader = csv.DictReader(io.StringIO("\n".join(lines)))
        return [_csv_term(row, f"{where}[{i}]") for i, row in enumerate(reader)]
    return [{"text": line.strip(), **plain} for line in lines]


def _csv_term(row: Mapping[str, str | None], where: str) -> dict[str, Any]:
    unknown = set(row) - set(TERM_COLUMNS)
    if unknown:
        raise PolicyError(where, f"{sorted(map(str, unknown))[0]!r} is not a column of a term file")
    term: dict[str, Any] = {name: value.strip() for name, value in row.items() if value and value.strip()}
    for name in ("exception", "whole_word"):
        if name in term:
            term[name] = _csv_flag(term[name], f"{where}.{name}")
    if "score" in term:
        try:
            term["score"] = float(term["score"])
        except ValueError as error:
            raise PolicyError(f"{where}.score", f"{term['score']!r} is not a number") from error
    return term


def _csv_flag(value: str, where: str) -> bool:
    if value.lower() not in {"yes", "no"}:
        raise PolicyError(where, f"must be yes or no, not {value!r}")
    return value.lower() == "yes"


def document_of(version: PolicyVersion) -> dict[str, Any]:
    """Return the document of a version's rows; `schema.parse_document` reads it back."""
    thresholds = list(version.thresholds.order_by("id"))
    return {
        "number": version.number,
        "key": str(version.key),
        "title": version.title,
        "change_note": version.change_note,
        "unknown_language": OUTCOME_KEYS[version.unknown_language_outcome],
        "categories": _categories_of({row.category_id for row in thresholds}),
        "detectors": _detectors_of(version.detectoruses.order_by("id")),
        "thresholds": [_threshold_of(row) for row in thresholds],
        "age_rules": [_age_of(row) for row in version.agerules.order_by("id")],
        "territories": [
            {"category": row.category_id, "at": row.at, "regions": row.regions, "reason": row.reason}
            for row in version.territoryrules.order_by("id")
        ],
        "standings": {
            STANDING_KEYS[row.standing]: OUTCOME_KEYS[row.outcome] for row in version.standingrules.order_by("id")
        },
        "banks": {row.category_id: OUTCOME_KEYS[row.outcome] for row in version.bankrules.order_by("id")},
        "terms": {
            terms.name: [_term_of(term) for term in terms.terms.all()]
            for terms in version.termlists.prefetch_related(Prefetch("terms", Term.objects.order_by("id"))).order_by(
                "id"
            )
        },
        "routing": [_route_of(row) for row in version.routingrules.order_by("position")],
    }


def _some(**fields: Any) -> dict[str, Any]:
    """Return the fields that say something, so that a document stays short."""
    return {name: value for name, value in fields.items() if value is not None and value != ""}


def _categories_of(slugs: set[str]) -> dict[str, dict[str, Any]]:
    return {
        row.slug: {
            "name": row.name,
            "severity": row.severity,
            "guideline": row.guideline,
            "is_mild": row.is_mild,
            "is_child_safety": row.is_child_safety,
        }
        for row in Category.objects.filter(slug__in=slugs)
    }


def _detectors_of(rows: Iterable[DetectorUse]) -> dict[str, dict[str, list[str]]]:
    uses: dict[str, dict[str, list[str]]] = {kind: {"hold": [], "escalate": [], "not_used": []} for kind in KIND_KEYS}
    for row in rows:
        name = "not_used" if row.when_missing is None else OUTCOME_KEYS[row.when_missing]
        uses[KIND_KEYS[row.kind]][name].append(row.detector)
    return uses


def _threshold_of(row: Threshold) -> dict[str, Any]:
    levels = {key: getattr(row, column) for key, column in zip(LEVEL_KEYS, THRESHOLD_LEVELS, strict=True)}
    band = None if row.band is None else BAND_KEYS[row.band]
    return _some(category=row.category_id, market=row.market, language=row.language, band=band, **levels)


def _age_of(row: AgeRule) -> dict[str, Any]:
    kind = None if row.kind is None else KIND_KEYS[row.kind]
    return _some(kind=kind, market=row.market, min_age=row.min_age, reason=row.reason)


def _term_of(row: Term) -> dict[str, Any]:
    outcome = None if row.outcome is None else OUTCOME_KEYS[row.outcome]
    term = _some(text=row.text, category=row.category_id, language=row.language, score=row.score, outcome=outcome)
    return term | ({"exception": True} if row.is_exception else {}) | ({} if row.whole_word else {"whole_word": False})


def _route_of(row: RoutingRule) -> dict[str, Any]:
    return _some(
        category=row.category_id,
        language=row.language,
        kind=None if row.kind is None else KIND_KEYS[row.kind],
        queue=row.queue,
        severity=row.severity,
        sla_minutes=row.sla_minutes,
    )


def write_rows(version: PolicyVersion, document: Document) -> None:
    """Create the rows of a checked document under a draft that has none. Call it inside a transaction.

    Raises: PolicyError when a category exists with another meaning.
    """
    _write_categories(document.categories)
    Threshold.objects.bulk_create(
        Threshold(
            version=version,
            category_id=row.category,
            market=row.market,
            language=row.language,
            band=row.band,
            **dict(zip(THRESHOLD_LEVELS, row.levels, strict=True)),
        )
        for row in document.thresholds
    )
    DetectorUse.objects.bulk_create(
        DetectorUse(
            version=version,
            kind=row.kind,
            detector=row.detector,
            use=DetectorUse.Use.NOT_USED if row.when_missing is None else DetectorUse.Use.REQUIRED,
            when_missing=row.when_missing,
        )
        for row in document.detectors
    )
    _write_rules(version, document)
    write_terms(version, document.terms)


def _write_rules(version: PolicyVersion, document: Document) -> None:
    AgeRule.objects.bulk_create(
        AgeRule(version=version, kind=row.kind, market=row.market, min_age=row.min_age, reason=row.reason)
        for row in document.ages
    )
    TerritoryRule.objects.bulk_create(
        TerritoryRule(
            version=version, category_id=row.category, at=row.at, regions=list(row.regions), reason=row.reason
        )
        for row in document.territories
    )
    StandingRule.objects.bulk_create(
        StandingRule(version=version, standing=standing, outcome=outcome)
        for standing, outcome in document.standings.items()
    )
    BankRule.objects.bulk_create(
        BankRule(version=version, category_id=category, outcome=outcome) for category, outcome in document.banks.items()
    )
    RoutingRule.objects.bulk_create(
        RoutingRule(
            version=version,
            position=position,
            category_id=row.category or None,
            language=row.language,
            kind=row.kind,
            queue=row.queue,
            severity=row.severity,
            sla_minutes=row.sla_minutes,
        )
        for position, row in enumerate(document.routing, start=1)
    )


def _write_categories(rows: Iterable[CategoryRow]) -> None:
    """Create the categories that are new. What one means is shared by all versions, so it cannot differ."""
    for row in rows:
        meaning = {"severity": row.severity, "is_mild": row.is_mild, "is_child_safety": row.is_child_safety}
        words = {"name": row.name, "guideline": row.guideline}
        found, _ = Category.objects.get_or_create(slug=row.slug, defaults=meaning | words)
        for field, value in meaning.items():
            if getattr(found, field) != value:
                raise PolicyError(f"categories.{row.slug}.{field}", f"is {getattr(found, field)} in earlier versions")


def write_terms(version: PolicyVersion, rows: Iterable[TermRow]) -> int:
    """Add terms to the lists of a draft, creating lists as needed; terms that are there already stay. Returns how many
    rows were given."""
    lists: dict[str, TermList] = {}
    terms = []
    for row in rows:
        if row.list_name not in lists:
            lists[row.list_name], _ = TermList.objects.get_or_create(version=version, name=row.list_name)
        terms.append(_term_row(lists[row.list_name], row))
    Term.objects.bulk_create(terms, ignore_conflicts=True, batch_size=1_000)
    return len(terms)


def _term_row(terms: TermList, row: TermRow) -> Term:
    return Term(
        list=terms,
        text=row.text,
        category_id=row.category,
        language=row.language,
        score=row.score,
        outcome=None if row.outcome is None else Outcome(row.outcome),
        is_exception=row.is_exception,
        whole_word=row.whole_word,
    )
