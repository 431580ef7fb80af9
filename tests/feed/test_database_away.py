"""The feed while the database stops and comes back, for real: an honest empty slate in time, and nothing uncleared."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import psycopg
import pytest

from console.demo.embedded import Servers
from tests.support.fill import fill
from tests.support.live import Live, live_service
from tests.support.waiting import until

pytestmark = [pytest.mark.fault, pytest.mark.slow]
MAX_AGE_SECONDS = 1.0


def slate(live: Live, client: httpx.Client) -> tuple[str, set[str]]:
    """Return the rung and the items that the feed answers now."""
    answer = client.get(f"{live.url}/api/v1/feed?age=30&region=DE&limit=50", headers=live.authorization())
    assert answer.status_code == 200, answer.text
    return answer.json()["rung"], {item["external_id"] for item in answer.json()["items"]}


def test_it_goes_empty_in_time_and_comes_back_without_what_was_revoked(servers: Servers, tmp_path: Path) -> None:
    with live_service(servers.environment(), tmp_path) as live, httpx.Client(timeout=20) as client:
        url = servers.environment()["DATABASE_OWNER_URL"]
        fill(url, 100)
        until(lambda: len(slate(live, client)[1]) == 50, 20)

        servers.postgres.stop("immediate")
        stopped_at = time.monotonic()
        until(lambda: slate(live, client) == ("empty", set()), MAX_AGE_SECONDS + 2)
        # what the feed may still serve is what it saw cleared less than the limit ago
        assert time.monotonic() - stopped_at < MAX_AGE_SECONDS + 1
        for _ in range(10):
            assert slate(live, client) == ("empty", set())

        servers.postgres.start()
        until(lambda: slate(live, client)[0] == "full", 20)
        shown = slate(live, client)[1]
        with psycopg.connect(url) as connection:
            connection.execute(
                "UPDATE moderation_clearance c SET is_granted = false FROM moderation_item i"
                " WHERE i.id = c.item_id AND i.external_id = ANY(%s)",
                (list(shown),),
            )
        took = until(lambda: not slate(live, client)[1] & shown, 5)
        assert took < MAX_AGE_SECONDS
        for _ in range(10):
            rung, items = slate(live, client)
            assert not items & shown
            assert rung == "full"
