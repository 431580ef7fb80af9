"""Bytes through the real server: whoever reads slowly gets no more than what was on its way, and holds nobody else up."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from tests.support.fill import fill
from tests.support.live import Live
from tests.support.served_clips import addresses, ask, keep_clip

#: Much more than the server's and the kernel's buffers hold for one connection.
LONG_BYTES = 64 * 2**20
N_STALLED = 24
_REVOKE = "UPDATE moderation_clearance c SET is_granted = false FROM moderation_item i WHERE i.id = c.item_id AND i.external_id = %s"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clips(live: Live) -> dict[str, str]:
    """Return the addresses of long clips, by external id."""
    url = live.environment["DATABASE_URL"]
    content = random.Random(1).randbytes(2**20) * (LONG_BYTES // 2**20)
    fill(url, 100, prefix="long-", media=keep_clip(url, live.media_root, content))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            found = dict(addresses(live, 40))
        except RuntimeError:
            time.sleep(0.3)
            continue
        if len(found) >= 40:
            return found
    raise AssertionError("the feed does not show the clips")


@pytest.fixture
def revoker(live: Live) -> Iterator[psycopg.Connection]:
    with psycopg.connect(live.environment["DATABASE_URL"], autocommit=True) as connection:
        yield connection


def slow_reader(live: Live, path: str, headers: str = "") -> socket.socket:
    """Return a connection that has asked, and read the beginning of the answer."""
    parts = urlsplit(live.url)
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    reader.settimeout(60)
    reader.connect((parts.hostname, parts.port))
    reader.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
    return reader


def when_there_is_a_place(live: Live, address: str, headers: str) -> socket.socket:
    """Return a slow reader whose answer has begun; the readers of another test may be on their way out."""
    deadline = time.monotonic() + 60
    while True:
        reader = slow_reader(live, address, headers)
        if not reader.recv(1000).startswith(b"HTTP/1.1 503"):
            return reader
        reader.close()
        assert time.monotonic() < deadline, "no place became free"
        time.sleep(0.2)


def rest_of(reader: socket.socket) -> int:
    """Read all that still comes; return how much that was. A connection that breaks off has ended."""
    n = 0
    try:
        while block := reader.recv(2**20):
            n += len(block)
    except ConnectionError:
        pass
    return n


@pytest.mark.parametrize("headers", ["", "Range: bytes=1000-\r\n"])
def test_a_slow_reader_gets_no_more_than_what_was_on_its_way(
    live: Live, clips: dict[str, str], revoker: psycopg.Connection, headers: str
) -> None:
    name, address = clips.popitem()
    with when_there_is_a_place(live, address, headers) as reader:
        revoker.execute(_REVOKE, (name,))
        deadline = time.monotonic() + 30
        while ask(live, address, {"Range": "bytes=0-1"}) != 404:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert rest_of(reader) < LONG_BYTES / 4


def test_whoever_may_have_it_gets_all_of_it(live: Live, clips: dict[str, str]) -> None:
    _, address = clips.popitem()
    with httpx.Client(base_url=live.url, timeout=60) as client:
        when_there_is_a_place(live, address, "").close()
        deadline = time.monotonic() + 60
        while (response := client.get(address)).status_code == 503 and time.monotonic() < deadline:
            time.sleep(0.2)
    assert (response.status_code, len(response.content)) == (200, LONG_BYTES)


def test_readers_that_stall_leave_the_feed_and_other_bytes_to_others(live: Live, clips: dict[str, str]) -> None:
    _, address = clips.popitem()
    with ExitStack() as stack:
        stalled = [
            stack.enter_context(slow_reader(live, address, headers))
            for headers in ("", "Range: bytes=0-\r\n") * (N_STALLED // 2)
        ]
        began = [reader.recv(12) for reader in stalled]
        assert set(began) <= {b"HTTP/1.1 200", b"HTTP/1.1 206", b"HTTP/1.1 503"}
        for _ in range(20):
            assert ask(live, "/api/v1/feed?age=30&limit=5", live.authorization()) == 200
            assert ask(live, "/livez", {}) == 200
            assert ask(live, address, {"Range": "bytes=0-"}) in {200, 206}
            assert ask(live, address, {"Range": "bytes=5-9"}) == 206
