"""The deep pass over a 30 s clip at 720p on one core, split by stage, and a second pass over the same file from what is kept.

Stages are CPU time of this process, so that other work on the machine does not count; the whole pass is time by the clock.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from console.demo.embedded import servers_in
from tests.support.places import ROOT
from tests.support.spoken import RATE, SAID, Samples, silence, sound_write, spoken

SECONDS, FPS, SIZE = 30, 25, (1280, 720)
TARGET_SECONDS, TARGET_CACHED_MS = 10.0, 50.0
_N_CACHED = 20
#: A stage that did not run has no number.
_ABSENT = {"value": 0.0, "unit": "not configured", "target": None, "met": None}


def clip(path: Path, seconds: int = SECONDS) -> Path:
    """Write a clip that moves all the time, changes its scene every three seconds, has words in every second scene, and in which
    somebody speaks half of the time.
    """
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=FPS, options={"preset": "veryfast"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        audio = out.add_stream("aac", rate=RATE, layout="mono")
        for n in range(seconds * FPS):
            if n % (3 * FPS) == 0:
                still = _scene(n // (3 * FPS))
            moved = np.ascontiguousarray(np.roll(still, n % 50, axis=1))
            out.mux(video.encode(av.VideoFrame.from_ndarray(moved, format="rgb24")))
        out.mux(video.encode(None))
        sound_write(out, audio, _talk(seconds))
    return path


def _talk(seconds: int) -> Samples:
    """Return lines with pauses between them as long as the lines."""
    parts = [part for name in SAID for part in (spoken(name), silence(len(spoken(name)) / RATE))]
    return np.resize(np.concatenate(parts), seconds * RATE)


def _scene(n: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    rng = np.random.default_rng(n)
    small = Image.fromarray(rng.integers(50, 210, (12, 20, 3), dtype=np.uint8))
    picture = small.resize(SIZE, Image.Resampling.BICUBIC)
    if n % 2:
        ImageDraw.Draw(picture).text((200, 320), f"a walk by the river {n}", "white", ImageFont.load_default(56))
    return np.asarray(picture)


def measure(folder: str) -> None:
    """Print the measured rows as JSON. Runs in a child on one core, whose environment names the database."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import django

    django.setup()
    path = clip(Path(folder) / "clip.mp4")
    rows = _stages(path, Path(folder))
    total = sum(row["value"] for row in rows.values())
    rows |= {"deep pass, all stages": _row(total, "s of one core", TARGET_SECONDS), **_passes(path)}
    sys.stdout.write("\n" + json.dumps(rows))


