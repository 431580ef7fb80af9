"""Turns a policy version's document into the frozen arrays that `decide` reads."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from policies.choices import BAND_MIN_AGES, DETECTORS, KIND_KEYS, Band, Outcome, Standing
from policies.decision.compiled import KIND_SLOTS, N_LEVELS, U16, CompiledPolicy, CompiledTerm, Intp, Route
from policies.decision.threshold_tables import threshold_tables, with_unknown
from policies.document.rows import Document
from policies.document.schema import LEVEL_KEYS, STANDING_KEYS, check_levels, languages_of, markets_of, parse_document
from policies.errors import PolicyError

#: Equally restrictive rules are asked in this order: evidence before context, the surest first.
_FAMILIES = ("hard", "invalid", "missing", "score", "standing", "language", "age", "claim", "territory")
_ADULT = BAND_MIN_AGES[Band.ADULT]
#: Score levels 1 to 5: name, outcome, least age. What is not served at all counts as adult.
_LEVELS = (
    ("restrict_13", Outcome.RESTRICT, 13),
    ("restrict_16", Outcome.RESTRICT, 16),
    ("restrict_18", Outcome.RESTRICT, _ADULT),
    ("escalate", Outcome.ESCALATE, _ADULT),
    ("block", Outcome.BLOCK, _ADULT),
)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One consequence of one rule. `where` finds its rank again when the tables are filled."""

    where: tuple[Any, ...]  # the family first
    rule: str
    outcome: int
    min_age: int = 0
    category: int = -1


def compile_document(data: Mapping[str, Any]) -> CompiledPolicy:
    """Return the compiled policy of a document.

    Raises: PolicyError naming the field that is wrong.
    """
    return compile_parsed(parse_document(data))


def digest_of(document: Document) -> str:
    """Return the SHA-256 in hexadecimal of what a version decides by.

    Left out: number, key, title and note, and the words that only people read, which may be corrected. The order of rows
    counts only where it decides, in the routing.
    """
    content = asdict(document)
    for field in ("number", "key", "title", "change_note"):
        del content[field]
    for row in content["categories"]:
        del row["name"], row["guideline"]
    if not content["clauses"]:  # versions of before there were clauses are what was published
        del content["clauses"]
    for field in ("categories", "detectors", "thresholds", "ages", "territories", "terms"):
        content[field] = sorted(json.dumps(row, sort_keys=True) for row in content[field])
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def compile_parsed(document: Document) -> CompiledPolicy:
    """Return the compiled policy of a document that `parse_document` gave."""
    entries = _order(_entries(document))
    ranks = {entry.where: rank for rank, entry in enumerate(entries)}
    rules = tuple(dict.fromkeys(entry.rule for entry in entries))
    tables = {**_rank_tables(entries, rules), **threshold_tables(document), **_evidence_tables(document, ranks)}
    tables |= {**_context_tables(document, ranks), **_territory_tables(document, ranks)}
    for table in tables.values():
        table.flags.writeable = False
    return CompiledPolicy(rules=rules, **_names(document), **tables)


def _names(document: Document) -> dict[str, Any]:
    reasons = {row.rule: f"{row.min_age} and over: {row.reason}" for row in document.ages}
    return {
        "number": document.number,
        "key": document.key,
        "title": document.title,
        "digest": digest_of(document),
        "categories": tuple(row.slug for row in document.categories),
        "severities": MappingProxyType({row.slug: row.severity for row in document.categories}),
        "child_safety": frozenset(row.slug for row in document.categories if row.is_child_safety),
        "markets": markets_of(document),
        "languages": languages_of(document),
        "detectors": DETECTORS,
        "age_reasons": MappingProxyType(reasons),
        "territory_groups": tuple(row.regions for row in document.territories),
        "required": _require(document),
        "bank_outcomes": MappingProxyType(dict(document.banks)),
        "terms": tuple(CompiledTerm(**asdict(row)) for row in document.terms),
        "routing": tuple(Route(**asdict(row)) for row in document.routing),
        "clauses": document.clauses,
    }


def _require(document: Document) -> tuple[frozenset[str], ...]:
    used = [(row.kind, row.detector) for row in document.detectors if row.when_missing is not None]
    per_kind = [frozenset(name for kind, name in used if kind == k) for k in range(len(KIND_KEYS))]
    return (*per_kind, frozenset().union(*per_kind))


