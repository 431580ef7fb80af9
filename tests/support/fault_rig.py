"""A whole Gatehouse to break: durable servers, web, relay and workers as real processes, and a client that keeps looking."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg

from console.demo.embedded import Servers
from tests.support.clips import clip, jpeg, scene
from tests.support.live import Live, live_service
from tests.support.places import ROOT

_SETTLE_SECONDS = 120


@dataclass
class Watcher:
    """Polls the feed all the time and remembers every item that it was handed."""

    live: Live
    served: set[str] = field(default_factory=set)
    rungs: set[str] = field(default_factory=set)
    n_answers: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Ask as an adult until stopped."""
        logging.getLogger("httpx").setLevel(logging.WARNING)  # thousands of lines that say nothing
        with httpx.Client(headers=self.live.authorization("feed:read"), timeout=10) as client:
            while not self.stopped.wait(0.1):
                self._ask(client, {"age": "30", "region": "GB", "limit": "50"})

    def _ask(self, client: httpx.Client, query: dict[str, str]) -> None:
        try:
            answer = client.get(f"{self.live.url}/api/v1/feed", params=query)
        except httpx.HTTPError:
            return
        if answer.status_code == 200:
            self.n_answers += 1
            self.rungs.add(answer.json()["rung"])
            self.served |= {item["external_id"] for item in answer.json()["items"]}


@dataclass
class Rig:
    """Everything that runs, with hands on it."""

    servers: Servers
    live: Live
    folder: Path
    watcher: Watcher
    worker: subprocess.Popen[bytes] | None = None
    relay: subprocess.Popen[bytes] | None = None
    n_clips: int = 0

    def start_worker(self) -> None:
        """Start a Celery worker for all queues, in a process group of its own."""
        command = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "console",
            "worker",
            "-Q",
            "intake,deep.io,deep.cpu,deep.gpu,deep.rerun,housekeeping",
            "-c",
            "1",
        ]
        self.worker = self._process([*command, "--without-gossip", "--without-mingle", "-l", "INFO"], "worker.log")

    def start_relay(self) -> None:
        """Start the outbox relay."""
        self.relay = self._process([sys.executable, "manage.py", "outbox_relay"], "relay.log")

    def _process(self, command: list[str], log: str) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("ab") as output:
            return subprocess.Popen(
                command, cwd=ROOT, env=dict(self.live.environment), stdout=output, stderr=output, start_new_session=True
            )

    def kill_worker(self) -> None:
        """End the worker and its children with SIGKILL."""
        assert self.worker is not None
        os.killpg(self.worker.pid, signal.SIGKILL)
        self.worker.wait()

    def submit(self, external_id: str, *, kind: str = "video", caption: str = "A walk by the river") -> httpx.Response:
        """Send one upload; a clip is different every time."""
        data = {
            "external_id": external_id,
            "kind": kind,
            "caption": caption,
            "creator": "mira",
            "region": "GB",
            "language": "en",
        }
        files = {}
        if kind == "video":
            self.n_clips += 1
            path = clip(self.folder / f"{external_id}.mp4", [scene(1_000 + self.n_clips), scene(2_000 + self.n_clips)])
            files = {"media": ("clip.mp4", path.read_bytes(), "video/mp4")}
        elif kind == "image":
            self.n_clips += 1
            files = {"media": ("still.jpg", jpeg(scene(3_000 + self.n_clips)), "image/jpeg")}
        headers = self.live.authorization("items:write")
        return httpx.post(f"{self.live.url}/api/v1/items", data=data, files=files or None, headers=headers, timeout=60) if files else httpx.post(f"{self.live.url}/api/v1/items", json=data, headers=headers, timeout=60)  # fmt: skip

    def rows(self, sql: str, *parameters: object) -> list[tuple[object, ...]]:
        """Return what a query gives."""
        with psycopg.connect(self.live.environment["DATABASE_URL"]) as connection:
            return connection.execute(sql, parameters or None).fetchall()

    def wait(self, sql: str, what: str, seconds: float = _SETTLE_SECONDS) -> None:
        """Wait until a query gives no rows."""
        deadline = time.monotonic() + seconds
        while left := self.rows(sql):
            assert time.monotonic() < deadline, f"{what}: {left[:5]}\n{self.tail()}"
            time.sleep(0.3)

    def settle(self) -> None:
        """Wait until every promise is kept or dead."""
        self.wait(
            "SELECT topic, state, attempts, last_error FROM moderation_outboxmessage WHERE state IN ('pending', 'sent')",
            "unkept promises",
        )

    def tail(self) -> str:
        """Return the end of the logs."""
        logs = (self.folder / name for name in ("worker.log", "relay.log", "web.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-1_500:]}" for log in logs if log.exists())

    def check(self) -> None:
        """Assert what must hold after every fault."""
        lost = self.rows(
            "SELECT external_id FROM moderation_item i WHERE (state = 'pending' OR current_decision_id IS NULL) OR "
            "(deep_state = 'queued' AND NOT EXISTS (SELECT 1 FROM moderation_outboxmessage m WHERE m.item_id = i.id))"
        )
        assert lost == [], "accepted items without a decision or a promise"
        twice = self.rows(
            "SELECT item_id, stage, count(*) FROM moderation_decision WHERE actor_id IS NULL AND stage IN ('on_path', 'deep') "
            "GROUP BY item_id, stage HAVING count(*) > 1"
        )
        assert twice == [], "items decided twice by the same stage"
        cleared = {row[0] for row in self.rows(
            "SELECT i.external_id FROM moderation_item i JOIN moderation_clearancerevision r ON r.item_id = i.id WHERE r.is_granted"
        )}  # fmt: skip
        assert self.watcher.served <= cleared, "the feed served what was never cleared"
        assert self.watcher.n_answers > 0


@contextmanager
def rig(servers: Servers, folder: Path, **environment: str) -> Iterator[Rig]:
    """Run everything until the block ends."""
    settings = {
        **servers.environment(), "OUTBOX_RESEND_AFTER_SECONDS": "3", "OUTBOX_CLAIM_SECONDS": "3", "OUTBOX_MAX_ATTEMPTS": "3",
        **environment,
    }  # fmt: skip
    with live_service(settings, folder, threads=4) as live:
        watcher = Watcher(live)
        whole = Rig(servers, live, folder, watcher)
        whole.start_relay()
        whole.start_worker()
        thread = threading.Thread(target=watcher.run, daemon=True)
        thread.start()
        try:
            yield whole
        finally:
            watcher.stopped.set()
            thread.join(timeout=15)
            for process in (whole.worker, whole.relay):
                if process and process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
