"""Items that two versions treat differently, nearest to the threshold first; and which threshold would flip an item. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from policies.decision.compiled import N_LEVELS, NEVER, CompiledPolicy
from policies.decision.decide import LEVEL_NAMES, EvidenceBatch, VerdictBatch, decide, profiles_of, rows_of
from policies.replay.outcomes import FlippedItem
from policies.replay.population import Population
from policies.replay.verdicts import VersionVerdicts

#: How many flipped items a simulation shows.
MOST_FLIPPED = 200
#: Thresholds are written with four decimals.
_DECIMALS = 10_000
F64 = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Flip:
    """One threshold, moved alone, that gives an item another verdict.

    level: one of restrict_13, restrict_16, restrict_18, escalate, block
    threshold: where it is now, None where the version has none; moved_to: the nearest place that flips, four decimals
    outcome, min_age: the verdict afterwards
    """

    category: str
    level: str
    score: float
    threshold: float | None
    moved_to: float
    outcome: int
    min_age: int


@dataclass(frozen=True, slots=True)
class _Reach:
    """Per flipped item what one version's verdict rests on; NaN where it rests on no score."""

    level: Rows  # 0 for none
    category: Rows  # position in that version's policy
    score: F64
    threshold: F64

    @property
    def margin(self) -> F64:
        """How far each score lies from its threshold."""
        return np.abs(self.score - self.threshold)


def nearest_flips(
    population: Population, before: VersionVerdicts, after: VersionVerdicts, most: int = MOST_FLIPPED
) -> tuple[FlippedItem, ...]:
    """Return items whose outcome differs, nearest to the threshold first, at most `most`."""
    rows = np.flatnonzero(before.outcome != after.outcome)
    if not len(rows):
        return ()
    is_stricter = after.outcome[rows] > before.outcome[rows]
    reaches = [_reach(verdicts, rows) for verdicts in (before, after)]
    margin = np.where(is_stricter, reaches[1].margin, reaches[0].margin)
    margin[np.isnan(margin)] = np.inf
    first = _smallest(margin, population.item_pk[rows], most)
    return tuple(
        _flip(population, before, after, int(rows[i]), after if is_stricter[i] else before, reaches, int(i))
        for i in first.tolist()
    )


def nearest_below(verdicts: VersionVerdicts, rows: Rows, *, within: float, most: int) -> Rows:
    """Return which of some rows a version would stop if a score were a little higher: nearest to the threshold first.

    Args:
        within: how far below a threshold to escalate or to block a score may be.
    """
    if not len(rows):
        return rows
    stops = [LEVEL_NAMES.index(name) - 1 for name in ("escalate", "block")]
    thresholds = verdicts.policy.thresholds[_profiles(verdicts, rows)][:, stops, :, 0].astype(np.float64)
    gap = thresholds - verdicts.batch.scores[rows][:, None, :]
    margin = np.where((gap > 0) & (gap <= within), gap, np.inf).min(axis=(1, 2))
    found = np.flatnonzero(np.isfinite(margin))
    return rows[found[np.argsort(margin[found], kind="stable")][:most]]


def _smallest(margin: F64, item_pk: npt.NDArray[np.int64], most: int) -> Rows:
    """Return the positions of the smallest margins in order; equals by primary key."""
    some = np.arange(len(margin))
    if len(margin) > most:
        limit = np.partition(margin, most - 1)[most - 1]
        some = np.flatnonzero(margin <= limit)
    return some[np.lexsort((item_pk[some], margin[some]))][:most]


def _reach(verdicts: VersionVerdicts, rows: Rows) -> _Reach:
    """Return the level, category, score and threshold that one version's verdicts on some rows rest on."""
    levels = np.array([_level_of(rule) for rule in verdicts.policy.rules])
    level = levels[verdicts.verdict.rule[rows]]
    category = verdicts.verdict.category[rows].astype(np.intp)
    rests = (level > 0) & (category >= 0)
    score, threshold = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    at, c, depth = rows[rests], category[rests], level[rests]
    profile = _profiles(verdicts, at)
    score[rests] = verdicts.batch.scores[at, c]
    threshold[rests] = verdicts.policy.thresholds[profile, depth - 1, c, 0]
    return _Reach(np.where(rests, level, 0), category, score, threshold)


def _level_of(rule: str) -> int:
    family = rule.partition(".")[0]
    return LEVEL_NAMES.index(family) if family in LEVEL_NAMES[1:] else 0


def _profiles(verdicts: VersionVerdicts, rows: Rows) -> npt.NDArray[np.uint16]:
    return profiles_of(rows_of(verdicts.batch, rows), verdicts.policy)


