"""A draft replayed over stored evidence, beside the active version: who would be treated otherwise, and what it would cost.

Pure: no ORM, no clock. Verdicts come from `policies.decision.decide` and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from policies.decision.compiled import KIND_SLOTS, U8, CompiledPolicy
from policies.decision.decide import CLEAR, ESCALATE, HOLD, RESTRICT
from policies.replay.changed_items import nearest_flips
from policies.replay.outcomes import BANDS, OUTCOMES, SAMPLED, Flow, HourLoad, LabelStratum, QueueLoad, Simulation
from policies.replay.population import I64, Mask, Population
from policies.replay.verdicts import Progress, VersionVerdicts, decide_population

_N = len(OUTCOMES)


class Cancelled(Exception):
    """Raised by a progress callback to end a simulation."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What people decided, one row an item.

    item_pk: (m,) int64, in any order; outcome: (m,) uint8, Outcome
    category: (m,) int16, position in `categories`; -1 where the person named none
    sampled: (m,) uint8, position in SAMPLED: how the item came before them
    """

    categories: tuple[str, ...]
    item_pk: I64
    outcome: U8
    category: npt.NDArray[np.int16]
    sampled: U8

    @classmethod
    def none(cls) -> Labels:
        """Return no labels."""
        return cls((), np.empty(0, np.int64), np.empty(0, np.uint8), np.empty(0, np.int16), np.empty(0, np.uint8))


def simulate(
    population: Population,
    active: CompiledPolicy,
    draft: CompiledPolicy,
    *,
    labels: Labels | None = None,
    progress: Progress | None = None,
) -> Simulation:
    """Return what would change if `draft` decided in place of `active`.

    Args:
        labels: what people decided about items of the population, for estimates of precision and recall.
        progress: is told the share done, in [0, 1], every hundred thousand items; what it raises ends the simulation.
    """
    report = progress or (lambda share: None)
    report(0.0)
    first = population.batch_for(active)
    before = decide_population(population, active, first, lambda share: report(0.1 + 0.3 * share))
    second = population.rebatch(first, active, draft)
    after = decide_population(population, draft, second, lambda share: report(0.5 + 0.3 * share))
    found = _answers(population, before, after, labels or Labels.none())
    report(1.0)
    return found


def _answers(population: Population, before: VersionVerdicts, after: VersionVerdicts, labels: Labels) -> Simulation:
    step = before.outcome.astype(np.intp) * _N + after.outcome
    names = tuple(dict.fromkeys((*before.policy.categories, *after.policy.categories)))
    narrowed, widened = _restrictions_moved(before, after)
    return Simulation(
        before=before.policy.digest,
        after=after.policy.digest,
        n_items=len(population),
        hours=population.hours,
        total=Flow("", flow_table(step)),
        by_category=_flows(step, _deciding(before, after, names), names),
        by_language=_flows(step, population.language, population.languages),
        by_market=_flows(step, population.market, population.markets),
        by_audience=_flows(step, population.claim, BANDS),
        n_narrowed=narrowed,
        n_widened=widened,
        queues=queue_loads(population, before, after),
        by_hour=hour_loads(population, before, after),
        flipped=nearest_flips(population, before, after),
        strata=_strata(population, before, after, labels),
        not_replayed=not_replayed(before.policy, after.policy),
    )


def not_replayed(active: CompiledPolicy, draft: CompiledPolicy) -> tuple[str, ...]:
    """Return which parts differ that evidence was found with, so that a replay cannot show what they change."""
    terms = set(active.terms) != set(draft.terms)
    banks = dict(active.bank_outcomes) != dict(draft.bank_outcomes)
    return tuple(name for name, differs in (("terms", terms), ("banks", banks)) if differs)


def flow_table(step: npt.NDArray[np.intp]) -> tuple[tuple[int, ...], ...]:
    """Return counts[from][to] of steps written as from * 5 + to."""
    return _table(np.bincount(step, minlength=_N * _N))


def _table(counts: npt.NDArray[np.intp]) -> tuple[tuple[int, ...], ...]:
    return tuple(map(tuple, counts.reshape(_N, _N).tolist()))


def _flows(step: npt.NDArray[np.intp], group: npt.NDArray[np.signedinteger], names: Sequence[str]) -> tuple[Flow, ...]:
    """Return a flow for each name that occurs, the most items first; what is in no group goes by "" ."""
    slots = len(names) + 1
    slot = np.where((group < 0) | (group >= len(names)), len(names), group).astype(np.intp)
    counts = np.bincount(slot * (_N * _N) + step, minlength=slots * _N * _N).reshape(slots, -1)
    flows = [Flow(name, _table(row)) for name, row in zip((*names, ""), counts, strict=True) if row.any()]
    return tuple(sorted(flows, key=lambda flow: -flow.n))


def _deciding(before: VersionVerdicts, after: VersionVerdicts, names: Sequence[str]) -> npt.NDArray[np.int16]:
    """Return for each item the category that decides its stricter verdict, as a position in `names`; -1 for none."""
    first, second = (_rename(verdicts, names) for verdicts in (before, after))
    return np.where(after.outcome >= before.outcome, second, first)


def _rename(verdicts: VersionVerdicts, names: Sequence[str]) -> npt.NDArray[np.int16]:
    place = {name: i for i, name in enumerate(names)}
    return np.array([*(place[c] for c in verdicts.policy.categories), -1], np.int16).take(verdicts.verdict.category)


def _restrictions_moved(before: VersionVerdicts, after: VersionVerdicts) -> tuple[int, int]:
    """Return how many items both versions restrict, the draft for fewer people, and for more."""
    old, new = before.verdict, after.verdict
    moved = (old.min_age != new.min_age) | (old.territories != new.territories)
    if before.policy.territory_groups != after.policy.territory_groups:  # then equal masks may mean other places
        moved |= old.territories != 0
    rows = np.flatnonzero(moved & (before.outcome == RESTRICT) & (after.outcome == RESTRICT))
    columns = [column[rows] for verdicts in (old, new) for column in (verdicts.min_age, verdicts.territories)]
    kinds, counts = np.unique(np.stack([c.astype(np.uint64) for c in columns], axis=1), axis=0, return_counts=True)
    narrowed = widened = 0
    for (age, mask, new_age, new_mask), n in zip(kinds.tolist(), counts.tolist(), strict=True):
        there, here = set(before.policy.territories_of(mask)), set(after.policy.territories_of(new_mask))
        is_narrower = new_age > age or bool(here - there)
        narrowed += n if is_narrower else 0
        widened += n if not is_narrower and (new_age < age or there - here) else 0
    return narrowed, widened


def queue_loads(population: Population, before: VersionVerdicts, after: VersionVerdicts) -> tuple[QueueLoad, ...]:
    """Return the jobs of every queue under both versions, by the queue's name."""
    old, new = (queue_counts(population, verdicts) for verdicts in (before, after))
    return loads_of(old, new, population.hours)


