"""A policy version as frozen arrays: what `decide` reads. Built by `compile`; holds no rule of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from policies.choices import RESTRICTED_QUEUE, UNEXAMINED_QUEUE
from policies.document.rows import ClauseRow

U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U64 = npt.NDArray[np.uint64]
I16 = npt.NDArray[np.int16]
F32 = npt.NDArray[np.float32]
Intp = npt.NDArray[np.intp]

#: Threshold levels of a category: 1 to 3 restrict to 13, 16 and 18, 4 escalates, 5 blocks; 0 is below all.
N_LEVELS = 6
#: In a threshold table: no score reaches it.
NEVER = np.float32(np.inf)
#: Slots of the fixed vocabularies, the last one for "unknown".
KIND_SLOTS, CLAIM_SLOTS, STANDING_SLOTS = 4, 5, 5


@dataclass(frozen=True, slots=True)
class CompiledTerm:
    """A term as the `terms` detector wants it; `score` is None where `outcome` is mandatory, both for an exception."""

    list_name: str
    text: str
    category: str
    language: str  # "" for any
    score: float | None
    outcome: int | None
    is_exception: bool
    whole_word: bool


@dataclass(frozen=True, slots=True)
class Route:
    """A routing rule; an empty or None condition matches anything."""

    category: str
    language: str
    kind: int | None
    queue: str
    severity: int  # 1..5
    sla_minutes: int


@dataclass(frozen=True, slots=True, eq=False)
class CompiledPolicy:
    """One policy version, ready to decide. Every array is read-only.

    A *rank* numbers the rules by how restrictive they are: of all the rules that an item meets, the largest rank decides.
    `rank_*` tables turn a rank into what it means; every other `*_rank` table turns evidence or context into a rank.
    """

    number: int
    key: str
    title: str
    digest: str  # sha256 of the content in hexadecimal
    categories: tuple[str, ...]
    severities: Mapping[str, int]
    child_safety: frozenset[str]
    markets: tuple[str, ...]  # those some rule names; any other known market has the index len(markets)
    languages: tuple[str, ...]  # likewise
    detectors: tuple[str, ...]  # columns of `missing`
    rules: tuple[str, ...]
    age_reasons: Mapping[str, str]
    territory_groups: tuple[tuple[str, ...], ...]  # bit i of a territories mask blocks group i
    required: tuple[frozenset[str], ...]  # per ItemKind, the detectors that count; the last entry is for unknown kinds
    bank_outcomes: Mapping[str, int]
    terms: tuple[CompiledTerm, ...]
    routing: tuple[Route, ...]
    clauses: tuple[ClauseRow, ...]  # what decisions of people can rest on, by category, each in order
    rank_outcome: U8 = field(repr=False)
    rank_min_age: U8 = field(repr=False)
    rank_rule: I16 = field(repr=False)
    rank_category: I16 = field(repr=False)
    thresholds: F32 = field(repr=False)  # (profiles, 5, categories, 1), non-decreasing over axis 1
    profile_of: U16 = field(repr=False)  # (markets + 2, languages + 2, CLAIM_SLOTS), last slot of each = unknown
    score_rank: U16 = field(repr=False)  # (N_LEVELS * categories,): by level * categories + reversed category
    key_order: U8 | U16 = field(repr=False)  # (categories, 1): n - 1 down to 0, as narrow as a score key fits
    hard_rank: U16 = field(repr=False)  # (categories, 5): by category and Outcome
    invalid_rank: U16 = field(repr=False)  # (categories,)
    unlabelled_rank: U16 = field(repr=False)  # (5,): by Outcome
    missing_rank: U16 = field(repr=False)  # (KIND_SLOTS, 2 ** detectors): by kind and bit mask of missing detectors
    context_rank: U16 = field(repr=False)  # (KIND_SLOTS, markets + 2, CLAIM_SLOTS, STANDING_SLOTS)
    context_age: U8 = field(repr=False)  # same shape, in years
    age_rank: U16 = field(repr=False)  # (KIND_SLOTS, markets + 2): these three make up context_rank
    claim_rank: U16 = field(repr=False)  # (CLAIM_SLOTS,)
    standing_rank: U16 = field(repr=False)  # (STANDING_SLOTS,)
    language_rank: U16 = field(repr=False)  # (languages + 2,)
    territory_rank: U16 = field(repr=False)  # (groups,)
    territory_category: Intp = field(repr=False)  # (groups,)
    territory_at: F32 = field(repr=False)  # (groups, 1)
    territory_bit: U64 = field(repr=False)  # (groups, 1)

    def market_index(self, market: str | None) -> int:
        """Return the index of a market; -1 when it is unknown, len(markets) when known but without rules of its own."""
        if not (market and len(market) == 2 and market.isascii() and market.isalpha()):
            return -1
        return _index(self.markets, market.upper())

    def language_index(self, language: str | None) -> int:
        """Return the index of a language by its primary subtag; -1 when unknown ("und", "")."""
        subtag = (language or "").split("-")[0].lower()
        if not (2 <= len(subtag) <= 3 and subtag.isascii() and subtag.isalpha()) or subtag == "und":
            return -1
        return _index(self.languages, subtag)

    def counts(self, detector: str, kind: int) -> bool:
        """Tell whether findings of a detector count for an ItemKind; for an unknown kind, whether they count for any."""
        return detector in self.required[kind if 0 <= kind < KIND_SLOTS - 1 else -1]

    def territories_of(self, mask: int) -> tuple[str, ...]:
        """Return the ISO codes, sorted, that a territories mask blocks."""
        blocked = {code for i, group in enumerate(self.territory_groups) if mask >> i & 1 for code in group}
        return tuple(sorted(blocked))

    def route_of(self, category: str, language: str, kind: int) -> Route:
        """Return the first route that matches; the last one always does."""
        for route in self.routing:
            if route.category in {"", category} and route.language in {"", language} and route.kind in {None, kind}:
                return route
        raise LookupError("a compiled policy ends in a route that matches everything")

    def clause_of(self, category: str, key: str) -> ClauseRow | None:
        """Return one clause of a category; None where this version has none of that key."""
        return next((row for row in self.clauses if (row.category, row.key) == (category, key)), None)

    def queue_of(self, *, category: str, language: str, kind: int, is_held: bool) -> str:
        """Return the queue of the job that a machine's verdict opens; `is_held` where it is HOLD, not ESCALATE."""
        if category in self.child_safety:
            return RESTRICTED_QUEUE
        return UNEXAMINED_QUEUE if is_held else self.route_of(category, language, kind).queue


def _index(values: tuple[str, ...], value: str) -> int:
    return values.index(value) if value in values else len(values)
