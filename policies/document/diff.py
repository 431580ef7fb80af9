"""What one policy version says otherwise than another, in sentences that a lawyer can read. Pure: documents in, text out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from policies.choices import BAND_MIN_AGES, KIND_KEYS, Band, Outcome, Standing
from policies.document.place_names import language_name, region_name
from policies.document.rows import AgeRow, ClauseRow, Document, RouteRow, TermRow, TerritoryRow, ThresholdRow

#: Sections in the order in which they are read, with their titles.
SECTIONS: Mapping[str, str] = {
    "thresholds": "Thresholds",
    "detectors": "Detectors",
    "age_rules": "Age rules",
    "territories": "Territories",
    "standings": "Creators and language",
    "banks": "Banks",
    "terms": "Terms",
    "routing": "Routing",
    "clauses": "Clauses",
    "categories": "Categories and guidelines",
    "words": "Title and change note",
}
#: Levels as they stand in a sentence, in the order of schema.LEVEL_KEYS.
LEVEL_WORDS = ("only 13 and over", "only 16 and over", "only 18 and over", "escalate", "block")
NEVER = "never"
NOTHING = "–"

Row = TypeVar("Row")
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs. `subject` is what it is about, `old` and `new` what it said and says; NOTHING where absent.

    `stricter` is True or False where one of the two is the stricter beyond doubt, None where that cannot be said. `was` is
    `old` as it reads behind `new`, where that is shorter.
    """

    section: str
    subject: str
    old: str
    new: str
    stricter: bool | None = None
    was: str = ""

    @property
    def sentence(self) -> str:
        """The change as one sentence."""
        if self.old == NOTHING:
            return f"{self.subject}: {self.new} (new)."
        if self.new == NOTHING:
            return f"{self.subject}: removed (was: {self.old})."
        return f"{self.subject}: {self.new} (was {self.was or self.old})."


def diff_documents(old: Document, new: Document) -> tuple[Change, ...]:
    """Return what `new` says otherwise than `old`, in the order of SECTIONS; empty when both say the same.

    Number and key are not compared; the order of rows counts in the routing alone.
    """
    names = {row.slug: row.name for row in (*old.categories, *new.categories)}
    return (
        *_thresholds(old, new, names),
        *_detectors(old, new),
        *_ages(old, new),
        *_territories(old, new, names),
        *_standings(old, new),
        *_banks(old, new, names),
        *_terms(old, new, names),
        *_routing(old, new, names),
        *_clauses(old, new, names),
        *_categories(old, new),
        *_words(old, new),
    )


def _pairs(
    old: Iterable[Row], new: Iterable[Row], key: Callable[[Row], Key]
) -> list[tuple[Key, Row | None, Row | None]]:
    """Return each key with its row before and after, in the order of the new rows, those that went last."""
    before, after = {key(row): row for row in old}, {key(row): row for row in new}
    keys = [*after, *(k for k in before if k not in after)]
    return [(k, before.get(k), after.get(k)) for k in keys if before.get(k) != after.get(k)]


def _words(old: Document, new: Document) -> list[Change]:
    pairs = (("Title", old.title, new.title), ("Change note", old.change_note, new.change_note))
    return [Change("words", what, _quote(a), _quote(b)) for what, a, b in pairs if a != b]


def _quote(text: str) -> str:
    return f"“{' '.join(text.split())}”" if text.strip() else NOTHING


def context_words(market: str, language: str, band: int | None) -> str:
    """Return where a threshold holds: `in Germany, in German, offered to 16 and over`; empty for everywhere."""
    parts = [
        f"in {region_name(market)}" if market else "",
        f"in {language_name(language)}" if language else "",
        "" if band is None else f"offered to {band_words(band)}",
    ]
    return ", ".join(part for part in parts if part)


def band_words(band: int) -> str:
    """Return an audience band as it stands in a sentence."""
    return "everyone" if band == Band.UNDER_13 else f"{BAND_MIN_AGES[band]} and over"


def level_words(value: float | None) -> str:
    """Return a threshold with two places, more where it has them."""
    return NEVER if value is None else f"{value:.2f}" if round(value, 2) == value else f"{value:.10g}"


def _from(value: float | None) -> str:
    return NEVER if value is None else f"from {level_words(value)}"


def _thresholds(old: Document, new: Document, names: Mapping[str, str]) -> list[Change]:
    changes: list[Change] = []
    pairs = _pairs(old.thresholds, new.thresholds, lambda row: (row.category, row.market, row.language, row.band))
    for (category, market, language, band), before, after in pairs:
        where = context_words(market, language, band)
        name = names.get(category, category)
        subject = f"{name} {where}" if where.startswith("in ") else f"{name}, {where}" if where else name
        if before is None or after is None:
            # A row for an audience only adds; one for a market or a language replaces, so it can do either.
            stricter = None if band is None else before is None
            changes.append(Change("thresholds", subject, _levels(before), _levels(after), stricter))
            continue
        for i, level in enumerate(LEVEL_WORDS):
            a, b = before.levels[i], after.levels[i]
            if a != b:
                stricter = (1.1 if b is None else b) < (1.1 if a is None else a)
                said = [f"{level} {_from(value)}" for value in (a, b)]
                changes.append(Change("thresholds", subject, said[0], said[1], stricter, was=level_words(a)))
    return changes


