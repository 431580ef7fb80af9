"""The one page that a newcomer needs: where the demo answers, who can log in, what to try, what runs. No Django here."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Where demo_prepare says what the demo runs as.
RUNS_AS = "runs-as.txt"
#: What waits for each person when the demo has been filled.
_WAITS = {
    "reviewer": "an answer, and a decision that a senior changed",
    "reviewer2": "in the middle of a job; asked a question",
    "reviewer3": "in the middle of a job",
    "senior": "a question, aged jobs",
    "lead": "how queues stand, who is on what",
    "policy-editor": "a draft in review",
    "policy-approver": "a draft to approve, a canary",
    "analyst": "calibration, simulations",
    "admin": "people and roles, keys, health",
}


def screen(*, url: str, var: Path, log_dir: Path, pids: Mapping[str, int], server_pids: Mapping[str, int]) -> str:
    """Return the page.

    Args:
        pids, server_pids: by name, of what the supervisor started and of the embedded servers.
    """
    logs = _short(log_dir)
    rows = [f"  {name:<20} process {pid:<8} {logs}/{name}.log" for name, pid in pids.items()]
    rows += [f"  {name:<20} process {pid}" for name, pid in server_pids.items()]
    return "\n".join(
        [
            *_head(url),
            *_people(var),
            *_to_try(url, var),
            *_runs_as(var),
            _bold("What runs"),
            *rows,
            "",
            "Ctrl-C stops all.",
        ]
    )


def _runs_as(var: Path) -> list[str]:
    lines = (var / RUNS_AS).read_text().splitlines()
    return [_bold("What it runs as"), *(f"  {line}" for line in lines), ""]


def _short(path: Path) -> str:
    """Return a path as seen from here, where that is shorter."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text


def _head(url: str) -> list[str]:
    rows = {"Console": "/", "Demo feed": "/demo/feed", "API": "/api/v1/docs/", "Admin": "/admin/"}
    lines = [f"  {name:<11} {url}{path}" for name, path in rows.items()]
    return ["", _bold("Gatehouse is running"), *lines, ""]


def _accounts(var: Path) -> dict[str, Any]:
    """Return what demo_users wrote, as docs/api.md describes it."""
    accounts: dict[str, Any] = json.loads((var / "demo.json").read_text())
    return accounts


def _people(var: Path) -> list[str]:
    users = _accounts(var)["users"]
    lines = [
        f"  {user['username']:<17} {user['password']:<18} {_WAITS.get(user['username'], '')}".rstrip() for user in users
    ]
    return [_bold("Who can log in"), *lines, ""]


def _to_try(url: str, var: Path) -> list[str]:
    key = _accounts(var)["api_key"]
    return [
        _bold("Three things to try"),
        "  1. Log in as reviewer, press c for the next job and decide it: ? tells all keys.",
        "  2. Open the demo feed beside it, find one of its items in the console as senior and block it: it leaves the feed.",
        "  3. Submit something of your own and see it judged (-F kind=video -F media=@FILE for a clip):",
        f"     curl -H 'Authorization: Api-Key {key}' \\",
        f"       -F external_id=mine-1 -F kind=text -F creator=me -F caption='Hello, Gatehouse' {url}/api/v1/items",
        "",
    ]
