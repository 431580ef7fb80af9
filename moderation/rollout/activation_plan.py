"""What an activation changes of one span of items: stored evidence under the version, beside what stands. Writes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection

from moderation.detection.hashes.detector import HashesDetector
from moderation.detection.types import Lookup
from moderation.live.detectors import detectors_looking_up
from moderation.models.activation import Phase
from moderation.models.decision import PERSON_STAGES, PERSONS_RULES
from moderation.verdict.change import Change, job_for
from moderation.verdict.judge import digest_of, reasons_of
from policies.choices import DETECTORS, Outcome
from policies.decision.compiled import CompiledPolicy
from policies.replay.changed_items import nearest_below
from policies.replay.population import FUSED, Population, detectors_of
from policies.replay.verdicts import VersionVerdicts, decide_population

#: A near miss has a score so little below a threshold that would stop it; and so many are named.
NEAR_SCORE, MOST_NEAR = 0.05, 12
#: One item as the statements below send it, big-endian; the codes of its territories follow apart, two letters each.
_HEAD = np.dtype([("item", ">i8"), ("decision", ">i8"), ("outcome", ">i2"), ("min_age", ">i2"), ("n_codes", ">i2")])
# The server packs the rows: a hundred thousand of them arrive as two values.
_PACKED = """
    SELECT string_agg(
        int8send(item) || int8send(decision) || int2send(outcome::smallint) || int2send(min_age::smallint)
        || int2send(cardinality(territories)::smallint), ''::bytea ORDER BY item
    ), string_agg(array_to_string(territories, ''), '' ORDER BY item)
    FROM ({rows}) r
"""
# What is served, for taking away: narrow rows.
_SERVED = _PACKED.format(
    rows="""
        SELECT item_id AS item, decision_id AS decision, 0 AS outcome, min_age, territories_blocked AS territories
        FROM moderation_clearance
        WHERE item_id > %(after)s AND item_id <= %(until)s AND is_granted
          AND policy_version_id = COALESCE(%(only)s, policy_version_id)
    """
)
# What stands, for everything else.
_STANDING = _PACKED.format(
    rows="""
        SELECT i.id AS item, d.id AS decision, d.outcome, d.min_age, d.territories_blocked AS territories
        FROM moderation_item i JOIN moderation_decision d ON d.id = i.current_decision_id
        WHERE i.id > %(after)s AND i.id <= %(until)s AND d.policy_version_id = COALESCE(%(only)s, d.policy_version_id)
    """
)
_DECISIONS = """
    SELECT d.id, d.evidence, d.stage = ANY(%s) OR d.decided_by = ANY(%s) OR i.withdrawn_at IS NOT NULL
    FROM moderation_decision d JOIN moderation_item i ON i.id = d.item_id WHERE d.id = ANY(%s)
