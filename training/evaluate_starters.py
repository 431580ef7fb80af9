"""`make evaluate-starters`: what the shipped starter models score, as a table and in var/starters.json.

Each kind of model has a module `training.KIND.evaluate` with `run()`, which returns {name: {"value", "unit",
"target", "met"}}; a kind whose module or model is not there is told and passed over. Exit code 1 where a target is missed.
"""

import argparse
import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any

KINDS = ("speech", "vision")
_OUT = Path("var/starters.json")


def scores(kind: str) -> dict[str, Any] | None:
    """Return the scores of a kind of model; None, having said why, where it cannot be measured here."""
    name = f"training.{kind}.evaluate"
    if importlib.util.find_spec(f"training.{kind}") is None or importlib.util.find_spec(name) is None:
        print(f"{kind}: there is nothing that evaluates it")
        return None
    try:
        found: dict[str, Any] = importlib.import_module(name).run()
    except FileNotFoundError as error:
        print(f"{kind}: {error}")
        return None
    return found


def line(name: str, row: dict[str, Any]) -> str:
    """Return a score as a line of the table."""
    target = "" if row["target"] is None else f"target {row['target']:g}: {'met' if row['met'] else 'MISSED'}"
    return f"  {name:<72} {row['value']:>8} {row['unit']:<4} {target}"


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=KINDS)
    only = parser.parse_args().only
    found = {kind: rows for kind in KINDS if only in (None, kind) and (rows := scores(kind)) is not None}
    for kind, rows in found.items():
        print(kind, *(line(name, row) for name, row in rows.items()), sep="\n")
    _OUT.parent.mkdir(exist_ok=True)
    _OUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if any(row["met"] is False for rows in found.values() for row in rows.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
