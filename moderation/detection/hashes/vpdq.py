"""Two clips by the hashes of their frames: how much of the known one is in the other, where, and how near. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from moderation.detection.hashes.pdq import PDQ_MAX_DISTANCE, pack_all

#: Two frames belong to one run where the shift between the clips is the same within this.
_SHIFT_TOLERANCE_MS = 1_500
#: A run may pass over so much of the known clip: an encoder's keyframe, a dark moment. More where its frames are rarer.
_RUN_GAP_MS = 2_000
#: Where the camera moves, a picture 0.1 s away has another hash, so two samplings of one clip meet in some frames only.
#: What lies between two that meet is there as well, where they are at most so far apart in the known clip,
_BRIDGE_MS = 1_500
#: as far apart in the other one within this,
_BRIDGE_TOLERANCE_MS = 250
#: and the other one shows something all the time between them: no stretch of this without a frame that can be compared.
_HOLE_MS = 1_000
#: A frame stands for the time around it, on either side up to this, or twice what is usual in its clip.
_STANDS_FOR_MS = 1_000

_NEVER = np.iinfo(np.int64).max

Bits = npt.NDArray[np.uint8]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


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

    Shares are of the time of the frames that can be compared; `share_met` counts only those of the known clip that have a frame
    of the other one near, `share_known` also those between two of them (`_bridged`). `offset_ms`: so much later than in the
    known clip a picture comes in the other. The run is the longest stretch of the known clip's frames that come one after
    another in the other, too.
    """

    known: KnownFrames
    share_known: float
    share_met: float
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
            "share_met": round(self.share_met, 3),
            "share_seen": round(self.share_seen, 3),
            "offset_ms": self.offset_ms,
            "run_from_ms": self.run_from_ms,
            "run_until_ms": self.run_until_ms,
            "n_frames_run": self.n_run,
            "median_distance": self.median_distance,
        }


def compare(
    times_ms: Sequence[int], values: Sequence[str], known: KnownFrames, max_distance: int = PDQ_MAX_DISTANCE
) -> ClipMatch | None:
    """Return how much of a known clip is among these frames; None where no frame matches.

    Args:
        times_ms, values: the frames of the other clip whose hashes mean something, by time.
    """
    if not values or not known.values:
        return None
    theirs, ours = pack_all(list(known.values)), pack_all(list(values))
    known_at, at = np.asarray(known.times_ms, np.int64), np.asarray(times_ms, np.int64)
    distances = _distances(theirs, ours)
    near = distances <= max_distance
    if not near.any():
        return None
    shifts = at[None, :] - known_at[:, None]
    offset = _common_shift(shifts, near, distances)
    in_step = near & (np.abs(shifts - offset) <= _SHIFT_TOLERANCE_MS)
    first, last = _longest_run(in_step.any(axis=1), known_at)
    seen = np.flatnonzero(in_step[first : last + 1].any(axis=0))
    nearest = np.where(near, distances, 999).min(axis=1)[near.any(axis=1)]
    return ClipMatch(
        known=known,
        share_known=_share(_bridge(near, known_at, at, ours, max_distance), known_at),
        share_met=_share(_meet(near), known_at),
        share_seen=_share(_bridge(near.T, at, known_at, theirs, max_distance), at),
        offset_ms=offset,
        run_from_ms=int(at[seen[0]]),
        run_until_ms=int(at[seen[-1]]),
        n_run=int(in_step.any(axis=1)[first : last + 1].sum()),
        distance=int(nearest.min()),
        median_distance=float(np.median(nearest)),
    )


def _distances(a: Bits, b: Bits) -> Whole:
    """Return (n_a, n_b) differing bits."""
    words = a.view(np.uint64)[:, None, :] ^ b.view(np.uint64)[None, :, :]
    return np.asarray(np.bitwise_count(words).sum(axis=-1, dtype=np.int64))


def _meet(near: Flags) -> Flags:
    """Return which rows have a frame near."""
    return np.asarray(near.any(axis=1))


# --- shares --------------------------------------------------------------------------------------------------------


def _share(flags: Flags, times: Whole) -> float:
    """Return which share of a clip's time the marked frames stand for: a clip has more frames where more happens."""
    if len(times) == 1:
        return float(flags[0])
    gaps = np.maximum(np.diff(times), 1)
    gaps = np.minimum(gaps, max(_STANDS_FOR_MS, 2 * int(np.median(gaps))))
    weights = np.append(gaps[:1], gaps) + np.append(gaps, gaps[-1:])
    return float(weights[flags].sum() / weights.sum())


def _bridge(near: Flags, times: Whole, other_times: Whole, other: Bits, max_distance: int) -> Flags:
    """Return which frames (rows) are in the other clip (columns): those with a frame near, and those between two of them
    where it is the other clip that went on: as quickly, in the same order, and from one picture to a different one, since a
    picture that merely stays in view says nothing of what the known clip showed meanwhile."""
    flags = _meet(near)
    met = np.flatnonzero(flags)
    holes = np.append(0, np.cumsum(np.diff(other_times) > _HOLE_MS))
    for i, j in pairwise(met.tolist()):
        gap = int(times[j] - times[i])
        if j == i + 1 or gap > _BRIDGE_MS:
            continue
        starts, ends = _pairs(np.flatnonzero(near[i]), np.flatnonzero(near[j]), other_times, gap)
        is_whole = holes[starts] == holes[ends]
        is_new = np.bitwise_count(other[starts] ^ other[ends]).sum(axis=-1, dtype=np.int64) > max_distance
        if (is_whole & is_new).any():
            flags[i:j] = True
    return flags


def _pairs(starts: Whole, ends: Whole, times: Whole, gap: int) -> tuple[Whole, Whole]:
    """Return all pairs of a start and a later end that are a gap (ms) apart, within the tolerance."""
    wanted, ends_at = times[starts] + gap, times[ends]
    first = np.searchsorted(ends_at, np.maximum(wanted - _BRIDGE_TOLERANCE_MS, times[starts] + 1))
    n_each = np.maximum(np.searchsorted(ends_at, wanted + _BRIDGE_TOLERANCE_MS, side="right") - first, 0)
    nth = np.arange(n_each.sum()) - np.repeat(np.cumsum(n_each) - n_each, n_each)
    return np.repeat(starts, n_each), ends[np.repeat(first, n_each) + nth]


# --- shift and run -------------------------------------------------------------------------------------------------


def _common_shift(shifts: Whole, near: Flags, distances: Whole) -> int:
    """Return the shift under which most frames of the known clip find their like (of several, the smallest in size), as it is
    where they are most alike: in a calm clip frames are near their neighbours as well."""
    rows, columns = np.nonzero(near)
    of_pair = shifts[rows, columns]
    candidates = np.unique(of_pair)
    counts = _rows_within(candidates, rows, of_pair, _SHIFT_TOLERANCE_MS // 2)
    about = int(candidates[np.lexsort((np.abs(candidates), -counts))[0]])
    off = np.abs(shifts - about)
    unlike = np.where(near & (off <= _SHIFT_TOLERANCE_MS), distances * (_SHIFT_TOLERANCE_MS + 1) + off, _NEVER)
    of_row = np.take_along_axis(shifts, unlike.argmin(axis=1)[:, None], axis=1)[unlike.min(axis=1) < _NEVER]
    return int(np.median(of_row))


def _rows_within(candidates: Whole, rows: Whole, shifts: Whole, tolerance: int) -> Whole:
    """Return, for each candidate, how many rows have a shift within a tolerance of it.

    Each shift is an interval of candidates; those of one row are cut where they overlap, then starts and ends are counted.
    """
    order = np.lexsort((shifts, rows))
    rows, shifts = rows[order], shifts[order]
    starts, ends = shifts - tolerance, shifts + tolerance
    is_same_row = rows[1:] == rows[:-1]
    starts[1:] = np.where(is_same_row, np.maximum(starts[1:], ends[:-1] + 1), starts[1:])
    n_begun = np.searchsorted(np.sort(starts), candidates, side="right")
    return np.asarray(n_begun - np.searchsorted(np.sort(ends), candidates, side="left"))


def _longest_run(matched: Flags, times: Whole) -> tuple[int, int]:
    """Return the first and last index of the longest stretch of matches with gaps of at most _RUN_GAP_MS."""
    most = max(_RUN_GAP_MS, 2 * int(np.median(np.diff(times))) if len(times) > 1 else 0)
    at = np.flatnonzero(matched)
    breaks = np.flatnonzero(np.diff(times[at]) > most)
    starts, ends = np.append(0, breaks + 1), np.append(breaks, len(at) - 1)
    longest = int(np.argmax(times[at[ends]] - times[at[starts]]))
    return int(at[starts[longest]]), int(at[ends[longest]])