"""


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What stands for the items of a span, in the order of their keys: (n,) each.

    outcome is 0 where only served items were asked for; territories are codes joined by commas.
    """

    item_pk: npt.NDArray[np.int64]
    decision_pk: npt.NDArray[np.int64]
    outcome: npt.NDArray[np.int64]
    min_age: npt.NDArray[np.int64]
    territories: npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do about a span: changes in the order of items, members of campaigns to be decided under their floors, and how many
    items differ and stay because a person decided them."""

    changes: tuple[Change, ...]
    members: tuple[int, ...]
    n_kept: int


@dataclass(frozen=True, slots=True)
class Moves:
    """Items that a version would treat otherwise, by primary key, in order; an item is in one of the parts.

    revoked: are served and would not be; narrowed: would be served to fewer; widened: would be served, or to more; other: get
    another outcome and are served neither way.
    """

    revoked: tuple[int, ...]
    narrowed: tuple[int, ...]
    widened: tuple[int, ...]
    other: tuple[int, ...]
    near: tuple[int, ...]

    @property
    def all(self) -> tuple[int, ...]:
        """Every item that would be treated otherwise."""
        return (*self.revoked, *self.narrowed, *self.widened, *self.other)


def moves_of(population: Population, facts: Facts, policy: CompiledPolicy) -> Moves:
    """Return what a version would move of the items that are in both, by the comparison that `plan_of` makes.

    Members of campaigns are left out, as their campaigns' floors hold on; what people decided is among it.
    """
    at_fact, at_row = _both(facts.item_pk, population.item_pk)
    verdicts = decide_population(population, policy, population.batch_for(policy))
    old, new = _Old(facts, at_fact), _New(verdicts, at_row)
    is_free = population.floor[at_row] == 0
    narrower, other = _narrower(old, new) & is_free, _other(old, new) & is_free
    is_wider = _narrower(new, old) & ~narrower & is_free
    revoked = narrower & ~new.is_served
    keys = population.item_pk[at_row]
    stays = np.flatnonzero(old.is_served & new.is_served & ~narrower & is_free)
    near = nearest_below(verdicts, at_row[stays], within=NEAR_SCORE, most=MOST_NEAR)
    return Moves(
        revoked=tuple(keys[revoked].tolist()),
        narrowed=tuple(keys[narrower & ~revoked].tolist()),
        widened=tuple(keys[is_wider].tolist()),
        other=tuple(keys[other & ~narrower & ~is_wider].tolist()),
        near=tuple(population.item_pk[near].tolist()),
    )


def facts_between(after: int, until: int, *, phase: str, only: int | None) -> Facts:
    """Return what stands for items with keys above `after` up to `until`.

    To be read before the evidence: an item decided in between is then told by its decision, which has changed.
    """
    with connection.cursor() as cursor:
        sql = _SERVED if phase == Phase.REVOKE else _STANDING
        cursor.execute(sql, {"after": after, "until": until, "only": only})
        heads, codes = cursor.fetchone()
    rows = np.frombuffer(bytes(heads or b""), _HEAD)
    names = ("item", "decision", "outcome", "min_age", "n_codes")
    pk, decision, outcome, age, n_codes = (rows[name].astype(np.int64) for name in names)
    return Facts(pk, decision, outcome, age, _join_codes(n_codes, codes or ""))


def _join_codes(n_codes: npt.NDArray[np.int64], letters: str) -> npt.NDArray[np.object_]:
    """Return the codes of each row joined by commas; few rows have any."""
    joined = np.full(len(n_codes), "", object)
    ends = 2 * np.cumsum(n_codes)
    for i in np.flatnonzero(n_codes).tolist():
        own = letters[ends[i] - 2 * n_codes[i] : ends[i]]
        joined[i] = ",".join(own[k : k + 2] for k in range(0, len(own), 2))
    return joined


def with_matches(population: Population) -> set[int]:
    """Return the items in which a known hash was met, by what is stored; where nobody can tell who found it, it may be one."""
    cells = population.cells
    # What these found is a known hash, and what follows from it is asked of the version.
    matching = [DETECTORS.index(name) for name in (HashesDetector.name, *detectors_looking_up(Lookup.BANKS))]
    is_match = np.isin(detectors_of(cells.source), matching) | ((cells.source == FUSED) & (cells.hard > 0))
    return set(population.item_pk[cells.row[is_match]].tolist())


def plan_of(population: Population, facts: Facts, policy: CompiledPolicy, *, phase: str, now: datetime) -> Plan:
    """Return what the version changes of the items that are in both, in the order of their keys.

    In the phase REVOKE only what gets narrower, in WIDEN all that differs.
    """
    at_fact, at_row = _both(facts.item_pk, population.item_pk)
    verdicts = decide_population(population, policy, population.batch_for(policy))
    old = _Old(facts, at_fact)
    new = _New(verdicts, at_row)
    narrower = _narrower(old, new)
    differs = narrower if phase == Phase.REVOKE else narrower | _other(old, new)
    wider = _wider(old, new)
    is_member = population.floor[at_row] > 0
    # The floor of a campaign holds ages and territories as well, which only its decisions know.
    wanted = np.flatnonzero(differs & ~is_member)
    members = tuple(population.item_pk[at_row[is_member]].tolist())
    changes, n_kept = _changes(population, verdicts, at_row, old, narrower, wider, wanted, now)
    return Plan(changes, members, n_kept)


def _both(
    first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return where the keys that are in both stand in each; both rise."""
    _, at_first, at_second = np.intersect1d(first, second, assume_unique=True, return_indices=True)
    return at_first, at_second


class _Old:
    """What stands, row by row."""

    def __init__(self, facts: Facts, rows: npt.NDArray[np.intp]) -> None:
        self.decision_pk = facts.decision_pk[rows]
        self.outcome, self.min_age = facts.outcome[rows], facts.min_age[rows]
        self.territories = facts.territories[rows]
        self.is_served = self.outcome <= Outcome.RESTRICT


class _New:
    """What the version says, row by row."""

    def __init__(self, verdicts: VersionVerdicts, rows: npt.NDArray[np.intp]) -> None:
        verdict, policy = verdicts.verdict, verdicts.policy
        self.outcome = verdict.outcome[rows].astype(np.int64)
        self.is_served = self.outcome <= Outcome.RESTRICT
        self.min_age = np.where(self.is_served, verdict.min_age[rows], 0)
        masks, inverse = np.unique(np.where(self.is_served, verdict.territories[rows], 0), return_inverse=True)
        codes = np.empty(len(masks), object)
        codes[:] = [",".join(policy.territories_of(int(mask))) for mask in masks]
        self.territories = codes[inverse]


def _narrower(old: _Old | _New, new: _Old | _New) -> npt.NDArray[np.bool_]:
    """Return where something served is served no more, or to fewer."""
    fewer = ~new.is_served | (new.min_age > old.min_age)
    for i in np.flatnonzero(new.is_served & (old.territories != new.territories)).tolist():
        fewer[i] |= bool(_codes(new.territories[i]) - _codes(old.territories[i]))
    narrower: npt.NDArray[np.bool_] = old.is_served & fewer
    return narrower


