"""The restore drill of the runbook, on a system that runs: dump, change, restore. The feed shows what the database clears now."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import pytest

from console.demo import embedded
from console.demo.embedded import Servers
from tests.support.fill import fill
from tests.support.live import Live, live_service
from tests.support.places import ROOT
from tests.support.waiting import until

pytestmark = [pytest.mark.fault, pytest.mark.slow]
#: A view may be so old, a look takes its time, and the machine is busy.
NOTICED_SECONDS = 5.0
_CLEARED = """
    SELECT i.external_id, i.caption FROM moderation_item i JOIN moderation_clearance c ON c.item_id = i.id
    WHERE c.is_granted AND c.min_age <= 18 AND NOT 'DE' = ANY(c.territories_blocked)
"""
Shown = set[tuple[str, str]]


@dataclass
class Asker:
    """Asks for the feed all the time and keeps every answer with the time at which it was asked for."""

    live: Live
    answers: list[tuple[float, Shown]] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with httpx.Client(headers=self.live.authorization(), timeout=20) as client:
            while not self.stopped.wait(0.02):
                began = time.monotonic()
                try:
                    items = client.get(f"{self.live.url}/api/v1/feed?age=30&region=DE&limit=50").json().get("items", [])
                except httpx.HTTPError:
                    continue
                self.answers.append((began, {(item["external_id"], item["caption"]) for item in items}))

    @property
    def latest(self) -> Shown:
        return self.answers[-1][1] if self.answers else set()

    def since(self, at: float) -> Shown:
        """Return all that was shown in answers asked for after a time."""
        return set().union(*(shown for began, shown in self.answers if began > at))


@contextmanager
def asking(live: Live) -> Iterator[Asker]:
    """Ask until the block ends."""
    asker = Asker(live)
    thread = threading.Thread(target=asker.run, daemon=True)
    thread.start()
    try:
        yield asker
    finally:
        asker.stopped.set()
        thread.join(20)


def client_tool(name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's own tools, as the runbook has it."""
    command = [str(embedded.postgres_bin() / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr


def manage(environment: Mapping[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], env={**os.environ, **environment}, cwd=ROOT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def in_place(owner_url: str, dump: Path) -> None:
    """Restore over what there is, in one transaction."""
    client_tool("pg_restore", "--clean", "--if-exists", "--single-transaction", "--dbname", owner_url, str(dump))


def dropped_and_made_anew(owner_url: str, dump: Path) -> None:
    """Drop the database under everybody who is connected, and restore into another one of the same name."""
    with psycopg.connect(owner_url.replace("/gatehouse?", "/postgres?"), autocommit=True) as connection:
        connection.execute("DROP DATABASE gatehouse WITH (FORCE)")
        connection.execute("CREATE DATABASE gatehouse")
    client_tool("pg_restore", "--exit-on-error", "--dbname", owner_url, str(dump))


def set_granted(url: str, name: str, is_granted: bool) -> None:
    with psycopg.connect(url) as connection:
        changed = connection.execute(
            "UPDATE moderation_clearance c SET is_granted = %s FROM moderation_item i WHERE i.id = c.item_id"
            " AND i.external_id = %s",
            (is_granted, name),
        )
        assert changed.rowcount == 1


@pytest.mark.parametrize("restore", [in_place, dropped_and_made_anew])
def test_the_drill(servers: Servers, tmp_path: Path, restore: Callable[[str, Path], None]) -> None:
    environment, dump = servers.environment(), tmp_path / "gatehouse.dump"
    owner_url, url = environment["DATABASE_OWNER_URL"], environment["DATABASE_URL"]
    with live_service(environment, tmp_path) as live, asking(live) as asker, httpx.Client(timeout=20) as client:

        def stream(**query: object) -> httpx.Response:
            address = f"{live.url}/api/v1/feed/revocations"
            return client.get(address, params=query, headers=live.authorization())  # type: ignore[arg-type]

        def cleared() -> Shown:
            with psycopg.connect(url) as connection:
                return {(name, caption) for name, caption in connection.execute(_CLEARED).fetchall()}

        fill(owner_url, 20, prefix="kept-")
        set_granted(url, "kept-7", False)
        until(lambda: len(asker.latest) == len(cleared()) > 10, 30)

        # 1. dump, 2. change: what is in no dump, and what the dump has blocked
        client_tool("pg_dump", "--format=custom", "--file", str(dump), owner_url)
        fill(owner_url, 20, prefix="lost-")
        set_granted(url, "kept-7", True)
        set_granted(url, "kept-8", False)
        until(lambda: asker.latest == cleared(), 30)
        assert any(name == "kept-7" for name, _ in asker.latest)
        page = stream().json()
        assert [row["external_id"] for row in page["revocations"]][-1] == "kept-8"

        # 3. restore; the numbers of what was lost go to other items, of which one is blocked
        restore(owner_url, dump)
        fill(owner_url, 30, prefix="later-")
        set_granted(url, "later-3", False)
        restored_at = time.monotonic()
        expected = cleared()
        assert {name for name, _ in expected if name.startswith("lost-")} == set()

        until(lambda: asker.latest == expected, 60)
        until(lambda: time.monotonic() > restored_at + NOTICED_SECONDS + 1, 20)
        assert asker.since(restored_at + NOTICED_SECONDS) == expected, (
            "something is shown that the database does not clear"
        )

        told = stream(since=page["next"], history=page["history"])
        assert told.status_code == 410
        assert "Drop the whole cache" in told.json()["detail"]
        fresh = stream().json()
        assert fresh["history"] != page["history"]
        assert "later-3" in {row["external_id"] for row in fresh["revocations"]}

        # 4. the last step, which also covers what nobody could notice
        manage(environment, "db_roles")
        manage(environment, "history_new")
        until(lambda: stream(since=fresh["next"], history=fresh["history"]).status_code == 410, 20)
        until(lambda: asker.latest == expected, 30)
        manage(environment, "db_roles", "--check")
