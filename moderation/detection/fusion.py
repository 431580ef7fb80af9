"""From findings to one score per category, by a stated rule: the largest calibrated score among detectors that count.

The largest, because it is monotone and explainable: one detector that is sure is not outvoted by others that see nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from moderation.detection.types import Finding, Result
from policies.choices import Outcome


class Uses(Protocol):
    """What fusion must know of a policy version: its categories in order, and which detectors it uses for a kind of item."""

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories, in the order of the columns of `Fused`."""

    def counts(self, detector: str, kind: int) -> bool:
        """Whether findings of this detector count for items of this kind."""


@dataclass(frozen=True, slots=True)
class Fused:
    """What `policies.decision.decide` takes for one item.

    scores: (categories,) float32 in [0, 1]; hard: (categories,) uint8, least Outcome by hard evidence, 0 for none;
    unlabelled: least Outcome due to findings in categories that the policy does not know.
    """

    scores: npt.NDArray[np.float32]
    hard: npt.NDArray[np.uint8]
    unlabelled: int


def fuse(results: Sequence[Result], policy: Uses, kind: int) -> Fused:
    """Combine the results of all detectors that the policy uses for this kind of item."""
    scores = np.zeros(len(policy.categories), dtype=np.float32)
    hard = np.zeros(len(policy.categories), dtype=np.uint8)
    unlabelled = 0
    column = {category: i for i, category in enumerate(policy.categories)}
    for finding in _counting(results, policy, kind):
        i = column.get(finding.category)
        if i is None:
            unlabelled = max(unlabelled, int(Outcome.HOLD), int(finding.hard or 0))
            continue
        scores[i] = max(scores[i], finding.score)
        hard[i] = max(hard[i], finding.hard or 0)
    return Fused(scores, hard, unlabelled)


def _counting(results: Sequence[Result], policy: Uses, kind: int) -> list[Finding]:
    """Return the findings that count. Those over text that was read or heard count where the reader or listener does."""
    return [
        finding
        for result in results
        if policy.counts(result.detector, kind)
        for finding in result.findings
        if policy.counts(finding.detector, kind)
    ]
