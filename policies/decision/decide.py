"""The decision function: arrays of evidence and a compiled policy in, arrays of verdicts out. Pure; numpy only.

One item is a batch of one and a simulation is a batch of a million; there is no second implementation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from policies.decision.compiled import CLAIM_SLOTS, KIND_SLOTS, STANDING_SLOTS, U8, U16, U64, CompiledPolicy, Intp

# Outcomes and levels as numbers: importing the enumeration would import the ORM. A test holds the two together.
CLEAR, RESTRICT, ESCALATE, HOLD, BLOCK = range(5)
#: By the number of threshold levels that a score reaches.
LEVEL_NAMES = ("", "restrict_13", "restrict_16", "restrict_18", "escalate", "block")
#: Items judged at once: their columns fit the second-level cache.
_CHUNK = 32_768
#: Items whose scores are compared at once: scores, hits and keys fit the first two cache levels.
_TILE = 8_192
#: The value of each detector's bit in a mask of missing detectors.
_BITS = np.exp2(np.arange(24, dtype=np.float32))

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class EvidenceBatch:
    """Evidence and context of n items, one row each. In every context column -1 (or any value the policy does not know)
    is *unknown* and gets the strictest that any known value would get.

    scores: (n, categories) float32 in [0, 1], fused over the detectors that count for the item's kind
    missing: (n, detectors) bool, in the order of `policy.detectors`
    hard: (n, categories) uint8, the Outcome that hard evidence demands at least; 0 for none
    kind: (n,) int8, ItemKind
    market: (n,) int16, from `policy.market_index`
    language: (n,) int16, from `policy.language_index`
    claim: (n,) int8, the Band that the creator names as the youngest intended; no claim is UNDER_13, that is everyone
    standing: (n,) int8, Standing
    unlabelled: (n,) uint8 or None, the least Outcome due to findings in categories the policy does not know
    """

    scores: npt.NDArray[np.float32]
    missing: npt.NDArray[np.bool_]
    hard: U8
    kind: npt.NDArray[np.int8]
    market: npt.NDArray[np.int16]
    language: npt.NDArray[np.int16]
    claim: npt.NDArray[np.int8]
    standing: npt.NDArray[np.int8]
    unlabelled: U8 | None = None

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.scores)


@dataclass(frozen=True, slots=True)
class VerdictBatch:
    """Verdicts of n items. `min_age` is the largest of all rules met, also where nothing is served.

    outcome: (n,) uint8, Outcome
    min_age: (n,) uint8, years: 0, 13, 16 or 18
    territories: (n,) uint64, bit i blocks `policy.territory_groups[i]`
    rule: (n,) int16, index into `policy.rules`: what decided
    category: (n,) int16, index into `policy.categories`, -1 where the rule has none
    """

    outcome: U8
    min_age: U8
    territories: U64
    rule: npt.NDArray[np.int16]
    category: npt.NDArray[np.int16]

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.outcome)


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that an item met. `score` and `threshold` are None for rules that compare no score."""

    rule: str
    category: str
    score: float | None
    threshold: float | None
    detail: str


def decide(batch: EvidenceBatch, policy: CompiledPolicy) -> VerdictBatch:
    """Return what the policy says of each item; the most restrictive rule wins, and the first of the equally restrictive.

    Raises: ValueError when a column has another length or width than the policy's.
    """
    _check_shapes(batch, policy)
    n = len(batch)
    rank, min_age = np.empty(n, np.uint16), np.empty(n, np.uint8)
    territories = np.zeros(n, np.uint64)
    for start in range(0, n, _CHUNK):
        rows = slice(start, start + _CHUNK)
        part = batch if n <= _CHUNK else rows_of(batch, rows)
        _judge(part, policy, rank[rows], min_age[rows], territories[rows])
    return VerdictBatch(
        outcome=policy.rank_outcome.take(rank),
        min_age=min_age,
        territories=territories,
        rule=policy.rank_rule.take(rank),
        category=policy.rank_category.take(rank),
    )


