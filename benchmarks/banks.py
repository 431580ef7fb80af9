"""A million known hashes in one process: memory, look-ups on one thread, building anew, following one more.

Entries are random, as PDQ hashes of different pictures nearly are; queries are random too, which is what nearly all uploads
are to a bank, and every tenth is a known picture with some bits turned, which must be found.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from console.demo.embedded import servers_in

N_ENTRIES, N_SHA256 = 1_000_000, 50_000
N_LOOKUPS = 3_000
MEMORY_MB, LOOKUP_MS = 1_024, 5.0

_BANKS = """
    INSERT INTO moderation_hashbank (key, created_at, slug, title, category_id, outcome, enabled_ratio, is_child_safety, updated_at)
    SELECT gen_random_uuid(), now(), 'bench-' || n, 'Bench ' || n, 'violence', 4, 1, false, now() FROM generate_series(1, 5) n
"""
_ENTRIES = """
    INSERT INTO moderation_hashentry (key, created_at, algorithm, value, note, tags, share_level, retire_reason, txid, bank_id)
    SELECT gen_random_uuid(), now(), %(algorithm)s, encode(sha256(%(algorithm)s::bytea || int4send(n)), 'hex'), '', '{}', 'AMBER', '', 0,
        b.ids[1 + n %% 5]
    FROM generate_series(1, %(n)s) n, (SELECT array_agg(id) AS ids FROM moderation_hashbank WHERE slug LIKE 'bench-%%') b
"""


def run() -> dict[str, dict[str, Any]]:
    """Return the measured rows."""
    with tempfile.TemporaryDirectory(prefix="gh-bench-") as folder:
        root = Path(folder)
        root.chmod(0o711)
        servers = servers_in(root)
        servers.start()
        try:
            settings = {"ENVIRONMENT": "test", "DJANGO_SETTINGS_MODULE": "console.settings"}
            os.environ.update({**settings, **servers.environment()})
            return _measure()
        finally:
            servers.stop()


def _measure() -> dict[str, dict[str, Any]]:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("policy_seed", verbosity=0)
    _fill()
    from moderation.live.banks import BankFollower

    follower = BankFollower()
    before = _resident_mb()
    seconds = _timed(follower.refresh)
    memory = _resident_mb() - before
    lookups = _lookups(follower)
    lookups |= _while_rebuilding(follower)
    quiet = _timed(follower.refresh)
    _add_one()
    one_more = _timed(follower.refresh)
    assert follower.view.index is not None
    rows = {
        "banks_entries": _row(len(follower.view.index), "hashes", None),
        "banks_memory": _row(memory, "MB", MEMORY_MB),
        "banks_peak": _row(_peak_mb() - before, "MB", None),
        "banks_rebuild": _row(seconds, "s", None),
        "banks_check_nothing_new": _row(quiet * 1_000, "ms", None),
        "banks_follow_one_more": _row(one_more * 1_000, "ms", None),
    }
    return rows | lookups


def _row(value: float, unit: str, at_most: float | None) -> dict[str, Any]:
    target, met = (None, None) if at_most is None else (f"<= {at_most:g}", value <= at_most)
    return {"value": value, "unit": unit, "target": target, "met": met}


def _fill() -> None:
    from django.db import connection

    from moderation.db.owner import as_owner

    with as_owner(), connection.cursor() as cursor:
        cursor.execute(_BANKS)
        cursor.execute(_ENTRIES, {"algorithm": "pdq", "n": N_ENTRIES})
        cursor.execute(_ENTRIES, {"algorithm": "sha256", "n": N_SHA256})
        cursor.execute("ANALYZE moderation_hashentry")


def _add_one() -> None:
    from moderation.banks.service import NewEntry, bank_add_entries
    from moderation.models import HashBank

    bank_add_entries(actor="bench", bank=HashBank.objects.all()[0], entries=[NewEntry("pdq", "ab" * 32)])


def _lookups(follower: Any, name: str = "lookup", n: int = N_LOOKUPS) -> dict[str, dict[str, Any]]:
    """Measure single look-ups, one after the other on this thread."""
    rng = np.random.default_rng(7)
    known = [entry.value for entry in _some_known()]
    times, cpu = [], []  # on a busy machine the clock also counts what others did meanwhile
    for i in range(n):
        is_known = i % 10 == 0
        query = _turned(known[i % len(known)], rng) if is_known else rng.bytes(32).hex()
        began, began_cpu = time.perf_counter(), time.thread_time()
        found = follower.view.index.match_pdq(query, 100)
        cpu.append((time.thread_time() - began_cpu) * 1_000)
        times.append((time.perf_counter() - began) * 1_000)
        assert bool(found) or not is_known
    p50, p95, p99 = np.percentile(times, [50, 95, 99])
    target = LOOKUP_MS if name == "lookup" else None
    return {
        f"banks_{name}_cpu_p99": _row(float(np.percentile(cpu, 99)), "ms", None),
        f"banks_{name}_p50": _row(p50, "ms", None),
        f"banks_{name}_p95": _row(p95, "ms", target),
        f"banks_{name}_p99": _row(p99, "ms", target),
    }


def _while_rebuilding(follower: Any) -> dict[str, dict[str, Any]]:
    """Measure look-ups while another thread of the process builds everything anew,."""
    from moderation.live.banks import BankFollower

    def rebuild() -> None:
        from django.db import connection

        BankFollower().refresh()
        connection.close()

    thread = threading.Thread(target=rebuild)
    thread.start()
    rows = _lookups(follower, "lookup_while_rebuilding", n=1_500)
    thread.join()
    return rows


def _some_known() -> Any:
    from moderation.models import HashEntry

    return HashEntry.objects.filter(algorithm="pdq").order_by("pk")[:500]


def _turned(value: str, rng: np.random.Generator) -> str:
    """Return a hash with up to 31 of its bits turned."""
    bits = rng.choice(256, int(rng.integers(0, 32)), replace=False)
    return f"{int(value, 16) ^ sum(1 << int(bit) for bit in bits):064x}"


def _timed(act: Any) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _resident_mb() -> float:
    return _status("VmRSS")


def _peak_mb() -> float:
    return _status("VmHWM")


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1_024 for line in lines if line.startswith(name))
