"""Runs the benchmarks, prints a table and writes var/bench.json: `python -m benchmarks.run [--only NAME]`.

Each module has `run()`, which returns {name: {"value", "unit", "target", "met"}}; each runs in a process of its own.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NAMES = (
    "decide",
    "banks",
    "terms",
    "text",
    "onpath",
    "wave",
    "gate",
    "feed",
    "revocation",
    "media_takedown",
    "claim",
    "decide_by_keyboard",
    "simulate",
    "slider_page",
    "pages",
    "job_page",
    "canary",
    "activation",
    "deep",
    "deep_queue",
    "fuzz_media",
    "vpdq",
    "slow_clients",
    "libraries",
)
ROOT = Path(__file__).resolve().parent.parent
Rows = dict[str, dict[str, Any]]

_CHILD = """
import importlib, json, pathlib, sys
rows = importlib.import_module(f"benchmarks.{sys.argv[1]}").run()
pathlib.Path(sys.argv[2]).write_text(json.dumps(rows, default=float))
"""


def machine() -> str:
    """Return what the numbers were taken on."""
    model = platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}"


def reference_ms() -> float:
    """Return how long a fixed loop of plain Python takes now, in ms, the best of five: what timings of two days compare by."""
    best = float("inf")
    for _ in range(5):
        began, total = time.perf_counter(), 0
        for n in range(1_000_000):
            total += n & 7
        best = min(best, (time.perf_counter() - began) * 1000)
    return round(best, 1)


def _run(name: str) -> Rows | None:
    """Run one benchmark in a child; None where it broke."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.json"
        done = subprocess.run([sys.executable, "-c", _CHILD, name, str(file)], cwd=ROOT, check=False)
        return json.loads(file.read_text()) if done.returncode == 0 and file.exists() else None


def _record(file: Path, rows: Rows, reference: float) -> None:
    """Merge new rows into the file: a run of one benchmark keeps the others' last numbers."""
    known: Rows = json.loads(file.read_text()) if file.exists() else {}
    where, at = machine(), datetime.now(UTC).isoformat(timespec="seconds")
    known |= {name: {**row, "machine": where, "at": at, "reference_ms": reference} for name, row in rows.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")


def _table(rows: Rows) -> str:
    width = max(map(len, rows), default=4)
    head = f"{'what':<{width}}  {'value':>14}  {'unit':<18}  {'target':<14}  met"
    return "\n".join([head, "-" * len(head), *(_line(name, row, width) for name, row in rows.items())])


def _line(name: str, row: dict[str, Any], width: int) -> str:
    target = "" if row["target"] is None else str(row["target"])
    met = {True: "yes", False: "NO", None: ""}[row["met"]]
    return f"{name:<{width}}  {row['value']:>14,.2f}  {row['unit']:<18}  {target:<14}  {met}"


def main() -> int:
    """Run what was asked for; the status is 1 where a benchmark broke, not where it missed its target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=NAMES, action="append", help="run one of them; may be repeated")
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "bench.json")
    options = parser.parse_args()
    rows: Rows = {}
    broken = []
    for name in options.only or NAMES:
        reference = reference_ms()
        print(f"{name} ... (reference loop {reference} ms)", file=sys.stderr, flush=True)
        found = _run(name)
        if found is None:
            broken.append(name)
            continue
        rows.update(found)
        _record(options.out, found, reference)
    print(_table(rows))
    print(f"reference loop: {reference_ms()} ms; {machine()}")
    if broken:
        print(f"These broke, see above: {', '.join(broken)}.", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