def _judge(batch: EvidenceBatch, policy: CompiledPolicy, rank: U16, min_age: U8, territories: U64) -> None:
    """Write rank, min_age and territories of one chunk into the given views."""
    kind, market, language, claim, standing = _slots(batch, policy)
    _score_ranks(batch.scores, policy, _profiles(policy, market, language, claim), rank, territories)
    policy.rank_min_age.take(rank, out=min_age, mode="clip")
    context = ((kind * (len(policy.markets) + 2) + market) * CLAIM_SLOTS + claim) * STANDING_SLOTS + standing
    np.maximum(min_age, policy.context_age.take(context), out=min_age)
    np.maximum(rank, policy.context_rank.take(context), out=rank)
    np.maximum(rank, policy.missing_rank.take(_missing_code(batch.missing, kind)), out=rank)
    np.maximum(rank, policy.language_rank.take(language), out=rank)
    if batch.unlabelled is not None:
        np.maximum(rank, policy.unlabelled_rank.take(np.minimum(batch.unlabelled, BLOCK)), out=rank)
    _apply_hard(batch.hard, policy, rank, min_age)


def _slots(batch: EvidenceBatch, policy: CompiledPolicy) -> tuple[Intp, Intp, Intp, Intp, Intp]:
    """Return the table index of every context value; all that is negative or too large lands on the last, unknown slot."""
    return (
        _slot(batch.kind, np.uint8, KIND_SLOTS - 1),
        _slot(batch.market, np.uint16, len(policy.markets) + 1),
        _slot(batch.language, np.uint16, len(policy.languages) + 1),
        _slot(batch.claim, np.uint8, CLAIM_SLOTS - 1),
        _slot(batch.standing, np.uint8, STANDING_SLOTS - 1),
    )


def _slot(column: Array, unsigned: type[np.unsignedinteger[Any]], unknown: int) -> Intp:
    # Read as unsigned, a negative number is a large one, so that one minimum catches both ends.
    return np.minimum(column.view(unsigned), unsigned(unknown)).astype(np.intp)


def profiles_of(batch: EvidenceBatch, policy: CompiledPolicy) -> U16:
    """Return for each item which of `policy.thresholds` holds: (n,) uint16."""
    _, market, language, claim, _ = _slots(batch, policy)
    return _profiles(policy, market, language, claim)


def _profiles(policy: CompiledPolicy, market: Intp, language: Intp, claim: Intp) -> U16:
    """Return which set of thresholds holds for each item."""
    context = (market * (len(policy.languages) + 2) + language) * CLAIM_SLOTS + claim
    return policy.profile_of.take(context)


def _score_ranks(scores: Array, policy: CompiledPolicy, profiles: U16, rank: U16, territories: U64) -> None:
    """Write the ranks that scores alone give. Items are grouped by profile, so that thresholds are never gathered."""
    if len(profiles) == 1 or len(policy.thresholds) == 1:
        for start in range(0, len(scores), _TILE):
            tile = slice(start, start + _TILE)
            rank[tile], territories[tile] = _judge_scores(scores[tile], policy, int(profiles[0]))
        return
    order = np.argsort(profiles, kind="stable")  # a radix sort on 16 bits; stable keeps each group's reads in order
    counts = np.bincount(profiles)
    starts = np.cumsum(counts) - counts
    for profile in np.flatnonzero(counts):
        group = order[starts[profile] : starts[profile] + counts[profile]]
        for start in range(0, len(group), _TILE):
            rows = group[start : start + _TILE]
            rank[rows], territories[rows] = _judge_scores(scores.take(rows, axis=0), policy, int(profile))


def _judge_scores(scores: Array, policy: CompiledPolicy, profile: int) -> tuple[U16, U64 | int]:
    """Return the ranks and territories of items that share one profile."""
    columns = np.ascontiguousarray(scores.T)  # one row a category: each comparison is one run over memory
    invalid = _invalid(columns)
    if invalid is not None:
        columns = np.where(columns > 1, np.float32(1), columns)
    rank = policy.score_rank.take(_level_keys(columns, policy.thresholds[profile], policy.key_order).max(axis=0))
    if invalid is not None:
        np.maximum(rank, np.where(invalid, policy.invalid_rank[:, None], 0).max(axis=0), out=rank)
    if not policy.territory_groups:
        return rank, 0
    hits = _territory_hits(columns, policy)
    if not hits.any():
        return rank, 0
    np.maximum(rank, np.where(hits, policy.territory_rank[:, None], 0).max(axis=0), out=rank)
    return rank, np.bitwise_or.reduce(np.where(hits, policy.territory_bit, np.uint64(0)), axis=0)


