"""One threshold of a draft, moved freely over stored evidence: prepared once, then each place is answered at once. Pure.

Items are kept sorted by the category's score, so that a move re-decides one run of them: those between the old place and the
new. Everybody else is as the draft has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from policies.decision.compiled import CompiledPolicy
from policies.decision.decide import LEVEL_NAMES, VerdictBatch, decide, rows_of
from policies.replay.outcomes import OUTCOMES, SAMPLED, Flow, QueueLoad
from policies.replay.population import COLUMNS, Cells, Population
from policies.replay.simulation import Labels, flow_table, is_violating, loads_of, match, queue_counts
from policies.replay.verdicts import VersionVerdicts, decide_population, derive_verdicts

#: Bars of the score histogram, and steps of the precision-recall curve.
N_BINS = 50
#: Makes the policy with one level of the draft at another place; None for never.
Variant = Callable[[str, float | None], CompiledPolicy]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What people said of items at or above a threshold, by how the items came before them (keys of SAMPLED).

    n_above: labelled items at or above; n_violating: those of them that violate the category
    n_violating_below: labelled items below that violate it
    """

    threshold: float
    sampled: str
    n_above: int
    n_violating: int
    n_violating_below: int


@dataclass(frozen=True, slots=True)
class SliderAnswer:
    """What one place of one threshold would do.

    flow: from the active version to the draft so moved; from_draft: from the draft as it is written
    histogram: (N_BINS,) items by the category's score, in equal steps from 0 to 1; it does not depend on the place
    curve: one point a step and a way of sampling that has labels; operating: the points at the threshold itself
    """

    category: str
    level: str
    threshold: float | None
    flow: Flow
    from_draft: Flow
    queues: tuple[QueueLoad, ...]
    histogram: tuple[int, ...]
    curve: tuple[CurvePoint, ...]
    operating: tuple[CurvePoint, ...]
    n_items: int
    hours: float

    @property
    def per_hour_before(self) -> float:
        """Jobs an hour under the active version."""
        return sum(row.per_hour_before for row in self.queues)

    @property
    def per_hour_after(self) -> float:
        """Jobs an hour under the draft so moved."""
        return sum(row.per_hour_after for row in self.queues)


class Slider:
    """All that does not depend on where the threshold is.

    Args:
        variant: gives the draft with one level of `category` moved, as `policies.decision.compile.threshold_variant` makes it.

    Raises: ValueError when the draft does not know the category.
    """

    def __init__(
        self,
        population: Population,
        active: CompiledPolicy,
        draft: CompiledPolicy,
        category: str,
        *,
        variant: Variant,
        labels: Labels | None = None,
    ) -> None:
        if category not in draft.categories:
            raise ValueError(f"{draft.title!r} has no category {category!r}")
        self.category = category
        self.draft = draft
        self._variant = variant
        self._column = draft.categories.index(category)
        first = population.batch_for(active)
        second = population.rebatch(first, active, draft)
        order = np.argsort(second.scores[:, self._column], kind="stable")
        self.population = _order(population, order)
        self._active = decide_population(self.population, active, rows_of(first, order))
        # Sorted copies are large: what both batches share is copied once.
        shares = second.scores is first.scores
        own = self.population.rebatch(self._active.batch, active, draft) if shares else rows_of(second, order)
        self._draft = decide_population(self.population, draft, own)
        self._scores = np.ascontiguousarray(own.scores[:, self._column])
        self._histogram = _histogram(self._scores)
        self._queues = tuple(queue_counts(self.population, verdicts) for verdicts in (self._active, self._draft))
        self._flow, self._own = _steps(self._active, self._draft), _steps(self._draft, self._draft)
        self._curve = _Curve.of(population, second.scores[:, self._column], labels or Labels.none(), category)

    def at(self, level: str, threshold: float | None) -> SliderAnswer:
        """Return what the draft would do with one level at `threshold`, in (0, 1]; None for never.

        Raises: ValueError for a level that does not exist; PolicyError, from `variant`, for one out of order.
        """
        if level not in LEVEL_NAMES[1:]:
            raise ValueError(f"{level!r} is not one of {', '.join(LEVEL_NAMES[1:])}")
        policy = self._variant(level, threshold)
        rows = self._touch(policy)
        active, old = _part(self._active, rows), _part(self._draft, rows)
        part = _part_of(self.population, rows)
        new = derive_verdicts(part, policy, old.batch, decide(old.batch, policy))
        flow = self._flow - _steps(active, old) + _steps(active, new)
        own = self._own - _steps(old, old) + _steps(old, new)
        queues = _move(self._queues[1], queue_counts(part, old), queue_counts(part, new))
        return SliderAnswer(
            category=self.category,
            level=level,
            threshold=threshold,
            flow=_as_flow(flow),
            from_draft=_as_flow(own),
            queues=loads_of(self._queues[0], queues, self.population.hours),
            histogram=self._histogram,
            curve=self._curve.points,
            operating=self._curve.at(threshold),
            n_items=len(self.population),
            hours=self.population.hours,
        )

    def _touch(self, policy: CompiledPolicy) -> slice:
        """Return the run of items whose level in the category differs from the draft's."""
        old, new = (_by_context(p) for p in (self.draft, policy))
        if old.shape != new.shape or policy.markets != self.draft.markets or policy.languages != self.draft.languages:
            raise ValueError("a threshold moves within the markets and languages of its draft")
        differs = old != new
        if not differs.any():
            return slice(0, 0)
        if np.delete(differs, self._column, axis=-1).any():
            return slice(0, len(self._scores))
        lowest, highest = (edge(np.stack([old[differs], new[differs]])) for edge in (np.min, np.max))
        return slice(*np.searchsorted(self._scores, [lowest, highest], side="left").tolist())


