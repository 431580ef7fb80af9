"""Damaged and hostile files through the real confined child and the real task: each ends in a verdict, and nothing stays behind.

Clips are made on the spot in several containers and then damaged: bits flipped, cut short, headers swapped, absurd sizes.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from moderation.detection.media.limits import DEFAULT_LIMITS
from tests.support.damaged_media import damaged, originals
from tests.support.deep_rig import DeepRig, Plan, deep_rig, small_clips

N_FILES = 500
_MOST_SECONDS = 7_200  # 500 files take half an hour of a quiet core, nearly all of it reading text
#: No worker is killed here, so nothing need be promised again every five seconds: that alone took a fifth of the worker.
_CALM = {"OUTBOX_RESEND_AFTER_SECONDS": "120", "OUTBOX_CLAIM_SECONDS": "60"}


# --- damage --------------------------------------------------------------------------------------------------------


# --- the run -------------------------------------------------------------------------------------------------------


@dataclass
class Watched:
    """The most that decoders took while somebody looked, in bytes: address space, and memory in use."""

    address_space: int = 0
    resident: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def look_until_stopped(self, worker: psutil.Process) -> None:
        """Look at the decoders below a worker twenty times a second."""
        while not self.stopped.wait(0.05):
            try:
                below = worker.children(recursive=True)
            except psutil.NoSuchProcess:
                return
            for process in below:
                self._look(process.pid)

    def _look(self, pid: int) -> None:
        try:
            if b"moderation.detection.media.sandbox_worker" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                return
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return
        numbers = {
            line.split(":")[0]: line.split()[1] for line in status.splitlines() if line.startswith(("VmPeak", "VmHWM"))
        }
        self.address_space = max(self.address_space, int(numbers.get("VmPeak", 0)) * 1_024)
        self.resident = max(self.resident, int(numbers.get("VmHWM", 0)) * 1_024)


@dataclass(frozen=True)
class Report:
    """What became of the files. `strays` are files where none should be; `pool_died` counts processes that ended at work."""

    n_files: int
    n_decided: int
    n_dead: int
    is_settled: bool
    seconds: float
    pool_died: int
    strays: list[str]
    healthy_state: str
    address_space: int
    resident: int
    outcomes: dict[str, int]


def fuzz(folder: Path, *, n_files: int, seconds: float) -> Report:
    """Put damaged files in, let a worker examine them all, and look at what is left; then a healthy clip."""
    files, healthy, made = folder / "files", folder / "healthy", folder / "made"
    for one in (files, healthy, made):
        one.mkdir()
    for n, (_, data) in enumerate(damaged(originals(made), n_files)):
        (files / f"file-{n:03}.bin").write_bytes(data + n.to_bytes(4, "big"))  # no two are the same bytes
    small_clips(healthy, 1)
    with deep_rig(folder, [Plan("all")], **_CALM) as rig:
        watched = Watched()
        worker = psutil.Process(rig.workers["all"].pid)
        watcher = threading.Thread(target=watched.look_until_stopped, args=(worker,), daemon=True)
        watcher.start()
        started = time.monotonic()
        rig.submit(files)
        is_settled = rig.settle(seconds)
        took = time.monotonic() - started
        rig.submit(healthy)
        is_settled = rig.settle(300) and is_settled
        watched.stopped.set()
        watcher.join()
        return _report(rig, watched, n_files, is_settled, took)


def _report(rig: DeepRig, watched: Watched, n_files: int, is_settled: bool, seconds: float) -> Report:
    decided = "SELECT count(*) FROM moderation_item WHERE external_id LIKE 'file-%' AND deep_state = 'done'"
    outcomes = "SELECT state || ' by ' || d.decided_by FROM moderation_item i JOIN moderation_decision d ON d.id = i.current_decision_id"
    log = (rig.folder / "all.log").read_text(errors="replace")
    return Report(
        n_files=n_files,
        n_decided=int(rig.rows(decided)[0][0]),
        n_dead=int(rig.rows("SELECT count(*) FROM moderation_outboxmessage WHERE state = 'dead'")[0][0]),
        is_settled=is_settled,
        seconds=seconds,
        pool_died=log.count("WorkerLostError"),
        strays=_strays(rig),
        healthy_state=str(rig.rows("SELECT state FROM moderation_item WHERE external_id = 'clip-000'")[0][0]),
        address_space=watched.address_space,
        resident=watched.resident,
        outcomes=dict(Counter(row[0] for row in rig.rows(outcomes)).most_common()),
    )


def _strays(rig: DeepRig) -> list[str]:
    """Return files that nobody knows of: in the temporary folder (but for decoders' sockets), and in storage."""
    known = {
        row[0]
        for row in rig.rows(
            "SELECT storage_key FROM moderation_mediafile UNION SELECT storage_key FROM moderation_derivedfile"
        )
    }
    media = rig.folder / "media"
    stored = [p for p in media.rglob("*") if p.is_file() and str(p.relative_to(media)) not in known]
    left = [p for p in (rig.folder / "tmp").rglob("*") if p.is_file()]
    return [str(p) for p in [*stored, *left]]


def run() -> dict[str, dict[str, Any]]:
    """Return the measured rows."""
    with tempfile.TemporaryDirectory(prefix="gh-bench-") as name:
        found = fuzz(Path(name), n_files=N_FILES, seconds=_MOST_SECONDS)
    print(found)
    limit = DEFAULT_LIMITS.child_memory_bytes / 2**20
    return {
        "fuzzed media, decided": _row(
            found.n_decided, "of 500", N_FILES, found.n_decided == N_FILES and found.is_settled
        ),
        "fuzzed media, dead letters": _row(found.n_dead, "messages", 0, found.n_dead == 0),
        "fuzzed media, workers lost": _row(found.pool_died, "processes", 0, found.pool_died == 0),
        "fuzzed media, stray files": _row(len(found.strays), "files", 0, not found.strays),
        "fuzzed media, a healthy clip afterwards": _row(
            found.healthy_state != "held", "served", 1, found.healthy_state != "held"
        ),
        "fuzzed media, address space of a decoder": _row(
            found.address_space / 2**20, "MiB", limit, found.address_space / 2**20 <= limit
        ),
        "fuzzed media, memory of a decoder": _row(found.resident / 2**20, "MiB", None, None),
        "fuzzed media, time a file": _row(found.seconds / N_FILES, "s", None, None),
    }


def _row(value: float, unit: str, target: float | None, met: bool | None) -> dict[str, Any]:
    return {"value": value, "unit": unit, "target": target, "met": met}