def _levels(row: ThresholdRow | None) -> str:
    if row is None:
        return NOTHING
    said = [f"{name} {_from(value)}" for name, value in zip(LEVEL_WORDS, row.levels, strict=True) if value is not None]
    return ", ".join(said) or "no consequence at all"


def _detectors(old: Document, new: Document) -> list[Change]:
    return [
        Change(
            "detectors",
            f"Detector {detector} for {KIND_KEYS[kind]} items",
            _use(before.when_missing) if before else NOTHING,
            _use(after.when_missing) if after else NOTHING,
            (after.when_missing or 0) > (before.when_missing or 0) if before and after else None,
        )
        for (kind, detector), before, after in _pairs(
            old.detectors, new.detectors, lambda row: (row.kind, row.detector)
        )
    ]


def _use(when_missing: int | None) -> str:
    return "not used" if when_missing is None else f"required, {outcome_words(when_missing)} when it is missing"


def outcome_words(outcome: int) -> str:
    """Return an outcome as it stands in a sentence."""
    return Outcome(outcome).label.lower()


def _ages(old: Document, new: Document) -> list[Change]:
    def subject(row: AgeRow) -> str:
        kind = "Anything" if row.kind is None else f"{KIND_KEYS[row.kind].capitalize()} items"
        return f"{kind} in {region_name(row.market)}" if row.market else kind

    return [
        Change("age_rules", subject(row), _age(before), _age(after), _is_above(before, after, lambda row: row.min_age))
        for _, before, after in _pairs(old.ages, new.ages, lambda row: row.rule)
        for row in (after or before,)
        if row is not None
    ]


def _age(row: AgeRow | None) -> str:
    return NOTHING if row is None else f"{row.min_age} and over, because {row.reason}"


def _is_above(before: Row | None, after: Row | None, value: Callable[[Row], float]) -> bool | None:
    """Tell whether the new value is the higher one; an absent row has the lowest. None where both are equal."""
    a = float("-inf") if before is None else value(before)
    b = float("-inf") if after is None else value(after)
    return None if a == b else b > a


def _territories(old: Document, new: Document, names: Mapping[str, str]) -> list[Change]:
    return [
        Change(
            "territories",
            f"{names.get(category, category)}, where not shown",
            _territory(before),
            _territory(after),
            _is_narrower(before, after),
        )
        for category, before, after in _pairs(old.territories, new.territories, lambda row: row.category)
    ]


def _territory(row: TerritoryRow | None) -> str:
    if row is None:
        return NOTHING
    places = f"{_from(row.at)} not in {', '.join(region_name(code) for code in row.regions)}"
    return f"{places}, because {row.reason}" if row.reason else places


def _is_narrower(before: TerritoryRow | None, after: TerritoryRow | None) -> bool | None:
    if before is None or after is None:
        return before is None
    wider, fewer = set(after.regions) >= set(before.regions), set(after.regions) <= set(before.regions)
    if wider and fewer and before.at == after.at:
        return None
    return True if wider and after.at <= before.at else False if fewer and after.at >= before.at else None


def _standings(old: Document, new: Document) -> list[Change]:
    pairs = [(Standing(s).label, old.standings.get(s), new.standings.get(s)) for s in Standing]
    changes = [
        Change("standings", f"Creators whose standing is {name.lower()}", _least(a), _least(b), (b or 0) > (a or 0))
        for name, a, b in pairs
        if (a or 0) != (b or 0)
    ]
    if old.unknown_language != new.unknown_language:
        a, b = old.unknown_language, new.unknown_language
        changes.append(Change("standings", "Items whose language is unknown", _least(a), _least(b), b > a))
    return changes


def _least(outcome: int | None) -> str:
    return f"at least {outcome_words(outcome)}" if outcome else "nothing by itself"


def _banks(old: Document, new: Document, names: Mapping[str, str]) -> list[Change]:
    categories = dict.fromkeys((*new.banks, *old.banks))
    pairs = [(names.get(slug, slug), old.banks.get(slug), new.banks.get(slug)) for slug in categories]
    return [
        Change(
            "banks",
            f"A match in a bank for {name}",
            NOTHING if a is None else _least(a),
            NOTHING if b is None else _least(b),
            (b or 0) > (a or 0),
        )
        for name, a, b in pairs
        if a != b
    ]


def _terms(old: Document, new: Document, names: Mapping[str, str]) -> list[Change]:
    pairs = _pairs(
        old.terms, new.terms, lambda row: (row.list_name, row.text, row.category, row.language, row.is_exception)
    )
    return [
        Change("terms", _term_subject(row, names), _term(before), _term(after), _is_graver(before, after))
        for _, before, after in pairs
        for row in (after or before,)
        if row is not None
    ]


