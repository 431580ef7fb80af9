"""From unit vectors of frames and prompts to calibrated probabilities, and from frames to the clip. Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]

#: A score that is held for this long in all counts in full; the whole clip where that is shorter, and a still always.
HELD_MS = 2_000
#: What is seen only for a flash counts this much less, in log-odds: 0.95 becomes 0.87, 0.99 becomes 0.97.
FLASH_LOGITS = 1.0
#: A frame is taken to stand for the time until the next one, but for no longer than this.
_STANDS_FOR_MS = 5_000
#: The last frame of a clip stands for as long as one is due.
_LAST_STANDS_FOR_MS = 1_000
#: At most this share of the reference's harmless pictures gets an even chance or more.
_FALSE_SHARE = 0.005
#: Fewer harmful reference pictures than this say nothing about the steepness.
_MIN_POSITIVE = 20


@dataclass(frozen=True, slots=True)
class Calibration:
    """From a margin to a probability: sigmoid(steepness x margin + bias). `n_*`: the reference pictures it was fitted on."""

    steepness: float = 1.0
    bias: float = 0.0
    n_positive: int = 0
    n_negative: int = 0

    def __call__(self, margins: npt.NDArray[np.floating]) -> Scores:
        """Return probabilities of margins."""
        return sigmoid(self.steepness * margins.astype(np.float64) + self.bias)


@dataclass(frozen=True, slots=True)
class CategoryPrompts:
    """One category's prompts as unit vectors, harmful (n, d) and harmless (m, d), with its calibration and the harmful texts."""

    harmful: Vectors
    harmless: Vectors
    calibration: Calibration = Calibration()
    texts: tuple[str, ...] = ()

    def margins(self, frames: Vectors, scale: float) -> Scores:
        """Return (n_frames,) log-odds of the harmful prompts against the harmless ones, as softmax over all would have them."""
        return _log_sum(scale * frames @ self.harmful.T) - _log_sum(scale * frames @ self.harmless.T)

    def nearest(self, frame: Vectors) -> str:
        """Return the harmful prompt that a frame (d,) is nearest to."""
        return self.texts[int((self.harmful @ frame).argmax())] if self.texts else ""

    def probabilities(self, frames: Vectors, scale: float) -> Scores:
        """Return (n_frames,) calibrated probabilities."""
        return self.calibration(self.margins(frames, scale))


@dataclass(frozen=True, slots=True)
class Fused:
    """A category over a whole clip: its score, the highest frame's and the held one, and where it was seen (ms)."""

    score: float
    peak: float
    held: float
    peak_ms: int
    start_ms: int
    until_ms: int
    n_seen: int


def sigmoid(x: npt.NDArray[np.float64]) -> Scores:
    """Return the logistic function, without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


def _log_sum(x: npt.NDArray[np.floating]) -> Scores:
    top = x.max(axis=1, keepdims=True).astype(np.float64)
    return np.asarray(np.log(np.exp(x - top).sum(axis=1)) + top[:, 0])


def fit(margins: Scores, is_positive: npt.NDArray[np.bool_]) -> Calibration:
    """Return the calibration of a category from reference pictures.

    The steepness is a logistic regression's; the bias is at most what leaves all but _FALSE_SHARE of the harmless pictures
    under one half, because harmful ones are far more frequent among the reference pictures than among uploads.
    """
    negative = margins[~is_positive]
    n_positive, n_negative = int(is_positive.sum()), len(negative)
    if not n_negative:
        return Calibration()
    limit = float(np.quantile(negative, 1 - _FALSE_SHARE))
    if n_positive < _MIN_POSITIVE:
        return Calibration(1.0, min(0.0, -limit), n_positive, n_negative)
    steepness, bias = _logistic(margins, is_positive)
    return Calibration(steepness, min(bias, -steepness * limit), n_positive, n_negative)


def _logistic(x: Scores, y: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Fit sigmoid(a x + b) by Newton's method, slightly held back so that separable data have an answer; a stays positive."""
    a, b, target = 0.5, 0.0, y.astype(np.float64)
    for _ in range(60):
        p = sigmoid(a * x + b)
        weight = np.maximum(p * (1 - p), 1e-9)
        gradient = np.array([((p - target) * x).sum() + a, (p - target).sum()])
        hessian = np.array(
            [[(weight * x * x).sum() + 1.0, (weight * x).sum()], [(weight * x).sum(), weight.sum() + 1e-6]]
        )
        step = np.clip(np.linalg.solve(hessian, gradient), -1.0, 1.0)
        a, b = max(0.05, a - step[0]), b - step[1]
        if np.abs(step).max() < 1e-6:
            break
    return float(a), float(b)


def fuse(times_ms: Sequence[int], scores: npt.NDArray[np.floating], seen_from: float = 0.5) -> Fused:
    """Return a category's score over a clip.

    The rule: the score counts in full that is reached for HELD_MS in all (not necessarily at a stretch); the highest frame
    counts FLASH_LOGITS less; the larger of the two is the clip's. Raising any frame never lowers it.

    Args:
        times_ms: when the frames were taken, ascending; not empty.
        scores: (n_frames,) probabilities.
        seen_from: from which score on a frame counts as showing it; the times are of the stretch around the highest frame.
    """
    values = np.asarray(scores, dtype=np.float64)
    spans = _spans(times_ms)
    peak_at = int(values.argmax())
    peak = float(values[peak_at])
    held = _hold(values, spans)
    score = max(held, float(sigmoid(np.array(_logit(peak) - FLASH_LOGITS))))
    first, last = _stretch(values, peak_at, min(seen_from, peak))
    n_seen = int((values >= min(seen_from, peak)).sum())
    return Fused(score, peak, held, times_ms[peak_at], times_ms[first], times_ms[last], n_seen)


def _spans(times_ms: Sequence[int]) -> npt.NDArray[np.int64]:
    gaps = np.diff(np.asarray(times_ms, dtype=np.int64))
    return np.append(np.minimum(gaps, _STANDS_FOR_MS), _LAST_STANDS_FOR_MS)


def _hold(values: Scores, spans: npt.NDArray[np.int64]) -> float:
    """Return the highest score that is reached for HELD_MS, or for all of a shorter clip."""
    order = np.argsort(-values, kind="stable")
    wanted = min(HELD_MS, int(spans.sum()))
    enough = int(np.searchsorted(np.cumsum(spans[order]), wanted))
    return float(values[order[min(enough, len(order) - 1)]])


def _logit(p: float) -> float:
    p = min(max(p, 1e-9), 1 - 1e-9)
    return float(np.log(p / (1 - p)))


def _stretch(values: Scores, at: int, least: float) -> tuple[int, int]:
    """Return the first and last frame of the run around one in which every score is at least so high."""
    first = last = at
    while first > 0 and values[first - 1] >= least:
        first -= 1
    while last < len(values) - 1 and values[last + 1] >= least:
        last += 1
    return first, last


def score_vectors(frames: Vectors, prompts: Mapping[str, CategoryPrompts], scale: float) -> dict[str, Scores]:
    """Return (n_frames,) probabilities per category."""
    return {category: of.probabilities(frames, scale) for category, of in prompts.items()}
