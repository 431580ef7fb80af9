"""Two clips by the hashes of their frames: how much of the known one is in the other, where, and how near. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from moderation.detectors.pdq import PDQ_MAX_DISTANCE, packed_all

#: Two frames belong to one run where the shift between the clips is the same within this.
_SHIFT_TOLERANCE_MS = 1_500
#: A run may pass over so many frames of the known clip: an encoder's keyframe, a dark moment.
_RUN_GAP = 1


@dataclass(frozen=True, slots=True)
class KnownFrames:
    """A known clip: its bank, public key and title, and the time (ms) and hash (64 hex digits) of its frames, by time."""

    bank: str
    key: str
    title: str
    times_ms: Sequence[int]
    values: Sequence[str]


@dataclass(frozen=True, slots=True)
class ClipMatch:
    """How much of a known clip is in another one.

    Shares are of the frames that can be compared. `offset_ms`: so much later than in the known clip a picture comes in the
    other. The run is the longest stretch of the known clip's frames that come one after another in the other, too.
    """

    known: KnownFrames
    share_known: float
    share_seen: float
    offset_ms: int
    run_from_ms: int
    run_until_ms: int
    n_run: int
    distance: int
    median_distance: float

    def as_where(self) -> dict[str, object]:
        """Return it as a finding tells it."""
        return {
            "clip": self.known.title,
            "clip_key": self.known.key,
            "share_known": round(self.share_known, 3),
            "share_seen": round(self.share_seen, 3),
            "offset_ms": self.offset_ms,
            "run_from_ms": self.run_from_ms,
            "run_until_ms": self.run_until_ms,
            "n_frames_run": self.n_run,
            "median_distance": self.median_distance,
        }


def compared(
    times_ms: Sequence[int], values: Sequence[str], known: KnownFrames, max_distance: int = PDQ_MAX_DISTANCE
) -> ClipMatch | None:
    """Return how much of a known clip is among these frames; None where no frame matches.

    Args:
        times_ms, values: the frames of the other clip whose hashes mean something, by time.
    """
    if not values or not known.values:
        return None
    distances = _distances(packed_all(list(known.values)), packed_all(list(values)))
    near = distances <= max_distance
    if not near.any():
        return None
    shifts = np.asarray(times_ms)[None, :] - np.asarray(known.times_ms)[:, None]
    offset = _common_shift(shifts, near)
    in_step = near & (np.abs(shifts - offset) <= _SHIFT_TOLERANCE_MS)
    first, last = _longest_run(in_step.any(axis=1))
    seen = np.flatnonzero(in_step[first : last + 1].any(axis=0))
    nearest = np.where(near, distances, 999).min(axis=1)[near.any(axis=1)]
    return ClipMatch(
        known=known,
        share_known=float(near.any(axis=1).mean()),
        share_seen=float(near.any(axis=0).mean()),
        offset_ms=offset,
        run_from_ms=int(times_ms[seen[0]]),
        run_until_ms=int(times_ms[seen[-1]]),
        n_run=int(in_step.any(axis=1)[first : last + 1].sum()),
        distance=int(nearest.min()),
        median_distance=float(np.median(nearest)),
    )


def _distances(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Return (n_a, n_b) differing bits."""
    return np.asarray(np.bitwise_count(a[:, None, :] ^ b[None, :, :]).sum(axis=-1, dtype=np.int64))


def _common_shift(shifts: npt.NDArray[np.int64], near: npt.NDArray[np.bool_]) -> int:
    """Return the shift under which most frames of the known clip find their like; of several, the smallest in size."""
    candidates = np.unique(shifts[near])
    rows, columns = np.nonzero(near)
    of_pair = shifts[rows, columns]
    best, best_count = 0, -1
    for shift in sorted(candidates.tolist(), key=abs)[:2_000]:
        count = len(np.unique(rows[np.abs(of_pair - shift) <= _SHIFT_TOLERANCE_MS // 2]))
        if count > best_count:
            best, best_count = int(shift), count
    return best


def _longest_run(matched: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """Return the first and last index of the longest stretch of matches with gaps of at most _RUN_GAP."""
    at = np.flatnonzero(matched)
    breaks = np.flatnonzero(np.diff(at) > _RUN_GAP + 1)
    starts, ends = np.append(0, breaks + 1), np.append(breaks, len(at) - 1)
    longest = int(np.argmax(ends - starts))
    return int(at[starts[longest]]), int(at[ends[longest]])