def _stages(path: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """Return CPU seconds of each stage, run one after the other in this process."""
    from moderation.detection.clip import ClipSubject
    from moderation.detection.hashes.pdq import pdq_of
    from moderation.detection.media.decode import inspect, take_apart
    from moderation.detection.media.limits import DEFAULT_LIMITS
    from moderation.detection.media.sandbox import _wire, examine
    from moderation.live.detectors import deep_detectors
    from policies.choices import ItemKind

    with path.open("rb") as file, contextlib.chdir(folder):
        request = {"file": file.fileno(), "want_audio": True, "limits": _wire(DEFAULT_LIMITS)}
        probed, _ = _cpu(lambda: inspect(request))
        apart, _ = _cpu(lambda: take_apart(request))
    taken = examine(path, folder, want_audio=True)
    pictures = [np.asarray(Image.open(f.path).resize(SIZE)) for f in taken.frames]
    hashed, _ = _cpu(lambda: [pdq_of(picture) for picture in pictures])
    rows = {
        "deep pass, probe": _row(probed, "s"),
        "deep pass, frames, sheet and waveform": _row(
            max(apart - probed - hashed, 0.0), f"s, {len(taken.frames)} frames"
        ),
        "deep pass, pdq": _row(hashed, f"s, {len(taken.frames)} frames"),
    }
    subject = ClipSubject(ItemKind.VIDEO, "0" * 64, taken.frames, taken.audio, taken.probe.has_audio)
    for detector in deep_detectors():
        if not detector.is_configured:
            rows[f"deep pass, {detector.name}"] = _ABSENT
        elif detector.name != "frames":
            detector.run(subject)  # loads its model
            rows[f"deep pass, {detector.name}"] = _row(_cpu(partial(detector.run, subject))[0], "s")
    return rows


def _cpu(act: Callable[[], Any]) -> tuple[float, Any]:
    before = time.process_time()
    result = act()
    return time.process_time() - before, result


def _passes(path: Path) -> dict[str, dict[str, Any]]:
    """Return the time of a whole pass through the task, of later passes over the same file, and of deciding alone."""
    from moderation.deep import examine as examination
    from moderation.items.context import context_of
    from moderation.verdict.judge import judge
    from policies.live import active_policy

    first, _, item = _examined(path, "first")
    again = [_examined(path, f"again-{n}") for n in range(_N_CACHED)]
    cached, computed = (median(times) * 1_000 for times in ([a[0] for a in again], [a[1] for a in again]))
    policy = active_policy()
    known = examination._onpath_results(item, policy)
    decided = min(_cpu(lambda: judge(known, context_of(item), policy))[0] for _ in range(20))
    return {
        "deep pass, decide": _row(decided * 1_000, "ms"),
        "deep pass, 30 s at 720p": _row(first, "s by the clock", TARGET_SECONDS),
        "deep pass, cached": _row(cached, "ms by the clock", TARGET_CACHED_MS),
        "deep pass, cached, computing": _row(computed, "ms of one core"),
    }


def _examined(path: Path, external_id: str) -> tuple[float, float, Any]:
    """Submit a clip and return the seconds that its task took, by the clock and of this process, and the item."""
    from moderation.detection.media.storage import save_upload
    from moderation.intake.submit import Submission, UploadedMedia, item_submit
    from moderation.models import Item, OutboxMessage
    from moderation.tasks import item_examine
    from policies.choices import ItemKind

    with path.open("rb") as file:
        stored = save_upload(file)
    media = UploadedMedia(stored.sha256, stored.key, "video/mp4", stored.n_bytes, *SIZE, SECONDS * 1_000)
    submission = Submission(
        external_id=external_id, kind=ItemKind.VIDEO, caption="A walk by the river", creator=external_id, language="en",
        region="GB", duration_ms=SECONDS * 1_000, audience=None, media=media, cover=None,
    )  # fmt: skip
    item = item_submit(actor="benchmark", submission=submission).item
    key = str(OutboxMessage.objects.get(item=item).key)
    began, computed = time.perf_counter(), time.process_time()
    item_examine(key)
    took, computed = time.perf_counter() - began, time.process_time() - computed
    return took, computed, Item.objects.select_related("media", "cover", "creator", "current_decision").get(pk=item.pk)


def _row(value: float, unit: str, target: float | None = None) -> dict[str, Any]:
    return {"value": value, "unit": unit, "target": target, "met": None if target is None else value <= target}


def run() -> dict[str, dict[str, Any]]:
    """Return the measured rows."""
    with tempfile.TemporaryDirectory(prefix="gh-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        servers = servers_in(folder / "servers")
        servers.start()
        try:
            environment = {
                **os.environ, "DJANGO_SETTINGS_MODULE": "console.settings", "ENVIRONMENT": "test",
                "VAR_DIR": str(folder / "var"), "MEDIA_ROOT": str(folder / "media"), "LOG_LEVEL": "WARNING",
                "OMP_NUM_THREADS": "1", **servers.environment(),
            }  # fmt: skip
            _child("from tests.support.live import prepare; prepare()", environment)
            out = _child(f"from benchmarks.deep import measure; measure({name!r})", environment)
            rows: dict[str, dict[str, Any]] = json.loads(out.splitlines()[-1])
            return rows
        finally:
            servers.stop()


def _child(code: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout
