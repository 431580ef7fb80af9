"""The feed and health beside 256 clients that send or read slowly, at every kind of address: `python -m benchmarks.slow_clients`.

The server is started as `make demo` starts it. `SlowClients` serves the tests as well.
"""

from __future__ import annotations

import http.client
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlsplit

from benchmarks.feed import path_of, wait_for
from benchmarks.load import Load
from console.demo.embedded import servers_in
from tests.support.fill import fill
from tests.support.live import Live, live_service
from tests.support.slow_clients import N_CLIENTS, SlowClients, held_on_disk, kinds_of

N_ITEMS = 10_000
SECONDS = 8.0


@dataclass
class _Asker:
    """Asks an address again and again on a new connection each time, as a load balancer does."""

    url: str
    paths: tuple[str, ...]
    ms: list[float] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask until the block ends."""
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _run(self) -> None:
        parts = urlsplit(self.url)
        while not self._stop.wait(0.05):
            for path in self.paths:
                began = time.monotonic()
                connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
                connection.request("GET", path)
                if connection.getresponse().status != 200:
                    raise RuntimeError(f"{path} does not answer 200")
                connection.close()
                self.ms.append((time.monotonic() - began) * 1000)


def run() -> dict[str, dict[str, Any]]:
    """Return the measured rows."""
    with tempfile.TemporaryDirectory(prefix="gh-bench-") as folder:
        root = Path(folder)
        root.chmod(0o711)
        (root / "tmp").mkdir()
        servers = servers_in(root / "servers", fsync=False)
        servers.start()
        try:
            environment = {**servers.environment(), "TMPDIR": str(root / "tmp")}
            with live_service(environment, root, workers=2, threads=4) as live:
                fill(servers.postgres.url, N_ITEMS)
                wait_for(live, N_ITEMS)
                _feed(live, 5.0)
                return _measure(live)
        finally:
            servers.stop()


def _measure(live: Live) -> dict[str, dict[str, Any]]:
    loop = _reference_loop()
    files_before, bytes_before = held_on_disk(live)
    quiet, health_quiet = _feed(live, SECONDS)
    with SlowClients(live.url).of(kinds_of(live, "/api/v1/schema/"), N_CLIENTS) as slow:
        time.sleep(0.5)
        beside, health = _feed(live, SECONDS)
        waiting = slow.still_waiting()
    files, held = _settled(lambda: held_on_disk(live), (files_before, bytes_before))
    p95, p95_beside = _percentile(quiet, 95), _percentile(beside, 95)
    return {
        "slow_clients_feed_p95_quiet": _row(p95, "ms", None, None),
        "slow_clients_feed_p95_beside": _row(p95_beside, "ms", f"<= {2 * p95:.1f}", p95_beside <= 2 * p95),
        "slow_clients_health_p99_quiet": _row(_percentile(health_quiet, 99), "ms", None, None),
        "slow_clients_health_p99_beside": _row(_percentile(health, 99), "ms", "<= 100", _percentile(health, 99) <= 100),
        "slow_clients_still_waiting": _row(waiting, f"of {N_CLIENTS}", None, None),
        "slow_clients_files_left": _row(files - files_before, "files", "0", files == files_before),
        "slow_clients_bytes_left": _row(held - bytes_before, "bytes", "0", held == bytes_before),
        "slow_clients_reference_loop": _row(loop, "ms, 1 million additions", None, None),
    }


def _feed(live: Live, seconds: float) -> tuple[list[float], list[float]]:
    """Return what the feed and health took meanwhile, in milliseconds."""
    asker = _Asker(live.url, ("/livez", "/readyz"))
    with asker.asking():
        answers = Load(live.url, live.authorization(), path_of, 1).run_for(seconds)
    return [answer.ms for answer in answers], asker.ms


def _settled(look: Callable[[], tuple[int, int]], expected: tuple[int, int]) -> tuple[int, int]:
    """Return what is held; a server notices that a client has gone a moment later."""
    deadline = time.monotonic() + 30
    while (found := look()) != expected and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _reference_loop() -> float:
    """Return what a loop of pure Python takes here and now: how fast, and how busy, the machine is."""
    times = []
    for _ in range(5):
        began, total = time.perf_counter(), 0
        for n in range(1_000_000):
            total += n
        times.append((time.perf_counter() - began) * 1000)
    return median(times)


def _percentile(values: list[float], percent: int) -> float:
    return quantiles(values, n=100)[percent - 1]


def _row(value: float, unit: str, target: str | None, met: bool | None) -> dict[str, Any]:
    return {"value": round(value, 2), "unit": unit, "target": target, "met": met}


if __name__ == "__main__":
    for name, row in run().items():
        print(f"{name:32} {row['value']:>10} {row['unit']:<24} target {row['target']} met {row['met']}")
