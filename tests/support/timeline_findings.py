"""Findings of every detector at times of one clip."""

from __future__ import annotations

from moderation.detection.types import Finding
from policies.choices import Outcome


def findings() -> list[Finding]:
    """Return what a clip with something in each lane has."""
    said = {"source": "speech", "start_ms": 1_000, "end_ms": 2_400, "text": "buy cheap followers"}
    read = {"source": "ocr", "frame_ms": 5_000, "until_ms": 8_000, "box": [0, 0, 9, 9], "line": "cheap followers now",
            "text": "cheap followers"}  # fmt: skip
    seen = {"source": "vision", "frame_ms": 12_000, "until_ms": 15_000, "peak_ms": 13_000, "n_frames_seen": 4,
            "n_frames": 30, "prompt": "a knife", "parts": {"highest frame": 0.97, "held for 2 s": 0.9}}  # fmt: skip
    known = {"bank": "known-clips", "entry": "7c1d", "algorithm": "pdq", "distance": 4, "frame_ms": 20_000,
             "n_frames_seen": 3, "n_frames": 30, "clip": "challenge.mp4", "share_known": 0.83, "share_seen": 0.2,
             "offset_ms": 20_000, "run_from_ms": 20_000, "run_until_ms": 26_000, "n_frames_run": 6,
             "median_distance": 4.0}  # fmt: skip
    return [
        Finding("terms", "1", "spam_scam", 0.8, said),
        Finding("terms", "1", "spam_scam", 0.8, read),
        Finding("vision", "1", "violence", 0.9, seen),
        Finding("frames", "1", "dangerous_acts", 0.0, known, hard=Outcome.ESCALATE),
    ]