def _flip(
    population: Population,
    before: VersionVerdicts,
    after: VersionVerdicts,
    row: int,
    stricter: VersionVerdicts,
    reaches: list[_Reach],
    i: int,
) -> FlippedItem:
    reach = reaches[1] if stricter is after else reaches[0]
    level = int(reach.level[i])
    category = stricter.verdict.category[row]
    name = stricter.policy.categories[category] if category >= 0 else ""
    return FlippedItem(
        item_pk=int(population.item_pk[row]),
        before=int(before.outcome[row]),
        after=int(after.outcome[row]),
        rule_before=before.policy.rules[before.verdict.rule[row]],
        rule_after=after.policy.rules[after.verdict.rule[row]],
        category=name,
        level=LEVEL_NAMES[level],
        score=_number(float(reach.score[i])) if level else None,
        threshold_before=_threshold(before, row, name, level) if level else None,
        threshold_after=_threshold(after, row, name, level) if level else None,
        margin=_number(abs(float(reach.score[i] - reach.threshold[i]))) if level else None,
    )


def _threshold(verdicts: VersionVerdicts, row: int, category: str, level: int) -> float | None:
    """Return where a level begins for an item under a version's policy; None for never."""
    if category not in verdicts.policy.categories:
        return None
    profile = _profiles(verdicts, np.array([row]))[0]
    return _number(float(verdicts.policy.thresholds[profile, level - 1, verdicts.policy.categories.index(category), 0]))


def _number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def flips_at(batch: EvidenceBatch, policy: CompiledPolicy) -> tuple[Flip, ...]:
    """Return which thresholds, each moved alone to the nearest place, would give an item another verdict.

    Nearest first. A threshold moves only as far as the levels beside it allow: a version with its levels out of order
    cannot be published.

    Args:
        batch: one item, from `Population.batch_for(policy)`.

    Raises: ValueError when it is not one item.
    """
    if len(batch) != 1:
        raise ValueError(f"flips are of one item, not {len(batch)}")
    now = decide(batch, policy)
    profile = int(profiles_of(batch, policy)[0])
    found = [flip for flip in _moves(batch, policy, profile) if _differs(now, flip[1])]
    flips = [replace(flip, outcome=int(v.outcome[0]), min_age=int(v.min_age[0])) for flip, v in found]
    return tuple(
        sorted(flips, key=lambda flip: abs(flip.moved_to - (1.0 if flip.threshold is None else flip.threshold)))
    )


def _differs(now: VerdictBatch, then: VerdictBatch) -> bool:
    return any(getattr(now, name)[0] != getattr(then, name)[0] for name in ("outcome", "min_age"))


def _moves(batch: EvidenceBatch, policy: CompiledPolicy, profile: int) -> Iterator[tuple[Flip, VerdictBatch]]:
    """Yield every move of one threshold across the item's score, with the verdict that follows."""
    for c, category in enumerate(policy.categories):
        score = batch.scores[0, c]
        ladder = [np.float32(0), *policy.thresholds[profile, :, c, 0], NEVER]
        for level in range(1, N_LEVELS):
            # A level that is not written takes the next stricter one's place, in the compiled policy.
            is_written = ladder[level] < ladder[level + 1]
            place = _across(score, ladder[level])
            if place is None or (score >= ladder[level] and not is_written):
                continue
            milder = max(step for step in ladder[:level] if step < ladder[level] or step == 0)
            if not milder <= np.float32(place) <= ladder[level + 1]:
                continue
            moved = _with_level(policy, profile, c, level, place)
            threshold = _number(float(ladder[level])) if is_written else None
            flip = Flip(category, LEVEL_NAMES[level], round(float(score), 6), threshold, place, 0, 0)
            yield flip, decide(batch, moved)


def _across(score: np.float32, threshold: np.float32) -> float | None:
    """Return the nearest threshold on the other side of a score; None where there is none in (0, 1]."""
    if not 0 <= score <= 1:
        return None
    steps = math.floor(float(score) * _DECIMALS)
    while np.float32((steps + 1) / _DECIMALS) <= score:
        steps += 1
    place = (steps + 1 if score >= threshold else steps) / _DECIMALS
    return place if 0 < place <= 1 else None


def _with_level(policy: CompiledPolicy, profile: int, category: int, level: int, place: float) -> CompiledPolicy:
    """Return the policy with one level moved in one profile, and the unwritten levels below it with it."""
    thresholds = policy.thresholds.copy()
    column = thresholds[profile, :, category, 0]
    old = column[level - 1]
    for lower in range(level - 1, -1, -1):
        if column[lower] != old:
            break
        column[lower] = np.float32(place)
    return replace(policy, thresholds=thresholds)