def loads_of(old: dict[str, int], new: dict[str, int], hours: float) -> tuple[QueueLoad, ...]:
    """Return two counts of jobs by queue side by side."""
    queues = sorted({*old, *new})
    pairs = [(queue, old.get(queue, 0), new.get(queue, 0)) for queue in queues]
    return tuple(QueueLoad(queue, a, b, a / hours, b / hours) for queue, a, b in pairs)


def queue_counts(population: Population, verdicts: VersionVerdicts) -> dict[str, int]:
    """Return how many jobs each queue gets from one version's verdicts."""
    policy = verdicts.policy
    at = np.flatnonzero(verdicts.needs_person)
    kind = population.kind[at]
    columns = (
        verdicts.verdict.outcome[at] == HOLD,
        verdicts.verdict.category[at],
        population.language[at],
        np.where((kind < 0) | (kind >= KIND_SLOTS - 1), -1, kind),
    )
    shape = (2, len(policy.categories) + 1, len(population.languages) + 1, KIND_SLOTS)
    # Position -1, unknown, is the last slot of its axis.
    places = tuple(column.astype(np.intp) % size for column, size in zip(columns, shape, strict=True))
    counts = np.bincount(np.ravel_multi_index(places, shape), minlength=1)
    loads: dict[str, int] = {}
    for code in np.flatnonzero(counts).tolist():
        is_held, category, language, slot = map(int, np.unravel_index(code, shape))
        queue = policy.queue_of(
            category=(*policy.categories, "")[category],
            language=(*population.languages, "und")[language],
            kind=slot if slot < KIND_SLOTS - 1 else -1,
            is_held=bool(is_held),
        )
        loads[queue] = loads.get(queue, 0) + int(counts[code])
    return loads


