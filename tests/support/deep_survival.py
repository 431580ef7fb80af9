"""Workers of the deep pass killed at random while clips wait: what became of each."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.deep_rig import DeepRig, Plan, deep_rig, small_clips

#: One worker for the files, one for the models, and one that has everything: clips travel and stay, side by side.
PLANS = [Plan("files", "deep.io,intake", "io"), Plan("models", "deep.cpu,deep.gpu,intake", "cpu,gpu"), Plan("all")]


_MOST_SECONDS = 1_800


@dataclass(frozen=True)
class Outcome:
    """What became of the clips."""

    n_done: int
    n_decided_twice: int
    n_dead: int
    n_results_twice: int
    n_kills: int
    seconds: float
    is_settled: bool
    logs: str


def survive(folder: Path, *, n_clips: int, kill_every: tuple[float, float], seconds: float, seed: int = 1) -> Outcome:
    """Put clips in, kill workers until all promises are kept, and count.

    Args:
        kill_every: between two kills, in seconds, drawn evenly from this range.
        seconds: when it is given up.
    """
    clips = folder / "clips"
    clips.mkdir()
    small_clips(clips, n_clips)
    with deep_rig(folder, PLANS, DEEP_PLACES="frames=io,ocr=cpu") as rig:
        rig.submit(clips)
        started = time.monotonic()
        stop, kills = threading.Event(), [0]
        killer = threading.Thread(
            target=_kill_on, args=(rig, kill_every, random.Random(seed), stop, kills), daemon=True
        )
        killer.start()
        is_settled = rig.settle(seconds)
        stop.set()
        killer.join()
        return _outcome(rig, kills[0], time.monotonic() - started, is_settled)


def _kill_on(
    rig: DeepRig, every: tuple[float, float], rng: random.Random, stop: threading.Event, kills: list[int]
) -> None:
    while not stop.wait(rng.uniform(*every)):
        rig.kill(rng.choice(list(rig.workers)), rng)
        kills[0] += 1


def _outcome(rig: DeepRig, n_kills: int, seconds: float, is_settled: bool) -> Outcome:
    def count(sql: str) -> int:
        return int(rig.rows(sql)[0][0])

    twice = "SELECT count(*) FROM (SELECT {} FROM {} GROUP BY 1 HAVING count(*) > 1) AS more"
    return Outcome(
        n_done=count("SELECT count(*) FROM moderation_item WHERE deep_state = 'done' AND state <> 'pending'"),
        n_decided_twice=count(twice.format("item_id", "moderation_decision WHERE stage = 'deep'")),
        n_dead=count("SELECT count(*) FROM moderation_outboxmessage WHERE state = 'dead'"),
        n_results_twice=count(twice.format("sha256 || detector || version", "moderation_detectorresult")),
        n_kills=n_kills,
        seconds=seconds,
        is_settled=is_settled,
        logs="" if is_settled else rig.tail(),
    )
