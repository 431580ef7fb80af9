"""Clips in the deep queues while workers are killed at random every few seconds: all end, each decided once."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from tests.support.deep_survival import _MOST_SECONDS, survive

N_CLIPS = 200
KILL_EVERY_SECONDS = (3.0, 7.0)


def run() -> dict[str, dict[str, Any]]:
    """Return the measured rows."""
    with tempfile.TemporaryDirectory(prefix="gh-bench-") as name:
        found = survive(Path(name), n_clips=N_CLIPS, kill_every=KILL_EVERY_SECONDS, seconds=_MOST_SECONDS)
    if found.logs:
        print(found.logs)
    return {
        "deep queue, clips done": _row(found.n_done, "of 200", N_CLIPS, met=found.n_done == N_CLIPS),
        "deep queue, decided twice": _row(found.n_decided_twice, "clips", 0, met=found.n_decided_twice == 0),
        "deep queue, dead letters": _row(found.n_dead, "messages", 0, met=found.n_dead == 0),
        "deep queue, workers killed": _row(found.n_kills, "times", None, met=None),
        "deep queue, time": _row(found.seconds, "s", _MOST_SECONDS, met=found.is_settled),
    }


def _row(value: float, unit: str, target: float | None, *, met: bool | None) -> dict[str, Any]:
    return {"value": value, "unit": unit, "target": target, "met": met}
