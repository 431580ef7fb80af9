"""One version's verdicts on a population, and what follows from them. Pure; verdicts come from `policies.decision.decide`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from policies.decision.compiled import U8, CompiledPolicy
from policies.decision.decide import ESCALATE, HOLD, EvidenceBatch, VerdictBatch, decide, rows_of
from policies.replay.population import Mask, Population

#: Items between two reports of progress.
_STEP = 131_072
#: Is told the share done, in [0, 1]; may raise to end the work.
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, eq=False)
class VersionVerdicts:
    """One version's verdicts on a population.

    outcome: (n,) uint8, under the floor of the item's campaign
    needs_person: (n,) bool, the machine's verdict opens a job
    """

    policy: CompiledPolicy
    batch: EvidenceBatch
    verdict: VerdictBatch
    outcome: U8
    needs_person: Mask


def decide_population(
    population: Population, policy: CompiledPolicy, batch: EvidenceBatch, report: Progress | None = None
) -> VersionVerdicts:
    """Return the verdicts of one version, decided in steps so that progress can be told."""
    parts = []
    for start in range(0, max(len(batch), 1), _STEP):
        parts.append(decide(rows_of(batch, slice(start, start + _STEP)), policy))
        if report:
            report(min((start + _STEP) / max(len(batch), 1), 1.0))
    return derive_verdicts(population, policy, batch, join(parts))


def join(parts: Sequence[VerdictBatch]) -> VerdictBatch:
    """Return verdicts one after the other."""
    names = ("outcome", "min_age", "territories", "rule", "category")
    return VerdictBatch(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def derive_verdicts(
    population: Population, policy: CompiledPolicy, batch: EvidenceBatch, verdict: VerdictBatch
) -> VersionVerdicts:
    """Return a version's verdicts with what follows from them."""
    outcome = np.maximum(verdict.outcome, population.floor)
    held = (verdict.outcome == HOLD) & population.is_final
    # An undecided campaign has one job for all of its members.
    needs_person = ((verdict.outcome == ESCALATE) | held) & (population.floor < ESCALATE)
    return VersionVerdicts(policy, batch, verdict, outcome, needs_person)