def _term_subject(row: TermRow, names: Mapping[str, str]) -> str:
    what = "Exception" if row.is_exception else "Term"
    language = f" in {language_name(row.language)}" if row.language else ""
    return f"{what} “{row.text}”{language} for {names.get(row.category, row.category)}, list {row.list_name}"


def _term(row: TermRow | None) -> str:
    if row is None:
        return NOTHING
    if row.is_exception:
        means = "shields what it covers"
    else:
        means = f"at least {outcome_words(row.outcome)}" if row.outcome is not None else f"score {row.score:.10g}"
    return means if row.whole_word else f"{means}, inside words too"


def _is_graver(before: TermRow | None, after: TermRow | None) -> bool | None:
    row = after or before
    if row is None or (before and after):
        return (
            _is_above(before, after, _gravity) if before and after and before.whole_word == after.whole_word else None
        )
    return (before is None) != row.is_exception  # a new term is stricter, a new exception milder


def _gravity(row: TermRow) -> float:
    return 1.0 + row.outcome if row.outcome is not None else row.score or 0.0


def _routing(old: Document, new: Document, names: Mapping[str, str]) -> list[Change]:
    """Return the changes of each rule by its condition, and one more where only the order differs."""

    def key(row: RouteRow) -> tuple[str, str, int | None]:
        return row.category, row.language, row.kind

    changes = [
        Change("routing", route_subject(row, names), _route(before), _route(after))
        for _, before, after in _pairs(old.routing, new.routing, key)
        for row in (after or before,)
        if row is not None
    ]
    stay = {key(row) for row in old.routing} & {key(row) for row in new.routing}
    stay_old, stay_new = ([key(row) for row in rows if key(row) in stay] for rows in (old.routing, new.routing))
    if stay_old != stay_new:
        orders = _order(old.routing, names), _order(new.routing, names)
        changes.append(Change("routing", "Order in which the rules are asked", *orders))
    return changes


def route_subject(row: RouteRow, names: Mapping[str, str]) -> str:
    """Return what a routing rule is about: `Hate, in German, video items`."""
    parts = [
        names.get(row.category, row.category) if row.category else "Anything",
        f"in {language_name(row.language)}" if row.language else "",
        "" if row.kind is None else f"{KIND_KEYS[row.kind]} items",
    ]
    return ", ".join(part for part in parts if part)


def _route(row: RouteRow | None) -> str:
    if row is None:
        return NOTHING
    return f"to queue {row.queue}, severity {row.severity}, within {row.sla_minutes} minutes"


def _order(rows: Iterable[RouteRow], names: Mapping[str, str]) -> str:
    return "; ".join(route_subject(row, names) for row in rows)


def _clauses(old: Document, new: Document, names: Mapping[str, str]) -> list[Change]:
    """Return the changes of each clause by its key, and one more for each category where only the order differs."""
    changes: list[Change] = []
    for key, before, after in _pairs(old.clauses, new.clauses, lambda row: row.key):
        row = after or before
        if row is None:
            continue
        subject = f"Clause {key} for {names.get(row.category, row.category)}"
        if before and after and _clause(before) == _clause(after):
            changes += _sentences(subject, before, after)
        else:
            changes.append(Change("clauses", subject, _clause(before), _clause(after)))
            changes += _sentences(subject, before, after) if before and after else []
    for category in dict.fromkeys(row.category for row in new.clauses):
        stay = {row.key for row in old.clauses} & {row.key for row in new.clauses}
        was, now = (
            {row.key: row.name for row in rows if row.category == category and row.key in stay}
            for rows in (old.clauses, new.clauses)
        )
        if was and now and list(was) != list(now):
            subject = f"Order of the clauses for {names.get(category, category)}"
            changes.append(Change("clauses", subject, ", ".join(was.values()), ", ".join(now.values())))
    return changes


def _clause(row: ClauseRow | None) -> str:
    if row is None:
        return NOTHING
    follows = f"only {row.min_age} and over" if row.min_age else outcome_words(row.outcome)
    means = "help message" if row.is_help else f"by default {follows}"
    return f"{_quote(row.name)}, {means}"


def _sentences(subject: str, before: ClauseRow, after: ClauseRow) -> list[Change]:
    codes = dict.fromkeys((*after.sentences, *before.sentences))
    pairs = [(code, before.sentences.get(code, ""), after.sentences.get(code, "")) for code in codes]
    return [
        Change("clauses", f"{subject}, what its creator is told in {language_name(code)}", _quote(a), _quote(b))
        for code, a, b in pairs
        if a != b
    ]


def _categories(old: Document, new: Document) -> list[Change]:
    changes: list[Change] = []
    for _, before, after in _pairs(old.categories, new.categories, lambda row: row.slug):
        row = after or before
        if row is None or before is None or after is None:
            name = row.name if row else ""
            words = (NOTHING, f"severity {row.severity}") if before is None and row else ("in force", NOTHING)
            changes.append(Change("categories", f"Category {name}", *words, stricter=before is None))
        elif before.guideline != after.guideline:
            subject = f"Guideline for {row.name}"
            changes.append(Change("categories", subject, _quote(before.guideline), _quote(after.guideline)))
    return changes