def _invalid(columns: Array) -> npt.NDArray[np.bool_] | None:
    """Return where a score is NaN or outside [0, 1]; None when nowhere. The extremes are NaN if any score is."""
    if columns.min() >= 0 and columns.max() <= 1:
        return None
    return ~((columns >= 0) & (columns <= 1))


def _level_keys(columns: Array, thresholds: Array, order: Array) -> Array:
    """Return level * categories + (categories - 1 - category): the maximum over axis 0 is the highest level reached and,
    of the categories that reach it, the first."""
    levels = np.add.reduce((columns >= thresholds).view(np.uint8), axis=0, dtype=order.dtype)
    keys: Array = levels * order.dtype.type(len(columns)) + order
    return keys


def _territory_hits(columns: Array, policy: CompiledPolicy) -> npt.NDArray[np.bool_]:
    hits: npt.NDArray[np.bool_] = columns[policy.territory_category] >= policy.territory_at
    return hits


def _missing_code(missing: npt.NDArray[np.bool_], kind: Intp) -> Intp:
    """Return the index into `missing_rank`: one bit for each detector, and the kind in the bits above them."""
    # A product of floats is several times faster here than shifting or packing bits, and exact below 2 ** 24.
    mask: Intp = (missing.astype(np.float32) @ _BITS[: missing.shape[1]]).astype(np.intp)
    mask += kind << missing.shape[1]
    return mask


def _apply_hard(hard: U8, policy: CompiledPolicy, rank: U16, min_age: U8) -> None:
    """Raise rank and min_age where there is hard evidence. It is rare, so only the rows that have some are touched."""
    if not hard.max():
        return
    flat = np.flatnonzero(hard.reshape(-1) != 0)
    row, category = np.divmod(flat, hard.shape[1])
    ranks = policy.hard_rank[category, np.minimum(hard[row, category], BLOCK)]
    np.maximum.at(rank, row, ranks)
    np.maximum.at(min_age, row, policy.rank_min_age[ranks])


def explain(batch: EvidenceBatch, i: int, policy: CompiledPolicy) -> tuple[Reason, ...]:
    """Return every rule that item i meets, the deciding one first; never empty.

    Raises: ValueError as `decide`; IndexError when there is no item i.
    """
    _check_shapes(batch, policy)
    if not 0 <= i < len(batch):
        raise IndexError(f"no item {i} in a batch of {len(batch)}")
    one = rows_of(batch, slice(i, i + 1))
    found = [*_explain_scores(one, policy), *_explain_missing(one, policy), *_explain_context(one, policy)]
    found += _explain_hard(one, policy)
    found.sort(key=lambda pair: -pair[0])
    reasons = tuple(reason for rank, reason in found if rank)
    return reasons or (Reason(policy.rules[policy.rank_rule[0]], "", None, None, "no rule objected"),)


_Found = list[tuple[int, Reason]]


def _reason(
    policy: CompiledPolicy, rank: int, detail: str, score: Any = None, threshold: Any = None
) -> tuple[int, Reason]:
    category = int(policy.rank_category[rank])
    return int(rank), Reason(
        rule=policy.rules[policy.rank_rule[rank]],
        category=policy.categories[category] if category >= 0 else "",
        score=None if score is None else float(score),
        threshold=None if threshold is None else float(threshold),
        detail=detail,
    )