def _entries(document: Document) -> list[_Entry]:
    """Return every consequence that any rule can have, in the fixed order that settles ties within a family."""
    entries = [_Entry(("default",), "default.clear", Outcome.CLEAR)]
    for c, row in enumerate(document.categories):
        acting = (outcome for outcome in Outcome if outcome)
        entries += [_Entry(("hard", c, int(o)), f"hard.{row.slug}", o, _ADULT, c) for o in acting]
        entries.append(_Entry(("invalid", c), f"invalid.{row.slug}", Outcome.HOLD, _ADULT, c))
        for level, (name, outcome, age) in enumerate(_LEVELS, start=1):
            entries.append(_Entry(("score", level, c), f"{name}.{row.slug}", outcome, age, c))
    unlabelled = (Outcome.HOLD, Outcome.BLOCK)
    entries += [_Entry(("invalid", "unlabelled", int(o)), "invalid.unknown_category", o, _ADULT) for o in unlabelled]
    for d, detector in enumerate(DETECTORS):
        entries += [_Entry(("missing", d, int(o)), f"missing.{detector}", o) for o in (Outcome.ESCALATE, Outcome.HOLD)]
    return entries + _context_entries(document)


def _context_entries(document: Document) -> list[_Entry]:
    entries = [
        _Entry(("standing", standing), f"standing.{STANDING_KEYS[standing]}", outcome)
        for standing, outcome in document.standings.items()
        if outcome
    ]
    if document.unknown_language:
        entries.append(_Entry(("language",), "language.unknown", document.unknown_language))
    entries += [_Entry(("age", row.rule), row.rule, Outcome.RESTRICT, row.min_age) for row in document.ages]
    names = ("", "claim.13", "claim.16", "claim.adult")
    entries += [_Entry(("claim", b), names[b], Outcome.RESTRICT, BAND_MIN_AGES[b]) for b in Band if b]
    slugs = [row.slug for row in document.categories]
    return entries + [
        _Entry(("territory", g), f"territory.{row.category}", Outcome.RESTRICT, category=slugs.index(row.category))
        for g, row in enumerate(document.territories)
    ]


def _order(entries: list[_Entry]) -> list[_Entry]:
    """Return the entries from the least to the most restrictive; among equals, the first of the fixed order is last."""
    order = {name: i for i, name in enumerate(_FAMILIES)}

    def rank(pair: tuple[int, _Entry]) -> tuple[int, int, int, int]:
        i, entry = pair
        # Age orders restrictions only: what is not served at all is equally restrictive.
        age = entry.min_age if entry.outcome == Outcome.RESTRICT else 0
        return entry.outcome, age, -order.get(entry.where[0], 0), -i

    return [entry for _, entry in sorted(enumerate(entries), key=rank)]


def _rank_tables(entries: list[_Entry], rules: tuple[str, ...]) -> dict[str, Any]:
    index = {rule: i for i, rule in enumerate(rules)}
    return {
        "rank_outcome": np.array([entry.outcome for entry in entries], np.uint8),
        "rank_min_age": np.array([entry.min_age for entry in entries], np.uint8),
        "rank_rule": np.array([index[entry.rule] for entry in entries], np.int16),
        "rank_category": np.array([entry.category for entry in entries], np.int16),
    }


def threshold_variant(
    policy: CompiledPolicy, document: Document, category: str, level: str, threshold: float | None
) -> CompiledPolicy:
    """Return a compiled document with one level of a category's base row at another place; None for never.

    Only the thresholds are built anew, which takes milliseconds: what a slider does while it moves.

    Args:
        policy: `document` compiled.
        level: one of LEVEL_KEYS.

    Raises: PolicyError when the levels would be out of order or the category or level is unknown.
    """
    changed = with_threshold(document, category, level, threshold)
    parts = threshold_tables(changed)
    for table in parts.values():
        table.flags.writeable = False
    return replace(policy, digest="", **parts)


def with_threshold(document: Document, category: str, level: str, threshold: float | None) -> Document:
    """Return a document with one level of a category's base row at another place.

    Raises: PolicyError as `threshold_variant`.
    """
    if level not in LEVEL_KEYS:
        raise PolicyError("level", f"must be one of {', '.join(LEVEL_KEYS)}")
    rows = list(document.thresholds)
    place = next((i for i, row in enumerate(rows) if row.category == category and row.is_base), None)
    if place is None:
        raise PolicyError("category", f"{category!r} has no base row of thresholds")
    levels = list(rows[place].levels)
    levels[LEVEL_KEYS.index(level)] = threshold
    check_levels(levels, f"thresholds.{category}")
    rows[place] = replace(rows[place], levels=tuple(levels))
    return replace(document, thresholds=tuple(rows))