def hour_loads(population: Population, before: VersionVerdicts, after: VersionVerdicts) -> tuple[HourLoad, ...]:
    """Return the average jobs in each hour of the day."""
    days = max(population.hours / 24, 1 / 24)
    hour = population.at // 3600 % 24
    old, new = (np.bincount(hour[verdicts.needs_person], minlength=24) / days for verdicts in (before, after))
    return tuple(HourLoad(h, float(old[h]), float(new[h])) for h in range(24))


def _strata(
    population: Population, before: VersionVerdicts, after: VersionVerdicts, labels: Labels
) -> tuple[LabelStratum, ...]:
    if not len(labels.item_pk):
        return ()
    rows, labels = match(population, labels)
    names = tuple(dict.fromkeys((*before.policy.categories, *after.policy.categories)))
    acts = [(verdicts.outcome >= ESCALATE, _rename(verdicts, names)) for verdicts in (before, after)]
    return tuple(row for name in ("", *names) for row in _strata_of(name, names, acts, rows, labels))


def match(population: Population, labels: Labels) -> tuple[npt.NDArray[np.intp], Labels]:
    """Return where labelled items stand in the population, and the labels of those that do."""
    place = np.searchsorted(population.item_pk, labels.item_pk)
    inside = np.minimum(place, max(len(population) - 1, 0))
    found = population.item_pk[inside] == labels.item_pk if len(population) else np.zeros(len(place), bool)
    columns = {name: getattr(labels, name)[found] for name in ("item_pk", "outcome", "category", "sampled")}
    return inside[found], replace(labels, **columns)


def is_violating(labels: Labels, category: str) -> Mask:
    """Return which labels say that an item violates a category; "" for any."""
    harmful: Mask = labels.outcome != CLEAR
    if not category:
        return harmful
    wanted = labels.categories.index(category) if category in labels.categories else -2
    mine: Mask = harmful & (labels.category == wanted)
    return mine


def _strata_of(
    name: str,
    names: Sequence[str],
    acts: Sequence[tuple[Mask, npt.NDArray[np.int16]]],
    rows: npt.NDArray[np.intp],
    labels: Labels,
) -> Iterable[LabelStratum]:
    place = names.index(name) if name else -1
    old, new = (does & (category == place) if name else does for does, category in acts)
    both = old.astype(np.intp) * 2 + new
    n_items = np.bincount(both, minlength=4)
    code = both[rows] * len(SAMPLED) + labels.sampled
    n_labels = np.bincount(code, minlength=4 * len(SAMPLED))
    n_violating = np.bincount(code[is_violating(labels, name)], minlength=4 * len(SAMPLED))
    # What nobody saw is told as well: an estimate must know how much it does not speak for.
    for cell in np.flatnonzero((n_items > 0) & (n_labels.reshape(4, -1).sum(axis=1) == 0)).tolist():
        yield LabelStratum(name, "", bool(cell & 2), bool(cell & 1), int(n_items[cell]), 0, 0)
    for i in np.flatnonzero(n_labels).tolist():
        cell, sampled = divmod(i, len(SAMPLED))
        yield LabelStratum(
            name,
            SAMPLED[sampled],
            bool(cell & 2),
            bool(cell & 1),
            int(n_items[cell]),
            int(n_labels[i]),
            int(n_violating[i]),
        )
