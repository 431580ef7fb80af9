"""Bad requests over real HTTP: the right problem document, and nothing stored."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.support.bad_requests import BAD_REQUESTS, JSON, BadRequest
from tests.support.forms import document
from tests.support.live import Live

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def database(live: Live) -> Iterator[psycopg.Connection[Any]]:
    """Yield a connection to the live service's database."""
    with psycopg.connect(live.environment["DATABASE_URL"], autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def good(live: Live) -> None:
    """Take in one good item, which some bad requests are about."""
    answer = httpx.post(
        f"{live.url}/api/v1/items",
        content=document(external_id="good-1"),
        headers={"Content-Type": JSON, **live.authorization()},
    )
    assert answer.status_code in {200, 201}, answer.text


def _stored(database: psycopg.Connection[Any], folders: tuple[Path, ...]) -> dict[str, Any]:
    """Return the row count of every table that a request could write, and every file."""
    names = database.execute(
        "SELECT tablename FROM pg_tables WHERE tablename ~ '^(moderation|policies|feed)_' ORDER BY 1"
    ).fetchall()
    assert len(names) > 15
    union = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for (name,) in names)
    files = sorted(str(path) for folder in folders for path in folder.rglob("*") if path.is_file())
    return {"rows": database.execute(union).fetchall(), "files": files}


def _send(live: Live, bad: BadRequest) -> tuple[int, dict[str, str], bytes]:
    """Send exactly what the table says; an answer that comes before the body was sent counts as well."""
    connection = http.client.HTTPConnection(live.url.removeprefix("http://"), timeout=30)
    headers = {"Content-Type": bad.type} if bad.type else {}
    headers |= live.authorization(bad.key) if bad.key else {}
    headers |= bad.headers
    is_chunked = "Transfer-Encoding" in headers
    if not is_chunked:
        headers.setdefault("Content-Length", str(len(bad.body)))
    try:
        connection.putrequest(bad.method, bad.path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value.encode() if not value.isascii() else value)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.endheaders(bad.body or None, encode_chunked=is_chunked)
        response = connection.getresponse()
        return response.status, {n.lower(): v for n, v in response.getheaders()}, response.read()
    finally:
        connection.close()


def _settled(database: psycopg.Connection[Any], folders: tuple[Path, ...], expected: object) -> object:
    """Return what is stored; the server closes a request's temporary files a moment after it has answered."""
    deadline = time.monotonic() + 10
    while (found := _stored(database, folders)) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


@pytest.mark.usefixtures("good")
@pytest.mark.parametrize("bad", BAD_REQUESTS, ids=lambda bad: bad.name)
def test_it_refuses_and_stores_nothing(
    live: Live, live_temporary: Path, database: psycopg.Connection[Any], bad: BadRequest
) -> None:
    folders = (live.media_root, live_temporary)
    before = _stored(database, folders)
    status, headers, body = _send(live, bad)
    assert status == bad.status, body[:500]
    assert headers["content-type"] == "application/problem+json", body[:500]
    problem = json.loads(body)
    assert problem["type"] == f"urn:gatehouse:problem:{bad.problem}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    if bad.fields:
        assert {error["field"] for error in problem["errors"]} == set(bad.fields)
        assert all(error["code"] and error["detail"] for error in problem["errors"])
    assert "Traceback" not in body.decode()
    assert _settled(database, folders, before) == before


def test_the_table_is_long_enough_and_its_names_are_unique() -> None:
    assert len(BAD_REQUESTS) >= 60
    assert len({bad.name for bad in BAD_REQUESTS}) == len(BAD_REQUESTS)
    assert {bad.status for bad in BAD_REQUESTS} >= {400, 401, 403, 404, 405, 406, 409, 411, 413, 415, 422}


def test_the_service_still_takes_good_requests_afterwards(live: Live) -> None:
    answer = httpx.post(
        f"{live.url}/api/v1/items",
        content=document(external_id="good-2"),
        headers={"Content-Type": JSON, **live.authorization()},
    )
    assert answer.status_code in {200, 201}, answer.text