def _explain_scores(one: EvidenceBatch, policy: CompiledPolicy) -> _Found:
    thresholds = policy.thresholds[profiles_of(one, policy)[0]]
    raw = np.ascontiguousarray(one.scores.T)
    invalid = _invalid(raw)
    columns = np.where(raw > 1, np.float32(1), raw)
    found: _Found = []
    for c, key in enumerate(_level_keys(columns, thresholds, policy.key_order)[:, 0]):
        level, score = int(key) // len(columns), raw[c, 0]
        if invalid is not None and invalid[c, 0]:
            found.append(_reason(policy, policy.invalid_rank[c], f"the score {score} is not in [0, 1]"))
        if level:
            detail = f"the score reaches {LEVEL_NAMES[level]}"
            found.append(_reason(policy, policy.score_rank[key], detail, columns[c, 0], thresholds[level - 1, c, 0]))
    for g in np.flatnonzero(_territory_hits(columns, policy)[:, 0]):
        detail = "not shown in " + ", ".join(policy.territory_groups[g])
        score = columns[policy.territory_category[g], 0]
        found.append(_reason(policy, policy.territory_rank[g], detail, score, policy.territory_at[g, 0]))
    return found


def _explain_missing(one: EvidenceBatch, policy: CompiledPolicy) -> _Found:
    kind = _slots(one, policy)[0]
    found: _Found = []
    for d in np.flatnonzero(one.missing[0]):
        alone = np.zeros_like(one.missing)
        alone[0, d] = True
        rank = int(policy.missing_rank.take(_missing_code(alone, kind))[0])
        found.append(_reason(policy, rank, f"{policy.detectors[d]} is required and gave no answer"))
    return found


def _explain_context(one: EvidenceBatch, policy: CompiledPolicy) -> _Found:
    kind, market, language, claim, standing = (int(slot[0]) for slot in _slots(one, policy))
    found: _Found = [_reason(policy, policy.language_rank[language], "the language is unknown")]
    if one.unlabelled is not None:
        rank = policy.unlabelled_rank[min(int(one.unlabelled[0]), BLOCK)]
        found.append(_reason(policy, rank, "there are findings in a category this policy does not know"))
    found.append(_reason(policy, policy.age_rank[kind, market], ""))
    found.append(_reason(policy, policy.claim_rank[claim], "the creator means it for this age and over"))
    found.append(_reason(policy, policy.standing_rank[standing], "the creator's standing"))
    return [(rank, _with_detail(reason, policy)) for rank, reason in found]


def _with_detail(reason: Reason, policy: CompiledPolicy) -> Reason:
    detail = reason.detail or policy.age_reasons.get(reason.rule, "")
    return Reason(reason.rule, reason.category, reason.score, reason.threshold, detail)


def _explain_hard(one: EvidenceBatch, policy: CompiledPolicy) -> _Found:
    found: _Found = []
    for c in np.flatnonzero(one.hard[0]):
        rank = policy.hard_rank[c, min(int(one.hard[0, c]), BLOCK)]
        found.append(_reason(policy, rank, "hard evidence: a bank match or a term with a mandatory outcome"))
    return found


def rows_of(batch: EvidenceBatch, rows: slice | Array) -> EvidenceBatch:
    """Return some rows of a batch, by slice, positions or mask; a slice copies nothing."""
    return EvidenceBatch(
        scores=batch.scores[rows],
        missing=batch.missing[rows],
        hard=batch.hard[rows],
        kind=batch.kind[rows],
        market=batch.market[rows],
        language=batch.language[rows],
        claim=batch.claim[rows],
        standing=batch.standing[rows],
        unlabelled=None if batch.unlabelled is None else batch.unlabelled[rows],
    )


_DTYPES = {
    "scores": "float32", "missing": "bool", "hard": "uint8", "kind": "int8", "market": "int16", "language": "int16",
    "claim": "int8", "standing": "int8",
}  # fmt: skip


def _check_shapes(batch: EvidenceBatch, policy: CompiledPolicy) -> None:
    n = len(batch)
    shapes = {"scores": (n, len(policy.categories)), "hard": (n, len(policy.categories))}
    shapes["missing"] = (n, len(policy.detectors))
    for name, dtype in _DTYPES.items():
        column = getattr(batch, name)
        if column.dtype != dtype or column.shape != shapes.get(name, (n,)):
            raise ValueError(f"{name} is {column.dtype}{column.shape}, not {dtype}{shapes.get(name, (n,))}")
    if batch.unlabelled is not None and (batch.unlabelled.dtype != np.uint8 or batch.unlabelled.shape != (n,)):
        raise ValueError(f"unlabelled is {batch.unlabelled.dtype}{batch.unlabelled.shape}, not uint8{(n,)}")
