"""How long the bytes of an item still come after its takedown was committed, from any of several web processes under load.

And what the question costs: for each answer of media, and on the feed's path for each address that a slate signs.
"""

from __future__ import annotations

import os
import random
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx
import psycopg

from benchmarks.feed import path_of, wait_for
from benchmarks.revocation import change_others
from console.demo.embedded import servers_in
from tests.support.fill import fill
from tests.support.live import Live, live_service
from tests.support.served_clips import addresses, ask, keep_clip

Rows = dict[str, dict[str, Any]]
N_ITEMS = 10_000
N_CLIPS = 2_000
CLIP_BYTES = 400_000
WORKERS = 3
N_TAKEDOWNS = 120
#: Those who ask for the bytes of what is taken down, each time on a new connection: the kernel spreads them over processes.
N_ASKING = 3
#: An item is gone when so many answers in a row said so; every process was asked among them, but for one in a million.
N_GONE = 40
N_COST = 2_000
TARGET_MS = 2_000.0
_REVOKE = """
    UPDATE moderation_clearance c SET is_granted = false FROM moderation_item i WHERE i.id = c.item_id AND i.external_id = %s
"""


def run() -> Rows:
    """Return the measured rows."""
    with tempfile.TemporaryDirectory(prefix="gh-bench-") as folder:
        root = Path(folder)
        root.chmod(0o711)
        servers = servers_in(root / "servers")
        servers.start()
        try:
            with live_service(servers.environment(), root, workers=WORKERS, threads=4) as live:
                return _measure(live, servers.postgres.url)
        finally:
            servers.stop()


def _measure(live: Live, url: str) -> Rows:
    fill(url, N_ITEMS)
    fill(url, N_CLIPS, prefix="clip-", media=keep_clip(url, live.media_root, random.Random(1).randbytes(CLIP_BYTES)))
    wait_for(live, N_ITEMS)
    quiet = _answer_ms(live, addresses(live, 1)[0][1])
    with _load(live, url):
        time.sleep(5)
        late = _takedowns(live, url)
    return {**_takedown_rows(late), **_answer_rows(quiet), **_signing_rows(url, live)}


@contextmanager
def _load(live: Live, url: str) -> Iterator[None]:
    """Ask for slates and for bytes, and change other clearances, until the block ends."""
    stop = threading.Event()
    some = [address for _, address in addresses(live, 50)]
    work = [
        threading.Thread(target=_ask_feed, args=(live, stop)),
        threading.Thread(target=_ask_bytes, args=(live, some, stop)),
        threading.Thread(target=change_others, args=(url, stop)),
    ]
    for thread in work:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in work:
            thread.join(timeout=60)


def _ask_feed(live: Live, stop: threading.Event) -> None:
    n = 0
    while not stop.is_set():
        ask(live, path_of(n), live.authorization())
        n += 1


def _ask_bytes(live: Live, some: Sequence[str], stop: threading.Event) -> None:
    n = 0
    while not stop.is_set():
        ask(live, some[n % len(some)], {"Range": "bytes=0-65535"})
        n += 1


def _takedowns(live: Live, url: str) -> list[tuple[float, float]]:
    """Take items down one after the other; return for each, in ms after the commit, the first 404 and the last bytes."""
    late: list[tuple[float, float]] = []
    with psycopg.connect(url, autocommit=True) as connection:
        while len(late) < N_TAKEDOWNS:
            for name, address in addresses(live, 20):
                if len(late) < N_TAKEDOWNS:
                    late.append(_take_down(live, connection, name, address))
    return late


def _take_down(live: Live, connection: Any, name: str, address: str) -> tuple[float, float]:
    seen: list[tuple[float, int]] = []
    asking = [threading.Thread(target=_ask_until_gone, args=(live, address, seen)) for _ in range(N_ASKING)]
    for thread in asking:
        thread.start()
    while len([s for _, s in seen if s == 206]) < 2 * N_ASKING:  # it is served while it is taken down
        time.sleep(0.005)
    connection.execute(_REVOKE, (name,))
    committed = time.monotonic()
    for thread in asking:
        thread.join(timeout=60)
    gone = min(at for at, status in seen if status == 404)
    bytes_at = max((at for at, status in seen if status == 206), default=committed)
    return (gone - committed) * 1000, max(0.0, bytes_at - committed) * 1000


