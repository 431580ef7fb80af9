"""Known pictures and known clips inside clips: the PDQ of sampled frames against the banks, with times, distances and runs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from moderation.detection.clip import ClipSubject, DeepDefaults
from moderation.detection.hashes.detector import BankIndex, Match, finding_of
from moderation.detection.hashes.pdq import PDQ_MIN_QUALITY
from moderation.detection.hashes.vpdq import ClipMatch, compare
from moderation.detection.readers import ClipLookUp, Readers, no_clips
from moderation.detection.types import Basis, Finding, Lookup, Result
from policies.choices import Outcome

NAME = "frames"
VERSION = "frames-pdq-1280-2"


class FramesDetector(DeepDefaults):
    """Keeps the hashes of a clip's frames; matching is apart, because banks change and frames do not."""

    name = NAME
    version = VERSION
    basis = Basis.LISTS
    looks_up = frozenset({Lookup.BANKS})
    cost_ms = 0.1  # the sandbox hashed the frames
    is_configured = True

    def run(self, clip: ClipSubject) -> Result:
        """Return `{"frames": [{"ms", "pdq", "quality"}], "track": [[ms, pdq, quality]]}` as payload."""
        frames = [{"ms": f.ms, "pdq": f.pdq, "quality": f.quality} for f in clip.frames]
        track = [[h.ms, h.pdq, h.quality] for h in clip.track]
        return Result(NAME, VERSION, payload={"frames": frames, "track": track})

    def interpret(self, result: Result, readers: Readers) -> Result:
        """Match the frames of a file that could be taken apart."""
        if result.missing:
            return result
        return replace(result, findings=match_frames(result.payload, readers.banks(), readers.known_clips))

    def scan(self, payload: Mapping[str, Any], readers: Readers) -> tuple[Finding, ...]:
        """Match the frames."""
        return match_frames(payload, readers.banks(), readers.known_clips) if "frames" in payload else ()


def match_frames(
    payload: Mapping[str, Any], banks: BankIndex, known_clips: ClipLookUp = no_clips
) -> tuple[Finding, ...]:
    """Return one finding per bank and outcome: its nearest frame, in how many frames it was seen, and, of the known clip that
    is in there most, how much of it, where, and at which offset."""
    best: dict[str, tuple[Match, int]] = {}
    n_seen: dict[str, int] = {}
    for frame in payload["frames"]:
        for match in banks.match_pdq(frame["pdq"], frame["quality"]):
            key = match.entry.entry_key
            n_seen[key] = n_seen.get(key, 0) + 1
            if key not in best or match.distance < best[key][0].distance:
                best[key] = (match, frame["ms"])
    if not best:
        return ()
    clips = _clips_found(_track(payload), [match for match, _ in best.values()], known_clips)
    return _one_per_bank(best, n_seen, len(payload["frames"]), clips)


def _track(payload: Mapping[str, Any]) -> list[tuple[int, str, int]]:
    """Return (ms, PDQ, quality) of every hash there is; a still, and a result of the time before tracks, has only frames."""
    return [(ms, pdq, quality) for ms, pdq, quality in payload.get("track") or ()] or [
        (frame["ms"], frame["pdq"], frame["quality"]) for frame in payload["frames"]
    ]


def _clips_found(
    track: Sequence[tuple[int, str, int]], matches: Sequence[Match], known_clips: ClipLookUp
) -> dict[str, ClipMatch]:
    """Return, per bank, the known clip of which most is seen."""
    usable = [(ms, pdq) for ms, pdq, quality in track if quality >= PDQ_MIN_QUALITY]
    times, values = [ms for ms, _ in usable], [pdq for _, pdq in usable]
    slugs = frozenset(match.entry.bank for match in matches)
    found: dict[str, ClipMatch] = {}
    for known in known_clips(slugs, frozenset(match.entry.value for match in matches)):
        match = compare(times, values, known)
        if match and (known.bank not in found or match.share_known > found[known.bank].share_known):
            found[known.bank] = match
    return found


def _one_per_bank(
    best: Mapping[str, tuple[Match, int]], n_seen: Mapping[str, int], n_frames: int, clips: Mapping[str, ClipMatch]
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
                **(clips[match.entry.bank].as_where() if match.entry.bank in clips else {}),
            },
        )
        for kind, (match, ms) in nearest.items()
    )
