"""The document form of a policy version: plain data in, checked and typed rows out. No ORM and no files.

Every way into a policy (rows, YAML, a test's dictionary) passes `parse_document`, so all are checked alike.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from policies.choices import DETECTORS, KIND_KEYS, Outcome, Standing
from policies.document import fields as read
from policies.document.clauses import check_clauses, read_clauses
from policies.document.rows import (
    NAME_CHARS,
    REASON_CHARS,
    TERM_CHARS,
    TITLE_CHARS,
    AgeRow,
    CategoryRow,
    DetectorRow,
    Document,
    RouteRow,
    TermRow,
    TerritoryRow,
    ThresholdRow,
)
from policies.errors import PolicyError
from policies.untrusted import show

#: The keys of a threshold row in a document, from the mildest consequence to the strictest.
LEVEL_KEYS = ("restrict_13", "restrict_16", "restrict_18", "escalate", "block")
OUTCOME_KEYS = read.OUTCOME_KEYS
STANDING_KEYS = tuple(standing.name.lower() for standing in Standing)
#: Rules are numbered by 16 bits, of which a category takes ten.
MAX_CATEGORIES = 1_000
#: Pairs of a market and a language that have thresholds of their own, "any other" among both: 250 markets x 260 languages.
MAX_PLACES = 2**16
#: The same for each category: what a version takes of memory and of the time to compile it. Nine categories in 250
#: markets and 220 languages.
MAX_CELLS = 500_000
#: A rule's position is kept in 16 bits with a sign.
MAX_ROUTES = 2**15 - 1
MAX_TERRITORIES = 64

_GRAVEST = 5


def parse_document(data: Mapping[str, Any]) -> Document:
    """Return a document as typed rows.

    Raises: PolicyError naming the field that is missing, unknown, of the wrong type or range, doubled, or in
    contradiction with another.
    """
    document = read.whole(_document, read.Fields(data, ""))
    check_consistency(document)
    return document


def _document(fields: read.Fields) -> Document:
    return Document(
        number=fields.take("number", read.number(1, 2**31 - 1)),
        key=fields.take("key", read.text, ""),
        title=fields.take("title", read.limited(TITLE_CHARS)),
        change_note=fields.take("change_note", read.text, ""),
        unknown_language=fields.take("unknown_language", read.language_outcome, "clear"),
        categories=fields.take("categories", _categories),
        detectors=fields.take("detectors", _detectors),
        thresholds=fields.take("thresholds", read.list_of(_threshold)),
        ages=fields.take("age_rules", read.list_of(_age), []),
        territories=fields.take("territories", read.list_of(_territory), []),
        standings=fields.take("standings", _standings, {}),
        banks=fields.take("banks", _banks, {}),
        terms=fields.take("terms", _terms, {}),
        routing=fields.take("routing", read.list_of(_route)),
        clauses=fields.take("clauses", read_clauses, {}),
    )


def _categories(value: object, where: str) -> tuple[CategoryRow, ...]:
    rows = read.mapping(value, where)
    parsed = [
        read.whole(_category(read.slug(slug, where)), read.Fields(row, f"{where}.{slug}")) for slug, row in rows.items()
    ]
    # The gravest first: of equally restrictive rules, the one for the gravest category decides.
    return tuple(sorted(parsed, key=lambda row: (-row.severity, row.slug)))


def _category(slug: str) -> Callable[[read.Fields], CategoryRow]:
    def parse(fields: read.Fields) -> CategoryRow:
        return CategoryRow(
            slug=slug,
            name=fields.take("name", read.limited(NAME_CHARS)),
            severity=fields.take("severity", read.number(1, _GRAVEST)),
            guideline=fields.take("guideline", read.text, ""),
            is_mild=fields.take("is_mild", read.flag, False),
            is_child_safety=fields.take("is_child_safety", read.flag, False),
        )

    return parse


def _detectors(value: object, where: str) -> tuple[DetectorRow, ...]:
    fields = read.Fields(value, where)
    rows = [row for kind in range(len(KIND_KEYS)) for row in fields.take(KIND_KEYS[kind], _uses(kind))]
    fields.done()
    return tuple(rows)


def _uses(kind: int) -> Callable[[object, str], list[DetectorRow]]:
    """Return the reader of one kind's three lists. Each detector stands in exactly one of them: silence would leave open
    whether its absence matters. What came after a version was written stands in a fourth, `not_known`, and counts for nothing."""

    def check(value: object, where: str) -> list[DetectorRow]:
        fields = read.Fields(value, where)
        rows: list[DetectorRow] = []
        for name, when_missing in (("hold", Outcome.HOLD), ("escalate", Outcome.ESCALATE), ("not_used", None)):
            for detector in fields.take(name, _names, []):
                if detector not in DETECTORS:
                    raise PolicyError(f"{where}.{name}", f"{show(detector)} is not a detector")
                rows.append(DetectorRow(kind, detector, None if when_missing is None else int(when_missing)))
        not_known = fields.take("not_known", _names, [])
        fields.done()
        named = [*(row.detector for row in rows), *not_known]
        _once(named, where)
        absent = set(DETECTORS) - set(named)
        if absent:
            raise PolicyError(where, f"does not say whether {show(min(absent))} is used")
        return rows

    return check


def _names(value: object, where: str) -> list[str]:
    if not isinstance(value, list | tuple):
        raise PolicyError(where, "must be a list of names")
    return [read.name(name, where) for name in value]


def _threshold(fields: read.Fields) -> ThresholdRow:
    row = ThresholdRow(
        category=fields.take("category", read.slug),
        market=fields.take("market", read.market, ""),
        language=fields.take("language", read.language, ""),
        band=fields.take("band", read.maybe(read.band), None),
        levels=tuple(fields.take(key, read.maybe(read.score), None) for key in LEVEL_KEYS),
    )
    check_levels(row.levels, fields.path)
    return row


def check_levels(levels: Sequence[float | None], path: str) -> None:
    """Raise PolicyError where a consequence begins above a stricter one; `levels` follows LEVEL_KEYS, None is never."""
    reached = [(key, level) for key, level in zip(LEVEL_KEYS, levels, strict=True) if level is not None]
    for (milder, low), (stricter, high) in itertools.pairwise(reached):
        if low > high:
            raise PolicyError(f"{path}.{milder}", f"{low} is above {stricter} at {high}")


def _age(fields: read.Fields) -> AgeRow:
    return AgeRow(
        kind=fields.take("kind", read.maybe(read.kind), None),
        market=fields.take("market", read.market, ""),
        min_age=fields.take("min_age", read.min_age),
        reason=fields.take("reason", read.limited(REASON_CHARS)),
    )


def _territory(fields: read.Fields) -> TerritoryRow:
    regions = fields.take("regions", _names)
    if not regions:
        raise PolicyError(f"{fields.path}.regions", "must name a region")
    return TerritoryRow(
        category=fields.take("category", read.slug),
        at=fields.take("at", read.score),
        regions=tuple(sorted({read.region(region, f"{fields.path}.regions") for region in regions})),
        reason=fields.take("reason", read.limited(REASON_CHARS, empty=True), ""),
    )


def _standings(value: object, where: str) -> Mapping[int, int]:
    standing = read.one_of(STANDING_KEYS)
    rows = read.mapping(value, where).items()
    return {standing(name, where): read.standing_outcome(outcome, f"{where}.{name}") for name, outcome in rows}


def _banks(value: object, where: str) -> Mapping[str, int]:
    rows = read.mapping(value, where).items()
    return {read.slug(name, where): read.acting_outcome(outcome, f"{where}.{name}") for name, outcome in rows}


def _terms(value: object, where: str) -> tuple[TermRow, ...]:
    lists = read.mapping(value, where).items()
    return tuple(
        row for name, rows in lists for row in read.list_of(_term(read.queue(name, where)))(rows, f"{where}.{name}")
    )


def parse_terms(list_name: str, rows: Iterable[Mapping[str, Any]]) -> tuple[TermRow, ...]:
    """Return the checked terms of one list.

    Raises: PolicyError naming the term that is wrong.
    """
    return _terms({list_name: list(rows)}, "terms")


def _term(list_name: str) -> Callable[[read.Fields], TermRow]:
    def parse(fields: read.Fields) -> TermRow:
        row = TermRow(
            list_name=list_name,
            text=fields.take("text", read.limited(TERM_CHARS)),
            category=fields.take("category", read.slug),
            language=fields.take("language", read.language, ""),
            score=fields.take("score", read.maybe(read.score), None),
            outcome=fields.take("outcome", read.maybe(read.acting_outcome), None),
            is_exception=fields.take("exception", read.flag, False),
            whole_word=fields.take("whole_word", read.flag, True),
        )
        _check_term(row, fields.path)
        return row

    return parse


def _check_term(row: TermRow, path: str) -> None:
    letters = sum(character.isalnum() for character in row.text)
    # One letter, or punctuation alone, is in almost every caption; one ideograph can be a word.
    if (
        letters == 0
        or (letters == 1 and row.text.isascii())
        or (letters < 3 and row.text.isascii() and not row.whole_word)
    ):
        raise PolicyError(f"{path}.text", f"{show(row.text)} would match nearly everything")
    given = (row.score is not None) + (row.outcome is not None)
    if given != (0 if row.is_exception else 1):
        raise PolicyError(path, "a term has a score or an outcome, not both; an exception has neither")
    if row.score is not None and math.isclose(row.score, 0.0):
        raise PolicyError(f"{path}.score", "a score of 0 finds nothing")


def _route(fields: read.Fields) -> RouteRow:
    return RouteRow(
        category=fields.take("category", read.maybe(read.slug), None) or "",
        language=fields.take("language", read.language, ""),
        kind=fields.take("kind", read.maybe(read.kind), None),
        queue=fields.take("queue", read.queue),
        severity=fields.take("severity", read.number(1, 5)),
        sla_minutes=fields.take("sla_minutes", read.number(1, 60 * 24 * 365)),
    )


def _once(values: Iterable[object], where: str) -> None:
    seen: set[object] = set()
    for value in values:
        if value in seen:
            raise PolicyError(where, f"{show(value)} is there twice")
        seen.add(value)


def check_consistency(document: Document) -> None:
    """Check a document against itself.

    Raises: PolicyError where rows are doubled, name a category that is not there, or leave a question open.
    """
    known = {row.slug for row in document.categories}
    if not known:
        raise PolicyError("categories", "must name one")
    _check_size(document)
    _check_unique(document)
    _check_categories_known(document, known)
    based = {row.category for row in document.thresholds if row.is_base}
    if known - based:
        raise PolicyError("thresholds", f"{show(min(known - based))} has no row without market, language and band")
    for row in document.categories:
        if row.is_child_safety:
            _check_child_safety(row, document.banks)
    if not document.routing or (document.routing[-1].category or document.routing[-1].language):
        raise PolicyError("routing", "the last rule must match everything")
    if document.routing[-1].kind is not None:
        raise PolicyError("routing", "the last rule must match everything")


def _check_child_safety(row: CategoryRow, banks: Mapping[str, int]) -> None:
    if banks.get(row.slug) != Outcome.BLOCK:
        raise PolicyError(f"banks.{row.slug}", "a child-safety match must block")
    if row.severity != _GRAVEST or row.is_mild:
        raise PolicyError(f"categories.{row.slug}", f"a child-safety category has severity {_GRAVEST} and is not mild")


def _check_size(document: Document) -> None:
    """Refuse what would take minutes to compile, or more numbers than the tables have."""
    for field, rows, most in (
        ("categories", document.categories, MAX_CATEGORIES),
        ("territories", document.territories, MAX_TERRITORIES),
        ("routing", document.routing, MAX_ROUTES),
    ):
        if len(rows) > most:
            raise PolicyError(field, f"there can be {most} at most")
    n_markets, n_languages = len(markets_of(document)), len(languages_of(document))
    places = (n_markets + 1) * (n_languages + 1)
    if places > MAX_PLACES or places * len(document.categories) > MAX_CELLS:
        named = f"{n_markets} markets, {n_languages} languages and {len(document.categories)} categories"
        raise PolicyError("thresholds", f"{named} are more than one version can have")


def markets_of(document: Document) -> tuple[str, ...]:
    """Return the markets that some rule names, sorted."""
    named = {row.market for row in document.thresholds} | {row.market for row in document.ages}
    return tuple(sorted(named - {""}))


def languages_of(document: Document) -> tuple[str, ...]:
    """Return the languages that some threshold names, sorted."""
    return tuple(sorted({row.language for row in document.thresholds} - {""}))


def _check_unique(document: Document) -> None:
    _once(((row.category, row.market, row.language, row.band) for row in document.thresholds), "thresholds")
    _once((row.rule for row in document.ages), "age_rules")
    _once((row.category for row in document.territories), "territories")
    check_clauses(document.clauses)
    _once(((row.list_name, row.text, row.category, row.language, row.is_exception) for row in document.terms), "terms")


def _check_categories_known(document: Document, known: set[str]) -> None:
    named = {
        "thresholds": {row.category for row in document.thresholds},
        "territories": {row.category for row in document.territories},
        "banks": set(document.banks),
        "terms": {row.category for row in document.terms},
        "routing": {row.category for row in document.routing} - {""},
        "clauses": {row.category for row in document.clauses},
    }
    for field, slugs in named.items():
        if slugs - known:
            raise PolicyError(field, f"{show(min(slugs - known))} is not a category of this version")
