"""The document form of a policy version: plain data in, checked and typed rows out. No ORM and no files.

Every way into a policy (rows, YAML, a test's dictionary) passes `parse_document`, so all are checked alike.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from policies.choices import BAND_KEYS, BAND_MIN_AGES, DETECTORS, KIND_KEYS, Outcome, Standing
from policies.document.rows import (
    LIST_CHARS,
    NAME_CHARS,
    REASON_CHARS,
    SLUG_CHARS,
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
from policies.untrusted import show, text_fault

#: The keys of a threshold row in a document, from the mildest consequence to the strictest.
LEVEL_KEYS = ("restrict_13", "restrict_16", "restrict_18", "escalate", "block")
OUTCOME_KEYS = tuple(outcome.name.lower() for outcome in Outcome)
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
_SLUG = re.compile(r"[a-z][a-z0-9_]*")
_QUEUE = re.compile(r"[a-z][a-z0-9_-]*")
_MARKET = re.compile(r"[A-Z]{2}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")

Row = TypeVar("Row")


class _Fields:
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


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise PolicyError(where, f"must be text, not {type(value).__name__}")
    if fault := text_fault(value):
        raise PolicyError(where, fault)
    return value.strip()


def _limit_length(most: int, *, empty: bool = False) -> Callable[[object, str], str]:
    """Return the checker of a text that has a column of `most` characters."""

    def check(value: object, where: str) -> str:
        text = _text(value, where)
        if not text and not empty:
            raise PolicyError(where, "must not be empty")
        if len(text) > most:
            raise PolicyError(where, f"has {len(text)} characters, more than {most}")
        return text

    return check


def _flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise PolicyError(where, "must be true or false")
    return value


def _pattern(
    pattern: re.Pattern[str], what: str, *, empty: bool, most: int = SLUG_CHARS
) -> Callable[[object, str], str]:
    bounded = _limit_length(most, empty=True)

    def check(value: object, where: str) -> str:
        text = bounded(value, where)
        if (text or not empty) and not pattern.fullmatch(text):
            raise PolicyError(where, f"must be {what}, not {show(text)}")
        return text

    return check


_name = _limit_length(SLUG_CHARS)
_slug = _pattern(_SLUG, "a slug", empty=False)
_queue = _pattern(_QUEUE, "a queue's slug", empty=False, most=LIST_CHARS)
_market = _pattern(_MARKET, "two capital letters", empty=True)
_region = _pattern(_MARKET, "two capital letters", empty=False)
_language = _pattern(_LANGUAGE, "two or three small letters", empty=True)


def _number(low: int, high: int) -> Callable[[object, str], int]:
    def check(value: object, where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise PolicyError(where, f"must be a whole number from {low} to {high}, not {show(value)}")
        return value

    return check


def _score(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise PolicyError(where, f"must be a score from 0 to 1, not {show(value)}")
    return float(value)


def _maybe(check: Callable[[Any, str], Row]) -> Callable[[Any, str], Row | None]:
    return lambda value, where: None if value is None else check(value, where)


def _one_of(names: tuple[str, ...], allowed: Iterable[str] = ()) -> Callable[[object, str], int]:
    permitted = tuple(allowed) or names

    def check(value: object, where: str) -> int:
        if value not in permitted:
            raise PolicyError(where, f"must be one of {', '.join(permitted)}, not {show(value)}")
        return names.index(str(value))

    return check


_kind = _one_of(KIND_KEYS)
_band = _one_of(BAND_KEYS)
_standing_outcome = _one_of(OUTCOME_KEYS, ("clear", "escalate", "hold", "block"))
_acting_outcome = _one_of(OUTCOME_KEYS, ("restrict", "escalate", "hold", "block"))
_language_outcome = _one_of(OUTCOME_KEYS, ("clear", "escalate", "hold"))


def _min_age(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value not in BAND_MIN_AGES[1:]:
        raise PolicyError(where, f"must be one of {BAND_MIN_AGES[1:]}, not {show(value)}")
    return value


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    return _Fields(value, where).data


def _list_of(parse: Callable[[_Fields], Row]) -> Callable[[object, str], tuple[Row, ...]]:
    def check(value: object, where: str) -> tuple[Row, ...]:
        if not isinstance(value, list | tuple):
            raise PolicyError(where, f"must be a list, not {type(value).__name__}")
        return tuple(_whole(parse, _Fields(row, f"{where}[{i}]")) for i, row in enumerate(value))

    return check


def _whole(parse: Callable[[_Fields], Row], fields: _Fields) -> Row:
    row = parse(fields)
    fields.done()
    return row


def parse_document(data: Mapping[str, Any]) -> Document:
    """Return a document as typed rows.

    Raises: PolicyError naming the field that is missing, unknown, of the wrong type or range, doubled, or in
    contradiction with another.
    """
    document = _whole(_document, _Fields(data, ""))
    check_consistency(document)
    return document


def _document(fields: _Fields) -> Document:
    return Document(
        number=fields.take("number", _number(1, 2**31 - 1)),
        key=fields.take("key", _text, ""),
        title=fields.take("title", _limit_length(TITLE_CHARS)),
        change_note=fields.take("change_note", _text, ""),
        unknown_language=fields.take("unknown_language", _language_outcome, "clear"),
        categories=fields.take("categories", _categories),
        detectors=fields.take("detectors", _detectors),
        thresholds=fields.take("thresholds", _list_of(_threshold)),
        ages=fields.take("age_rules", _list_of(_age), []),
        territories=fields.take("territories", _list_of(_territory), []),
        standings=fields.take("standings", _standings, {}),
        banks=fields.take("banks", _banks, {}),
        terms=fields.take("terms", _terms, {}),
        routing=fields.take("routing", _list_of(_route)),
    )


def _categories(value: object, where: str) -> tuple[CategoryRow, ...]:
    rows = _mapping(value, where)
    parsed = [_whole(_category(_slug(slug, where)), _Fields(row, f"{where}.{slug}")) for slug, row in rows.items()]
    # The gravest first: of equally restrictive rules, the one for the gravest category decides.
    return tuple(sorted(parsed, key=lambda row: (-row.severity, row.slug)))


def _category(slug: str) -> Callable[[_Fields], CategoryRow]:
    def parse(fields: _Fields) -> CategoryRow:
        return CategoryRow(
            slug=slug,
            name=fields.take("name", _limit_length(NAME_CHARS)),
            severity=fields.take("severity", _number(1, _GRAVEST)),
            guideline=fields.take("guideline", _text, ""),
            is_mild=fields.take("is_mild", _flag, False),
            is_child_safety=fields.take("is_child_safety", _flag, False),
        )

    return parse


def _detectors(value: object, where: str) -> tuple[DetectorRow, ...]:
    fields = _Fields(value, where)
    rows = [row for kind in range(len(KIND_KEYS)) for row in fields.take(KIND_KEYS[kind], _uses(kind))]
    fields.done()
    return tuple(rows)


def _uses(kind: int) -> Callable[[object, str], list[DetectorRow]]:
    """Return the reader of one kind's three lists. Each detector stands in exactly one of them: silence would leave open
    whether its absence matters. What came after a version was written stands in a fourth, `not_known`, and counts for nothing."""

    def check(value: object, where: str) -> list[DetectorRow]:
        fields = _Fields(value, where)
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
    return [_name(name, where) for name in value]


def _threshold(fields: _Fields) -> ThresholdRow:
    row = ThresholdRow(
        category=fields.take("category", _slug),
        market=fields.take("market", _market, ""),
        language=fields.take("language", _language, ""),
        band=fields.take("band", _maybe(_band), None),
        levels=tuple(fields.take(key, _maybe(_score), None) for key in LEVEL_KEYS),
    )
    check_levels(row.levels, fields.path)
    return row


def check_levels(levels: Sequence[float | None], path: str) -> None:
    """Raise PolicyError where a consequence begins above a stricter one; `levels` follows LEVEL_KEYS, None is never."""
    reached = [(key, level) for key, level in zip(LEVEL_KEYS, levels, strict=True) if level is not None]
    for (milder, low), (stricter, high) in itertools.pairwise(reached):
        if low > high:
            raise PolicyError(f"{path}.{milder}", f"{low} is above {stricter} at {high}")


def _age(fields: _Fields) -> AgeRow:
    return AgeRow(
        kind=fields.take("kind", _maybe(_kind), None),
        market=fields.take("market", _market, ""),
        min_age=fields.take("min_age", _min_age),
        reason=fields.take("reason", _limit_length(REASON_CHARS)),
    )


def _territory(fields: _Fields) -> TerritoryRow:
    regions = fields.take("regions", _names)
    if not regions:
        raise PolicyError(f"{fields.path}.regions", "must name a region")
    return TerritoryRow(
        category=fields.take("category", _slug),
        at=fields.take("at", _score),
        regions=tuple(sorted({_region(region, f"{fields.path}.regions") for region in regions})),
        reason=fields.take("reason", _limit_length(REASON_CHARS, empty=True), ""),
    )


def _standings(value: object, where: str) -> Mapping[int, int]:
    standing = _one_of(STANDING_KEYS)
    rows = _mapping(value, where).items()
    return {standing(name, where): _standing_outcome(outcome, f"{where}.{name}") for name, outcome in rows}


def _banks(value: object, where: str) -> Mapping[str, int]:
    rows = _mapping(value, where).items()
    return {_slug(name, where): _acting_outcome(outcome, f"{where}.{name}") for name, outcome in rows}


def _terms(value: object, where: str) -> tuple[TermRow, ...]:
    lists = _mapping(value, where).items()
    return tuple(row for name, rows in lists for row in _list_of(_term(_queue(name, where)))(rows, f"{where}.{name}"))


def parse_terms(list_name: str, rows: Iterable[Mapping[str, Any]]) -> tuple[TermRow, ...]:
    """Return the checked terms of one list.

    Raises: PolicyError naming the term that is wrong.
    """
    return _terms({list_name: list(rows)}, "terms")


def _term(list_name: str) -> Callable[[_Fields], TermRow]:
    def parse(fields: _Fields) -> TermRow:
        row = TermRow(
            list_name=list_name,
            text=fields.take("text", _limit_length(TERM_CHARS)),
            category=fields.take("category", _slug),
            language=fields.take("language", _language, ""),
            score=fields.take("score", _maybe(_score), None),
            outcome=fields.take("outcome", _maybe(_acting_outcome), None),
            is_exception=fields.take("exception", _flag, False),
            whole_word=fields.take("whole_word", _flag, True),
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


def _route(fields: _Fields) -> RouteRow:
    return RouteRow(
        category=fields.take("category", _maybe(_slug), None) or "",
        language=fields.take("language", _language, ""),
        kind=fields.take("kind", _maybe(_kind), None),
        queue=fields.take("queue", _queue),
        severity=fields.take("severity", _number(1, 5)),
        sla_minutes=fields.take("sla_minutes", _number(1, 60 * 24 * 365)),
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
    _once(((row.list_name, row.text, row.category, row.language, row.is_exception) for row in document.terms), "terms")


def _check_categories_known(document: Document, known: set[str]) -> None:
    named = {
        "thresholds": {row.category for row in document.thresholds},
        "territories": {row.category for row in document.territories},
        "banks": set(document.banks),
        "terms": {row.category for row in document.terms},
        "routing": {row.category for row in document.routing} - {""},
    }
    for field, slugs in named.items():
        if slugs - known:
            raise PolicyError(field, f"{show(min(slugs - known))} is not a category of this version")