def _other(old: _Old, new: _New) -> npt.NDArray[np.bool_]:
    """Return where the outcome, or whom something served is served to, is another one."""
    audience = (old.min_age != new.min_age) | _unequal(old.territories, new.territories)
    other: npt.NDArray[np.bool_] = (old.outcome != new.outcome) | (new.is_served & audience)
    return other


def _wider(old: _Old, new: _New) -> npt.NDArray[np.bool_]:
    """Return where the outcome is milder, or somebody is served who was not."""
    wider: npt.NDArray[np.bool_] = (new.outcome < old.outcome) | _narrower(new, old)
    return wider


def _unequal(old: npt.NDArray[np.object_], new: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    unequal: npt.NDArray[np.bool_] = (old != new).astype(bool)
    for i in np.flatnonzero(unequal).tolist():
        unequal[i] = _codes(old[i]) != _codes(new[i])
    return unequal


def _codes(joined: str) -> set[str]:
    return set(joined.split(",")) - {""}


def _changes(
    population: Population,
    verdicts: VersionVerdicts,
    at_row: npt.NDArray[np.intp],
    old: _Old,
    narrower: npt.NDArray[np.bool_],
    wider: npt.NDArray[np.bool_],
    wanted: npt.NDArray[np.intp],
    now: datetime,
) -> tuple[tuple[Change, ...], int]:
    stored = _load_stored(old.decision_pk[wanted].tolist())
    changes, n_kept = [], 0
    for i in wanted.tolist():
        found = stored.get(int(old.decision_pk[i]))
        if found is None:
            continue  # the item was decided again while we looked; whoever did that knew the version
        evidence, is_kept = found
        if is_kept:
            n_kept += 1
            continue
        row = int(at_row[i])
        changes.append(
            _change(
                population, verdicts, row, evidence, int(old.decision_pk[i]),
                was_served=bool(old.is_served[i]), is_narrower=bool(narrower[i]), is_wider=bool(wider[i]), now=now,
            )
        )  # fmt: skip
    return tuple(changes), n_kept


def _load_stored(decision_pks: Sequence[int]) -> dict[int, tuple[dict[str, Any], bool]]:
    """Return the evidence of decisions, and whether they stay: a person's, and of items that were withdrawn."""
    if not decision_pks:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_DECISIONS, [list(map(str, PERSON_STAGES)), list(PERSONS_RULES), list(decision_pks)])
        rows: Iterable[Any] = cursor.fetchall()
    return {
        pk: (evidence if isinstance(evidence, dict) else json.loads(evidence), stays) for pk, evidence, stays in rows
    }


def _change(
    population: Population,
    verdicts: VersionVerdicts,
    row: int,
    before: dict[str, Any],
    expected: int,
    *,
    was_served: bool,
    is_narrower: bool,
    is_wider: bool,
    now: datetime,
) -> Change:
    policy, verdict = verdicts.policy, verdicts.verdict
    outcome = Outcome(int(verdict.outcome[row]))
    category = int(verdict.category[row])
    slug = policy.categories[category] if category >= 0 else ""
    evidence = _evidence(verdicts, row, before)
    score = float(evidence["scores"].get(slug, 0.0))
    decided_by = policy.rules[int(verdict.rule[row])]
    return Change(
        item_pk=int(population.item_pk[row]),
        expected=expected,
        outcome=outcome,
        min_age=int(verdict.min_age[row]) if outcome.is_servable else 0,
        territories=policy.territories_of(int(verdict.territories[row])) if outcome.is_servable else (),
        decided_by=decided_by,
        category=slug,
        score=score,
        reasons=json.dumps(reasons_of(verdicts.batch, row, policy)),
        evidence=json.dumps(evidence),
        digest=digest_of(evidence),
        was_served=was_served,
        is_narrower=is_narrower,
        is_wider=is_wider,
        is_unnamed=bool(evidence["hard"]) and "hard_by" not in evidence,
        job=job_for(evidence["context"], policy, category=slug, outcome=outcome, score=score, now=now)
        if verdicts.needs_person[row]
        else None,
    )


def _evidence(verdicts: VersionVerdicts, row: int, before: dict[str, Any]) -> dict[str, Any]:
    """Return evidence as the version fuses it, so that the decision can be replayed under it."""
    categories, batch = verdicts.policy.categories, verdicts.batch
    scores, levels = batch.scores[row], batch.hard[row]
    hard = {categories[c]: int(levels[c]) for c in np.flatnonzero(levels)}
    # What stored cells hold does not say which terms or hashes they were.
    known = before if hard == before["hard"] else {k: v for k, v in before.items() if k != "hard_by"}
    return {
        **known,
        "scores": {categories[c]: round(float(scores[c]), 6) for c in np.flatnonzero(scores)},
        "hard": hard,
        "unlabelled": 0 if batch.unlabelled is None else int(batch.unlabelled[row]),
    }