def _ask_until_gone(live: Live, address: str, seen: list[tuple[float, int]]) -> None:
    n_gone = 0
    while n_gone < N_GONE / N_ASKING:
        status = ask(live, address, {"Range": "bytes=0-65535"})
        seen.append((time.monotonic(), status))
        n_gone = n_gone + 1 if status == 404 else 0


def _answer_ms(live: Live, address: str) -> dict[str, list[float]]:
    """Return what answers take on a connection that stays open, in ms: a range, the same refused, and a process that only lives."""
    wanted = {"media_range": (address, 206), "media_refused": (f"{address}0", 404), "livez": ("/livez", 200)}
    taken: dict[str, list[float]] = {name: [] for name in wanted}
    with httpx.Client(base_url=live.url, timeout=30) as client:
        for _ in range(N_COST):
            for name, (path, expected) in wanted.items():
                began = time.perf_counter()
                response = client.get(path, headers={"Range": "bytes=0-4095"} if expected == 206 else {})
                taken[name].append((time.perf_counter() - began) * 1000)
                assert response.status_code == expected, (name, response.status_code)
    return taken


def _signing_rows(url: str, live: Live) -> Rows:
    """Return what the check and the address cost by themselves, in this process, with a gate over the filled database."""
    os.environ.update({**live.environment, "DATABASE_URL": url})
    import django

    django.setup()
    from django.utils import timezone

    from moderation.gate.door import Gate, Viewer
    from moderation.gate.media_urls import Part, feed_url, ticket_read
    from moderation.items.media_parts import item_file
    from moderation.models import Item
    from policies.choices import Band

    gate, viewer = Gate(max_age_seconds=3600), Viewer(Band.ADULT, "DE")
    gate.refresh()
    pks = dict(Item.objects.filter(media__isnull=False).values_list("pk", "key")[:200])
    cleared = gate.admit(pks, viewer, timezone.now()).cleared[:100]
    signed = [feed_url(t, viewer=viewer, item_key=pks[t.item_id], part=Part.MEDIA).rsplit("/", 1)[1] for t in cleared]
    slate = cleared[:20]
    rows = {
        "feed_sign_slate_of_20": _us(
            lambda: [feed_url(t, viewer=viewer, item_key=pks[t.item_id], part=Part.MEDIA) for t in slate]
        ),
        "media_ticket_read": _us(lambda: ticket_read(signed[0], time.time())),
        "media_gate_asked": _us(lambda: gate.why_not(cleared[0].item_id, viewer, timezone.now())),
        "media_file_looked_up": _us(lambda: item_file(pks[cleared[0].item_id], Part.MEDIA)),
    }
    gate.stop()
    return {name: _row(value, "us", None) for name, value in rows.items()}


def _us(work: Any) -> float:
    times = []
    for _ in range(N_COST):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1e6)
    return median(times)


def _takedown_rows(late: Sequence[tuple[float, float]]) -> Rows:
    first = [gone for gone, _ in late]
    last = [bytes_at for _, bytes_at in late]
    p99 = quantiles(last, n=100)[98]
    return {
        "media_takedown_p99": _row(p99, f"ms to last bytes, {WORKERS} processes", TARGET_MS),
        "media_takedown_p50": _row(median(last), f"ms to last bytes, {WORKERS} processes", None),
        "media_first_404_p99": _row(quantiles(first, n=100)[98], "ms to first 404", TARGET_MS),
        "media_first_404_p50": _row(median(first), "ms to first 404", None),
    }


def _answer_rows(taken: dict[str, list[float]]) -> Rows:
    rows = {}
    for name, times in taken.items():
        label = name if name != "livez" else "media_beside_livez"
        rows[f"{label}_p50"] = _row(median(times), "ms over HTTP", None)
        rows[f"{label}_p95"] = _row(quantiles(times, n=100)[94], "ms over HTTP", None)
    return rows


def _row(value: float, unit: str, limit: float | None) -> dict[str, Any]:
    target = None if limit is None else f"<= {limit:g}"
    return {"value": round(value, 3), "unit": unit, "target": target, "met": None if limit is None else value <= limit}


if __name__ == "__main__":
    for name, row in run().items():
        print(f"{name:24} {row['value']:>10} {row['unit']:<36} target {row['target']} met {row['met']}")
