"""The deep pass for real, with hands on it: durable servers, relay and Celery workers as processes, clips put in without the web."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
import psycopg

from console.demo.embedded import servers_in
from tests.support.places import ROOT

ALL_QUEUES = "intake,deep.io,deep.cpu,deep.gpu,deep.rerun"
#: Promises come back quickly after a worker was killed, and no clip becomes a dead letter because it was killed often.
_QUICK = {"OUTBOX_RESEND_AFTER_SECONDS": "5", "OUTBOX_CLAIM_SECONDS": "5", "OUTBOX_MAX_ATTEMPTS": "12"}


@dataclass(frozen=True)
class Plan:
    """One worker: its name, the queues it reads and what it has."""

    name: str
    queues: str = ALL_QUEUES
    here: str = "io,cpu,gpu"


@dataclass
class DeepRig:
    """Everything that runs, and the database behind it."""

    environment: Mapping[str, str]
    folder: Path
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    relay: subprocess.Popen[bytes] | None = None

    def start_worker(self, plan: Plan) -> None:
        """Start a worker in a process group of its own."""
        command = [
            sys.executable, "-m", "celery", "-A", "console", "worker", "-Q", plan.queues, "-n", f"{plan.name}@%h", "-c", "1",
            "--without-gossip", "--without-mingle", "-l", "INFO",
        ]  # fmt: skip
        self.plans[plan.name] = plan
        self.workers[plan.name] = self._process(command, f"{plan.name}.log", {"DEEP_HERE": plan.here})

    def start_relay(self) -> None:
        """Start the outbox relay."""
        self.relay = self._process([sys.executable, "manage.py", "outbox_relay"], "relay.log", {})

    def _process(self, command: list[str], log: str, more: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("ab") as output:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env={**self.environment, **more},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def submit(self, clips: Path) -> None:
        """Put every file of a folder in as a clip, named after the file, as an upload that passed the door."""
        code = f"from tests.support.deep_rig import submit_folder; submit_folder({str(clips)!r})"
        subprocess.run([sys.executable, "-c", code], env=dict(self.environment), cwd=ROOT, check=True)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return what a query gives."""
        with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
            return connection.execute(sql).fetchall()

    def n_open(self) -> int:
        """Return how many promises are not kept."""
        return int(self.rows("SELECT count(*) FROM moderation_outboxmessage WHERE state IN ('pending', 'sent')")[0][0])

    def settle(self, seconds: float) -> bool:
        """Wait until every promise is kept or dead; False where that takes longer."""
        deadline = time.monotonic() + seconds
        while self.n_open():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.5)
        return True

    def kill(self, name: str, rng: random.Random) -> str:
        """End a worker by SIGKILL, all of it or only the process that does the work; return which."""
        process = self.workers[name]
        children = []
        with suppress(psutil.NoSuchProcess):
            children = [c for c in psutil.Process(process.pid).children() if "celery" in " ".join(c.cmdline())]
        if children and rng.random() < 0.5:
            with suppress(psutil.NoSuchProcess):
                children[0].kill()
            return "the process at work"
        _end(process)
        self.start_worker(self.plans[name])
        return "the whole worker"

    def stop(self) -> None:
        """End all that runs."""
        for process in [*self.workers.values(), *([self.relay] if self.relay else [])]:
            if process.poll() is None:
                _end(process)

    def tail(self) -> str:
        """Return the end of the logs."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-2_000:]}" for log in logs)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process group, and what its members left in groups of their own (the decoders end by themselves)."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def deep_rig(folder: Path, plans: list[Plan], **environment: str) -> Iterator[DeepRig]:
    """Run servers, a relay and workers until the block ends.

    Args:
        environment: settings to change.
    """
    folder.chmod(0o711)
    servers = servers_in(folder / "servers")
    servers.start()
    temporary = folder / "tmp"
    temporary.mkdir()
    full = {
        **os.environ, "DJANGO_SETTINGS_MODULE": "console.settings", "ENVIRONMENT": "test", "VAR_DIR": str(folder / "var"),
        "MEDIA_ROOT": str(folder / "media"), "TMPDIR": str(temporary), "LOG_LEVEL": "INFO", **_QUICK,
        **servers.environment(), **environment,
    }  # fmt: skip
    rig = DeepRig(full, folder)
    try:
        prepare = "from tests.support.live import prepare; prepare()"
        subprocess.run([sys.executable, "-c", prepare], env=full, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        rig.start_relay()
        for plan in plans:
            rig.start_worker(plan)
        yield rig
    finally:
        rig.stop()
        servers.stop()


def submit_folder(folder: str) -> None:
    """Submit every file of a folder. Runs in a child, whose environment names the database."""
    import django

    django.setup()
    from moderation.detection.media.storage import save_upload
    from moderation.intake.submit import Submission, UploadedMedia, item_submit
    from policies.choices import ItemKind

    for path in sorted(Path(folder).iterdir()):
        with path.open("rb") as file:
            stored = save_upload(file)
        media = UploadedMedia(stored.sha256, stored.key, "video/mp4", stored.n_bytes, 320, 240, 1_000)
        item_submit(
            actor="benchmark",
            submission=Submission(
                external_id=path.stem, kind=ItemKind.VIDEO, caption="A walk by the river", creator=f"creator-{path.stem}",
                language="en", region="GB", duration_ms=1_000, audience=None, media=media, cover=None,
            ),
        )  # fmt: skip


def small_clips(folder: Path, n: int) -> None:
    """Write n different clips of one second, 320 x 240, with two scenes each."""
    for i in range(n):
        rng = np.random.default_rng(i)
        with av.open(str(folder / f"clip-{i:03}.mp4"), "w") as out:
            video = out.add_stream("libx264", rate=5)
            video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
            video.options = {"preset": "ultrafast"}
            for _ in range(2):
                small = rng.integers(60, 200, (6, 8, 3), dtype=np.uint8)
                picture = np.kron(small, np.ones((40, 40, 1), dtype=np.uint8))
                for _ in range(3):
                    out.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
            out.mux(video.encode(None))
