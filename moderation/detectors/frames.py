"""Known pictures inside clips: the PDQ of sampled frames against the banks, with times and distances."""

from collections.abc import Mapping
from typing import Any

from moderation.detectors.base import Finding, Result
from moderation.detectors.deep import LOOKS_AT, ClipSubject
from moderation.detectors.hashes import BankIndex, Match, finding_of
from policies.choices import Outcome, Stage

NAME = "frames"
VERSION = "frames-pdq-1280-1"


class FramesDetector:
    """Keeps the hashes of a clip's frames; matching is apart, because banks change and frames do not."""

    name = NAME
    version = VERSION
    stage = Stage.DEEP
    kinds = LOOKS_AT[NAME]
    is_configured = True

    def run(self, clip: ClipSubject) -> Result:
        """Return `{"frames": [{"ms", "pdq", "quality"}]}` as payload."""
        frames = [{"ms": f.ms, "pdq": f.pdq, "quality": f.quality} for f in clip.frames]
        return Result(NAME, VERSION, payload={"frames": frames})


def match_frames(payload: Mapping[str, Any], banks: BankIndex) -> tuple[Finding, ...]:
    """Return one finding per known entry: its nearest frame, and in how many frames it was seen."""
    best: dict[str, tuple[Match, int]] = {}
    n_seen: dict[str, int] = {}
    for frame in payload["frames"]:
        for match in banks.match_pdq(frame["pdq"], frame["quality"]):
            key = match.entry.entry_key
            n_seen[key] = n_seen.get(key, 0) + 1
            if key not in best or match.distance < best[key][0].distance:
                best[key] = (match, frame["ms"])
    n_frames = len(payload["frames"])
    return _one_per_bank(best, n_seen, n_frames)


def _one_per_bank(
    best: Mapping[str, tuple[Match, int]], n_seen: Mapping[str, int], n_frames: int
) -> tuple[Finding, ...]:
    """Return the nearest match of each bank and outcome: a known clip has many entries, and a reviewer needs one line.

    By outcome as well: a quarantined entry must not hide one of the same bank that still blocks.
    """
    nearest: dict[tuple[str, Outcome], tuple[Match, int]] = {}
    n_entries: dict[tuple[str, Outcome], int] = {}
    for match, ms in sorted(best.values(), key=lambda pair: (pair[0].distance, pair[1])):
        kind = (match.entry.bank, match.entry.outcome)
        nearest.setdefault(kind, (match, ms))
        n_entries[kind] = n_entries.get(kind, 0) + 1
    return tuple(
        finding_of(
            match,
            detector=NAME,
            version=VERSION,
            where={
                "frame_ms": ms,
                "n_frames_seen": n_seen[match.entry.entry_key],
                "n_frames": n_frames,
                "n_entries_matched": n_entries[kind],
            },
        )
        for kind, (match, ms) in nearest.items()
    )
