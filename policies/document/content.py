"""Writing a checked document into the rows of a draft: all of it, or one section in the place of what was there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from django.db.models import Model

from policies.choices import Outcome
from policies.document.rows import CategoryRow, Document, TermRow
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


def write_rows(version: PolicyVersion, document: Document) -> None:
    """Create the rows of a checked document under a draft that has none. Call it inside a transaction.

    Raises: PolicyError when a category exists with another meaning.
    """
    _write_categories(document.categories)
    for name in _MODELS:
        SECTIONS[name](version, document)
    write_terms(version, document.terms)


def replace_section(version: PolicyVersion, name: str, document: Document) -> None:
    """Put one section of a checked document in the place of a draft's rows. Call it inside a transaction.

    Args:
        name: one of SECTIONS. `words` is title, note and unknown language; `categories` the guidelines. Terms change one
            by one.
    """
    if name in _MODELS:
        _MODELS[name]._default_manager.filter(version=version).delete()
    SECTIONS[name](version, document)


def publish_guidelines(version: PolicyVersion) -> None:
    """Hand the guidelines of a version to reviewers, who read those of the active one. Call it inside a transaction."""
    for row in Guideline.objects.filter(version=version):
        Category.objects.filter(slug=row.category_id).exclude(guideline=row.text).update(guideline=row.text)


def _write_words(version: PolicyVersion, document: Document) -> None:
    PolicyVersion.objects.filter(pk=version.pk).update(
        title=document.title, change_note=document.change_note, unknown_language_outcome=document.unknown_language
    )


def _write_guidelines(version: PolicyVersion, document: Document) -> None:
    Guideline.objects.bulk_create(
        Guideline(version=version, category_id=row.slug, text=row.guideline) for row in document.categories
    )


def _write_thresholds(version: PolicyVersion, document: Document) -> None:
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


def _write_detectors(version: PolicyVersion, document: Document) -> None:
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


def _write_ages(version: PolicyVersion, document: Document) -> None:
    AgeRule.objects.bulk_create(
        AgeRule(version=version, kind=row.kind, market=row.market, min_age=row.min_age, reason=row.reason)
        for row in document.ages
    )


def _write_territories(version: PolicyVersion, document: Document) -> None:
    TerritoryRule.objects.bulk_create(
        TerritoryRule(
            version=version, category_id=row.category, at=row.at, regions=list(row.regions), reason=row.reason
        )
        for row in document.territories
    )


def _write_standings(version: PolicyVersion, document: Document) -> None:
    StandingRule.objects.bulk_create(
        StandingRule(version=version, standing=standing, outcome=outcome)
        for standing, outcome in document.standings.items()
    )


def _write_banks(version: PolicyVersion, document: Document) -> None:
    BankRule.objects.bulk_create(
        BankRule(version=version, category_id=category, outcome=outcome) for category, outcome in document.banks.items()
    )


def _write_routing(version: PolicyVersion, document: Document) -> None:
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


def _write_clauses(version: PolicyVersion, document: Document) -> None:
    position: Counter[str] = Counter()
    rows = []
    for row in document.clauses:
        position[row.category] += 1
        rows.append(
            Clause(
                version=version,
                category_id=row.category,
                position=position[row.category],
                key=row.key,
                name=row.name,
                outcome=row.outcome,
                min_age=row.min_age,
                sentences=dict(row.sentences),
            )
        )
    Clause.objects.bulk_create(rows)


#: Key of a document -> what writes its rows, and whose rows they are; title, note and unknown language are the version's own.
SECTIONS: Mapping[str, Callable[[PolicyVersion, Document], None]] = {
    "words": _write_words,
    "categories": _write_guidelines,
    "thresholds": _write_thresholds,
    "detectors": _write_detectors,
    "age_rules": _write_ages,
    "territories": _write_territories,
    "standings": _write_standings,
    "banks": _write_banks,
    "routing": _write_routing,
    "clauses": _write_clauses,
}
_MODELS: Mapping[str, type[Model]] = {
    "categories": Guideline,
    "thresholds": Threshold,
    "detectors": DetectorUse,
    "age_rules": AgeRule,
    "territories": TerritoryRule,
    "standings": StandingRule,
    "banks": BankRule,
    "routing": RoutingRule,
    "clauses": Clause,
}


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
        terms.append(term_row(lists[row.list_name], row))
    Term.objects.bulk_create(terms, ignore_conflicts=True, batch_size=1_000)
    return len(terms)


def term_row(terms: TermList, row: TermRow) -> Term:
    """Return a term of a list, not stored yet."""
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
