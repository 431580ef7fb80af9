"""Frame hashes against published ones: how far decoding at a reduced size moves them, what it costs, and which clips match.

Clips are taken apart as uploads are, and what is known of each are two published frames a second, at several places between.

Needs the sample videos of the public data (shared/data/tmk_sample_videos); without them there is nothing to measure.
"""

from __future__ import annotations

import csv
import os
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import av
import numpy as np

from moderation.detection.hashes.pdq import PDQ_MIN_QUALITY, hamming, pdq_of
from moderation.detection.hashes.vpdq import KnownFrames, compare
from moderation.detection.media.decode import _hash_alone, _scale
from moderation.detection.media.sandbox import examine

DATA = Path(os.environ.get("GATEHOUSE_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
CLIPS = DATA / "tmk_sample_videos"
#: Long sides in pixels; 0 is the frame as it is, and LUMA its brightness alone, as the decoder gives it.
LUMA = -1
SIDES = (LUMA, 0, 1_280, 960, 720, 512, 256)
EVERY = 6
#: Known are every 15th published frame, from these ones on: the first are frames that we hash as well, the others between.
KNOWN_EVERY, KNOWN_FROM = 15, (0, 4, 7, 11)
FAMILY = {"chair-20-sd-bar": "chair", "chair-orig-22-sd-bar": "chair"}


def run() -> dict[str, dict[str, Any]]:
    """Return the distances per size (median, 90th and 99th percentile, largest; bits of 256), their cost, and the shares."""
    if not CLIPS.is_dir():
        print(f"There are no sample videos at {CLIPS}; nothing was measured.")
        return {}
    names = sorted(path.stem for path in CLIPS.glob("*.mp4"))
    distances: dict[int, list[int]] = {side: [] for side in SIDES}
    seconds: dict[int, float] = dict.fromkeys(SIDES, 0.0)
    for name in names:
        known = published(name)
        for index, frame in frames(name):
            for side in SIDES:
                started = time.process_time()
                value, quality = _hash(frame, side)
                seconds[side] += time.process_time() - started
                if quality >= PDQ_MIN_QUALITY and index < len(known):
                    distances[side].append(hamming(value, known[index][1]))
    for side in SIDES:
        counts = np.bincount(np.minimum(distances[side], 32) // 4, minlength=9)
        print(f"long side {_name(side):>6}: bits 0-3, 4-7, ... 28-31, more: {counts.tolist()}")
    rows: dict[str, dict[str, Any]] = {}
    for side in SIDES:
        name = f"vpdq_{_name(side)}"
        rows[f"{name}_median"] = _row(float(np.median(distances[side])), "bits")
        rows[f"{name}_p90"] = _row(float(np.quantile(distances[side], 0.9)), "bits")
        rows[f"{name}_p99"] = _row(float(np.quantile(distances[side], 0.99)), "bits")
        rows[f"{name}_max"] = _row(float(max(distances[side])), "bits", "<= 31", max(distances[side]) <= 31)
        rows[f"{name}_cost"] = _row(seconds[side] / len(distances[side]) * 1_000, "ms of one core a frame")
    return rows | _families(names)


def _hash(frame: Any, side: int) -> tuple[str, int]:
    if side == LUMA:
        found = _hash_alone(frame, 0)
        return found["pdq"], found["quality"]
    return pdq_of(_scale(frame, side or 100_000))


def _name(side: int) -> str:
    return {LUMA: "luma", 0: "whole"}.get(side, str(side))


def _families(names: list[str]) -> dict[str, dict[str, Any]]:
    """Return the shares of known clips: of published frames, of others between those we hash, and of our own track."""
    shares: dict[tuple[str, str], list[float]] = {}
    tracks = {name: track(name) for name in names}
    for a, b in product(names, names):
        kind = "self" if a == b else "sibling" if FAMILY.get(a, a) == FAMILY.get(b, b) else "stranger"
        of_published = [_share(tracks[a], known) for known in map(partial(known_of, b), KNOWN_FROM)]
        of_own = _share(tracks[a], tracks[b])
        shares.setdefault((kind, "published"), []).append(of_published[0])
        shares.setdefault((kind, "between"), []).extend(of_published[1:])
        shares.setdefault((kind, "own"), []).append(of_own)
        if kind != "stranger":
            print(
                f"{a} of {b}: {of_own:.2f} of its track, {[round(share, 2) for share in of_published]} of published frames"
            )
    rows: dict[str, dict[str, Any]] = {}
    for (kind, known), found in shares.items():
        name = f"vpdq_{kind}_{known}"
        if kind == "stranger":
            rows[f"{name}_most"] = _row(max(found), "share of the known clip", "0", max(found) == 0)
            continue
        least = 0.9 if kind == "self" else 0.4
        target, met = (None, None) if known == "between" else (f">= {least}", min(found) >= least)
        rows[f"{name}_least"] = _row(min(found), "share of the known clip", target, met)
        rows[f"{name}_median"] = _row(float(np.median(found)), "share of the known clip")
    return rows


def _share(shown: list[tuple[int, str]], known: list[tuple[int, str]]) -> float:
    clip = KnownFrames("bank", "key", "known", [ms for ms, _ in known], [value for _, value in known])
    found = compare([ms for ms, _ in shown], [value for _, value in shown], clip)
    return found.share_known if found else 0.0


def track(name: str) -> list[tuple[int, str]]:
    """Return (ms, hash) of the frames of a clip that mean something, as of an upload."""
    with tempfile.TemporaryDirectory(prefix="gh-bench-") as folder:
        taken = examine(CLIPS / f"{name}.mp4", Path(folder), want_audio=False)
    return [(h.ms, h.pdq) for h in taken.track if h.quality >= PDQ_MIN_QUALITY]


def known_of(name: str, first: int) -> list[tuple[int, str]]:
    """Return two published frames a second; those of low quality are in no bank."""
    return [(ms, value) for ms, value, quality in published(name)[first::KNOWN_EVERY] if quality >= PDQ_MIN_QUALITY]


def published(name: str) -> list[tuple[int, str, int]]:
    """Return (ms, hash, quality) of every frame of a clip, as published."""
    with (CLIPS / "vpdq_hashes" / f"{name}.txt").open() as lines:
        return [(round(float(at) * 1_000), value, int(quality)) for _, quality, value, at in csv.reader(lines)]


def frames(name: str) -> Iterator[tuple[int, Any]]:
    """Yield (index, frame) of every EVERYth frame."""
    with av.open(str(CLIPS / f"{name}.mp4")) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % EVERY == 0:
                yield index, frame


def _row(value: float, unit: str, target: str | None = None, met: bool | None = None) -> dict[str, Any]:
    return {"value": value, "unit": unit, "target": target, "met": met}


if __name__ == "__main__":
    for row_name, row in run().items():
        print(f"{row_name:<32} {row['value']:8.3f} {row['unit']}")
