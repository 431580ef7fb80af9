"""Measures over labels and scores, as in the literature. `y` is (n,) bool, `p` is (n,) scores in [0, 1]."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.bool_]
Scores = npt.NDArray[Any]

#: Equal bins of the calibration error and of the reliability diagram.
N_BINS = 10


def precision_recall(y: Labels, p: Scores) -> tuple[Scores, Scores, Scores]:
    """Return precision, recall and threshold at each distinct score, from the highest down. Ties are one step."""
    order = np.argsort(-p, kind="stable")
    ranked, scores = y[order], p[order]
    last_of_tie = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1) if len(scores) else np.zeros(0, int)
    hits = np.cumsum(ranked)[last_of_tie]
    precision = hits / (last_of_tie + 1)
    recall = hits / max(int(y.sum()), 1)
    return precision, recall, scores[last_of_tie]


def average_precision(y: Labels, p: Scores) -> float:
    """Return the area under the precision-recall steps (no interpolation); NaN without a positive."""
    if not y.any():
        return math.nan
    precision, recall, _ = precision_recall(y, p)
    return float(np.sum(np.diff(np.concatenate([[0.0], recall])) * precision))


def recall_at(y: Labels, p: Scores, threshold: float) -> float:
    """Return the share of positives scored at the threshold or above; NaN without a positive."""
    return float((p[y] >= threshold).mean()) if y.any() else math.nan


def precision_at(y: Labels, p: Scores, threshold: float) -> float:
    """Return the share of positives among what is scored at the threshold or above; NaN where nothing is."""
    called = p >= threshold
    return float(y[called].mean()) if called.any() else math.nan


def f1_at(y: Labels, p: Scores, threshold: float) -> float:
    """Return the harmonic mean of precision and recall; 0 where nothing is found."""
    precision, recall = precision_at(y, p, threshold), recall_at(y, p, threshold)
    if math.isnan(recall):
        return math.nan
    return 0.0 if math.isnan(precision) or precision + recall == 0 else 2 * precision * recall / (precision + recall)


def share_left_alone(p: Scores, threshold: float) -> float:
    """Return the share scored below the threshold; for texts that are all harmless."""
    return float((p < threshold).mean()) if len(p) else math.nan


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of a reliability diagram: mean score, share of positives, texts."""

    score: float
    share: float
    n: int


def reliability(y: Labels, p: Scores) -> list[Bin]:
    """Return the bins that hold anything, in order."""
    which = np.minimum((p * N_BINS).astype(int), N_BINS - 1)
    return [
        Bin(float(p[which == b].mean()), float(y[which == b].mean()), int((which == b).sum()))
        for b in range(N_BINS)
        if (which == b).any()
    ]


def calibration_error(y: Labels, p: Scores) -> float:
    """Return the expected calibration error: the gap between score and share, weighted by texts."""
    bins = reliability(y, p)
    n = sum(b.n for b in bins)
    return sum(b.n * abs(b.score - b.share) for b in bins) / n if n else math.nan


def threshold_for_recall(y: Labels, p: Scores, recall: float) -> float:
    """Return the highest threshold that still finds this share of the positives.

    Raises:
        ValueError: there is no positive to find.
    """
    if not y.any():
        raise ValueError("No text is labelled positive, so no threshold can be chosen for a recall.")
    found = np.sort(p[y])[::-1]
    return float(found[min(math.ceil(recall * len(found)), len(found)) - 1])
