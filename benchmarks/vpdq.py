"""Frame hashes against published ones: how far decoding at a reduced size moves them, what it costs, and which clips match.

Needs the sample videos of the public data (shared/data/tmk_sample_videos); without them there is nothing to measure.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import av
import numpy as np

from moderation.detectors.pdq import PDQ_MIN_QUALITY, hamming, pdq_of
from moderation.detectors.vpdq import KnownFrames, compared
from moderation.media.taking_apart import _scaled

DATA = Path(os.environ.get("GATEHOUSE_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
CLIPS = DATA / "tmk_sample_videos"
#: Long sides in pixels; 0 is the frame as it is.
SIDES = (0, 1_280, 960, 720, 512, 256)
EVERY = 6
FAMILY = {"chair-20-sd-bar": "chair", "chair-orig-22-sd-bar": "chair"}


def run() -> dict[str, dict[str, Any]]:
    """Return the distances per size (median, 99th percentile, largest; bits of 256), their cost, and the family shares."""
    if not CLIPS.is_dir():
        print(f"There are no sample videos at {CLIPS}; nothing was measured.")
        return {}
    names = sorted(path.stem for path in CLIPS.glob("*.mp4"))
    distances: dict[int, list[int]] = {side: [] for side in SIDES}
    seconds: dict[int, float] = dict.fromkeys(SIDES, 0.0)
    ours: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        known = published(name)
        for index, ms, frame in frames(name):
            for side in SIDES:
                started = time.process_time()
                value, quality = pdq_of(_scaled(frame, side or 100_000))
                seconds[side] += time.process_time() - started
                if quality >= PDQ_MIN_QUALITY and index < len(known):
                    distances[side].append(hamming(value, known[index][1]))
                if side == 1_280 and quality >= PDQ_MIN_QUALITY:
                    ours.setdefault(name, []).append((ms, value))
    for side in SIDES:
        counts = np.bincount(np.minimum(distances[side], 32) // 4, minlength=9)
        print(f"long side {side or 'whole':>6}: bits 0-3, 4-7, ... 28-31, more: {counts.tolist()}")
    rows: dict[str, dict[str, Any]] = {}
    for side in SIDES:
        name = f"vpdq_{side or 'whole'}"
        rows[f"{name}_median"] = _row(float(np.median(distances[side])), "bits")
        rows[f"{name}_p99"] = _row(float(np.quantile(distances[side], 0.99)), "bits")
        rows[f"{name}_max"] = _row(float(max(distances[side])), "bits", "<= 31", max(distances[side]) <= 31)
        rows[f"{name}_cost"] = _row(seconds[side] / len(distances[side]) * 1_000, "ms of one core a frame")
    return rows | _families(names, ours)


def _families(names: list[str], ours: dict[str, list[tuple[int, str]]]) -> dict[str, dict[str, Any]]:
    same: list[float] = []
    strangers: list[float] = []
    for a, b in product(names, names):
        known = published(b)[::EVERY]
        clip = KnownFrames("bank", b, b, [ms for ms, _ in known], [value for _, value in known])
        found = compared([ms for ms, _ in ours[a]], [value for _, value in ours[a]], clip)
        share = found.share_known if found else 0.0
        (same if FAMILY.get(a, a) == FAMILY.get(b, b) else strangers).append(share)
    return {
        "vpdq_family_least_share": _row(min(same), "share of the known clip", ">= 0.4", min(same) >= 0.4),
        "vpdq_stranger_most_share": _row(max(strangers), "share of the known clip", "0", max(strangers) == 0),
    }


def published(name: str) -> list[tuple[int, str]]:
    """Return (ms, hash) of every frame of a clip, as published."""
    with (CLIPS / "vpdq_hashes" / f"{name}.txt").open() as lines:
        return [(round(float(at) * 1_000), value) for _, _, value, at in csv.reader(lines)]


def frames(name: str) -> Iterator[tuple[int, int, Any]]:
    """Yield (index, ms, frame) of every EVERYth frame."""
    with av.open(str(CLIPS / f"{name}.mp4")) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % EVERY == 0:
                yield index, int((frame.time or 0) * 1_000), frame


def _row(value: float, unit: str, target: str | None = None, met: bool | None = None) -> dict[str, Any]:
    return {"value": value, "unit": unit, "target": target, "met": met}


if __name__ == "__main__":
    for row_name, row in run().items():
        print(f"{row_name:<32} {row['value']:8.3f} {row['unit']}")