def _by_context(policy: CompiledPolicy) -> npt.NDArray[np.float32]:
    """Return the thresholds of every context: (contexts, levels, categories)."""
    table: npt.NDArray[np.float32] = policy.thresholds[policy.profile_of.reshape(-1), :, :, 0]
    return table


def _order(population: Population, order: npt.NDArray[np.intp]) -> Population:
    """Return the items in another order and without their cells, for counting only."""
    columns: dict[str, Any] = {name: getattr(population, name)[order] for name in COLUMNS}
    return replace(population, **columns, cells=Cells.empty(), period=population.bounds)


def _part_of(population: Population, rows: slice) -> Population:
    columns: dict[str, Any] = {name: getattr(population, name)[rows] for name in COLUMNS}
    return replace(population, **columns)


def _part(verdicts: VersionVerdicts, rows: slice) -> VersionVerdicts:
    columns = (field.name for field in fields(VerdictBatch))
    verdict = VerdictBatch(**{name: getattr(verdicts.verdict, name)[rows] for name in columns})
    return VersionVerdicts(
        verdicts.policy, rows_of(verdicts.batch, rows), verdict, verdicts.outcome[rows], verdicts.needs_person[rows]
    )


def _steps(before: VersionVerdicts, after: VersionVerdicts) -> npt.NDArray[np.int64]:
    """Return counts[from, to] as an array."""
    return np.array(flow_table(before.outcome.astype(np.intp) * len(OUTCOMES) + after.outcome), np.int64)


def _as_flow(counts: npt.NDArray[np.int64]) -> Flow:
    return Flow("", tuple(map(tuple, counts.tolist())))


def _move(jobs: dict[str, int], gone: dict[str, int], come: dict[str, int]) -> dict[str, int]:
    return {queue: jobs.get(queue, 0) - gone.get(queue, 0) + come.get(queue, 0) for queue in {**jobs, **come}}


def _histogram(scores: npt.NDArray[np.float32]) -> tuple[int, ...]:
    inside = np.clip(np.nan_to_num(scores, nan=0.0), 0, 1)
    bins = np.minimum((inside * N_BINS).astype(np.intp), N_BINS - 1)
    return tuple(np.bincount(bins, minlength=N_BINS).tolist())


@dataclass(frozen=True, slots=True)
class _Curve:
    """Labelled items by score, one pair of arrays per way of sampling that has any."""

    groups: tuple[tuple[str, npt.NDArray[np.float32], npt.NDArray[np.bool_]], ...]
    points: tuple[CurvePoint, ...]

    @classmethod
    def of(cls, population: Population, scores: npt.NDArray[np.float32], labels: Labels, category: str) -> _Curve:
        rows, labels = match(population, labels)
        violating = is_violating(labels, category)
        groups = tuple(
            (name, scores[rows[chosen]], violating[chosen])
            for i, name in enumerate(SAMPLED)
            if (chosen := labels.sampled == i).any()
        )
        bare = cls(groups, ())
        return cls(groups, tuple(p for step in range(1, N_BINS + 1) for p in bare.at(step / N_BINS)))

    def at(self, threshold: float | None) -> tuple[CurvePoint, ...]:
        """Return the points at one threshold; none where it is never reached."""
        if threshold is None:
            return ()
        found = []
        for name, scores, violating in self.groups:
            above = scores >= np.float32(threshold)
            hits = int((above & violating).sum())
            found.append(CurvePoint(threshold, name, int(above.sum()), hits, int(violating.sum()) - hits))
        return tuple(found)