_Ranks = Mapping[tuple[Any, ...], int]


def _evidence_tables(document: Document, ranks: _Ranks) -> dict[str, Any]:
    n = len(document.categories)
    score = np.zeros(N_LEVELS * n, np.uint16)
    hard = np.zeros((n, len(Outcome)), np.uint16)
    for c in range(n):
        for level in range(1, N_LEVELS):
            score[level * n + n - 1 - c] = ranks["score", level, c]
        for outcome in range(1, len(Outcome)):
            hard[c, outcome] = ranks["hard", c, outcome]
    hold, block = (ranks["invalid", "unlabelled", int(outcome)] for outcome in (Outcome.HOLD, Outcome.BLOCK))
    return {
        "score_rank": score,
        "key_order": np.arange(n - 1, -1, -1, dtype=np.uint8 if n * N_LEVELS <= 256 else np.uint16)[:, None],
        "hard_rank": hard,
        "invalid_rank": np.array([ranks["invalid", c] for c in range(n)], np.uint16),
        "unlabelled_rank": np.array([0, hold, hold, hold, block], np.uint16),
        "missing_rank": _missing_table(document, ranks),
    }


def _missing_table(document: Document, ranks: _Ranks) -> U16:
    """Return the rank for each kind and each set of missing detectors, the set written as bits."""
    alone = np.zeros((len(KIND_KEYS), len(DETECTORS)), np.uint16)
    for row in document.detectors:
        if row.when_missing is not None:
            d = DETECTORS.index(row.detector)
            alone[row.kind, d] = ranks["missing", d, row.when_missing]
    alone = with_unknown(alone, (0,), np.max)
    table = np.zeros((KIND_SLOTS, 2 ** len(DETECTORS)), np.uint16)
    for mask, d in itertools.product(range(table.shape[1]), range(len(DETECTORS))):
        if mask >> d & 1:
            table[:, mask] = np.maximum(table[:, mask], alone[:, d])
    return table


def _context_tables(document: Document, ranks: _Ranks) -> dict[str, Any]:
    standing = np.zeros(len(Standing), np.uint16)
    for value, outcome in document.standings.items():
        standing[value] = ranks["standing", value] if outcome else 0
    standing = with_unknown(standing, (0,), np.max)
    claim = with_unknown(np.array([0] + [ranks["claim", b] for b in Band if b], np.uint16), (0,), np.max)
    age, years = _age_tables(document, ranks)
    claim_years = with_unknown(np.array(BAND_MIN_AGES, np.uint8), (0,), np.max)
    language = np.zeros(len(languages_of(document)) + 2, np.uint16)
    language[-1] = ranks.get(("language",), 0)
    context = np.maximum(np.maximum(age[:, :, None], claim)[..., None], standing)
    context_years = np.broadcast_to(np.maximum(years[:, :, None], claim_years)[..., None], context.shape)
    return {
        "age_rank": age,
        "claim_rank": claim,
        "standing_rank": standing,
        "language_rank": language,
        "context_rank": context,
        "context_age": np.ascontiguousarray(context_years),
    }


def _age_tables(document: Document, ranks: _Ranks) -> tuple[Any, Any]:
    places = {market: m for m, market in enumerate(markets_of(document))}
    shape = (len(KIND_KEYS), len(places) + 1)
    rank, years = np.zeros(shape, np.uint16), np.zeros(shape, np.uint8)
    for row in document.ages:
        # A rule without a kind or a market holds for all of them.
        where = (slice(None) if row.kind is None else row.kind, places[row.market] if row.market else slice(None))
        rank[where] = np.maximum(rank[where], ranks["age", row.rule])
        years[where] = np.maximum(years[where], row.min_age)
    return with_unknown(rank, (0, 1), np.max), with_unknown(years, (0, 1), np.max)


def _territory_tables(document: Document, ranks: _Ranks) -> dict[str, Any]:
    slugs = [row.slug for row in document.categories]
    categories: Intp = np.array([slugs.index(row.category) for row in document.territories], np.intp)
    n = len(document.territories)
    return {
        "territory_rank": np.array([ranks["territory", g] for g in range(n)], np.uint16),
        "territory_category": categories,
        "territory_at": np.array([row.at for row in document.territories], np.float32).reshape(n, 1),
        "territory_bit": (np.uint64(1) << np.arange(n, dtype=np.uint64)).reshape(n, 1),
    }
