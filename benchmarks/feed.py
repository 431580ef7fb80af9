"""How fast the feed answers over HTTP, at 10,000 and 100,000 cleared items, about 500 candidates ranked for each answer."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx
import psutil

from benchmarks.load import Load
from console.demo.embedded import servers_in
from tests.support.fill import fill
from tests.support.live import Live, live_service

Rows = dict[str, dict[str, Any]]
SIZES = (10_000, 100_000)
SECONDS = 10.0
TARGET_MS = 25.0
TARGET_PER_SECOND = 100.0
_AGES = ("", "11", "14", "17", "30", "60")
_REGIONS = ("DE", "FR", "GB", "US", "JP", "")
_LANGUAGES = ("de", "fr", "en", "pt-BR", "")


def path_of(n: int) -> str:
    """Return the n-th request: viewers of many ages, regions and languages."""
    age, region, language = _AGES[n % 6], _REGIONS[n // 6 % 6], _LANGUAGES[n // 36 % 5]
    return f"/api/v1/feed?viewer=v{n % 500}&age={age}&region={region}&language={language}&limit=20"


def run() -> Rows:
    """Return the measured rows."""
    rows: Rows = {}
    filled = 0
    with tempfile.TemporaryDirectory(prefix="gh-bench-") as folder:
        root = Path(folder)
        root.chmod(0o711)
        servers = servers_in(root / "servers", fsync=False)
        servers.start()
        try:
            with live_service(servers.environment(), root, workers=1, threads=4) as live:
                for size in SIZES:
                    fill(servers.postgres.owner_url, size - filled, prefix=f"bench-{size}-")
                    filled = size
                    wait_for(live, size)
                    rows |= _measure(live, f"{size // 1000}k")
        finally:
            servers.stop()
    return rows


def wait_for(live: Live, size: int) -> None:
    """Wait until the service serves from all items that were filled in."""
    deadline = time.monotonic() + 120
    with httpx.Client(headers=live.authorization(), timeout=30) as client:
        while time.monotonic() < deadline:
            body = client.get(f"{live.url}/api/v1/feed?age=30&limit=50").json()
            trace = client.get(f"{live.url}/api/v1/feed/explain?trace_id={body['trace_id']}").json()
            if body["rung"] == "full" and trace["candidates"].get("source.fresh", 0) >= min(300, size // 2):
                return
            time.sleep(0.5)
    raise RuntimeError("The feed did not take up the items in time.")


def _measure(live: Live, label: str) -> Rows:
    time.sleep(6)  # one round of the index's slow refreshes
    headers = live.authorization()
    Load(live.url, headers, path_of, 2).run_for(2)
    alone = [a.ms for a in Load(live.url, headers, path_of, 1).run_for(SECONDS)]
    cpu = _cpu_seconds(live)
    crowd = Load(live.url, headers, path_of, 4).run_for(SECONDS)
    cpu = _cpu_seconds(live) - cpu
    assert all(a.body["items"] or a.body["rung"] == "empty" for a in crowd)
    full = sum(a.body["rung"] == "full" for a in crowd) / len(crowd)
    p95 = quantiles(alone, n=100)[94]
    rate = len(crowd) / SECONDS
    return {
        f"feed_p95_{label}": _row(p95, "ms over HTTP", f"<= {TARGET_MS:g}", p95 <= TARGET_MS),
        f"feed_p50_{label}": _row(quantiles(alone, n=100)[49], "ms over HTTP", None, None),
        f"feed_rate_{label}": _row(rate, "requests/s", f">= {TARGET_PER_SECOND:g}", rate >= TARGET_PER_SECOND),
        f"feed_cpu_{label}": _row(cpu / len(crowd) * 1000, "ms CPU/request", "<= 10", cpu / len(crowd) <= 0.01),
        f"feed_full_rung_{label}": _row(full * 100, "% of answers", None, None),
        f"feed_p95_loaded_{label}": _row(quantiles([a.ms for a in crowd], n=100)[94], "ms, 4 at once", None, None),
    }


def _cpu_seconds(live: Live) -> float:
    """Return the CPU time that the service has used: unlike the clock, it does not grow when the machine is shared."""
    parent = psutil.Process(live.process.pid)
    times = [process.cpu_times() for process in (parent, *parent.children(recursive=True))]
    return float(sum(t.user + t.system for t in times))


def _row(value: float, unit: str, target: str | None, met: bool | None) -> dict[str, Any]:
    return {"value": round(value, 2), "unit": unit, "target": target, "met": met}


if __name__ == "__main__":
    for name, row in run().items():
        print(f"{name:28} {row['value']:>10} {row['unit']:<16} target {row['target']} met {row['met']}")
