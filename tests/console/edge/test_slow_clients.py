"""Slow and idle clients, large and abandoned bodies, on the server as `make demo` starts it."""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from console.api.limits import DEFAULT_BODY_BYTES
from console.edge.bodies import BASE_SECONDS
from tests.support.embedded_servers import redis_url
from tests.support.fill import fill
from tests.support.live import Live, live_service
from tests.support.owner import database_made
from tests.support.served_clips import addresses, keep_clip
from tests.support.slow_clients import CLIP_BYTES, Slow, SlowClients, held_on_disk, kinds_of, request

pytestmark = pytest.mark.slow

N_CLIENTS = 256
#: Bytes of a file that does not fit into the buffers on the way to a reader.
CLIP_OF_READERS = 8 * 2**20
#: Less than a slow sender is waited for: who would be answered only once the slow ones are gone is not.
PATIENCE_SECONDS = BASE_SECONDS * 0.8


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Yield a service with a database and folders of its own, and the demo's number of processes and threads."""
    folder = tmp_path_factory.mktemp("slow")
    (folder / "tmp").mkdir()
    base = os.environ["DATABASE_URL"]
    environment = {
        "DATABASE_URL": database_made(base.replace("/test_gatehouse?", "/gatehouse?"), f"slow_{os.getpid()}"),
        "REDIS_URL": redis_url(3),
        "TMPDIR": str(folder / "tmp"),
    }
    with live_service(environment, folder, workers=2, threads=4) as live:
        _everything_answers(live, 60)
        yield live


@pytest.fixture(scope="module")
def large(served: Live) -> str:
    """Return the address of a picture that does not fit into the buffers of a connection."""
    url, content = served.environment["DATABASE_URL"], random.Random(1).randbytes(2**20) * (CLIP_OF_READERS // 2**20)
    fill(url, 20, prefix="large-", media=keep_clip(url, served.media_root, content))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            return next(iter(dict(addresses(served, 1)).values()))
        except (RuntimeError, StopIteration):
            time.sleep(0.3)
    raise AssertionError("the feed does not show the clip")


def _everything_answers(live: Live, seconds: float) -> None:
    """Insist that feed, health and an upload are answered in time, each over a connection of its own."""
    for path in ("/livez", "/readyz", "/api/v1/feed?age=30") * 4:
        assert _status(live, "GET", path, seconds) == 200, path
    text = {
        "external_id": f"t{time.monotonic_ns()}",
        "kind": "text",
        "creator": "mira",
        "caption": "A walk by the river",
    }
    assert _status(live, "POST", "/api/v1/items", seconds, json.dumps(text)) == 201


def _status(live: Live, method: str, path: str, seconds: float, body: str | None = None) -> int:
    parts = urlsplit(live.url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=seconds)
    try:
        connection.request(method, path, body, {**live.authorization(), "Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()


def _is_clean(live: Live, before: tuple[int, int]) -> bool:
    """Whether within some seconds nothing is held any more that was not held before."""
    deadline = time.monotonic() + 20
    while held_on_disk(live) != before and time.monotonic() < deadline:
        time.sleep(0.1)
    return held_on_disk(live) == before


def _kinds(live: Live, large: str, choose: Callable[[Slow], bool]) -> list[Slow]:
    return [kind for kind in kinds_of(live, large) if choose(kind)]


@pytest.mark.parametrize("which", ["headers", "body", "clip", "reader", "idle", "all"])
def test_256_slow_clients_take_nothing_away_and_leave_nothing_behind(served: Live, large: str, which: str) -> None:
    _everything_answers(served, 60)
    before = held_on_disk(served)
    kinds = _kinds(served, large, lambda kind: which == "all" or which in kind.name)
    with SlowClients(served.url).of(kinds, N_CLIENTS) as slow:
        _everything_answers(served, PATIENCE_SECONDS)
        if which in {"headers", "body", "reader"}:
            assert slow.still_waiting() == N_CLIENTS, slow.statuses()
    assert _is_clean(served, before)


def test_who_sends_too_slowly_is_told_so_or_cut_off_in_the_end(served: Live, large: str) -> None:
    kinds = _kinds(
        served, large, lambda kind: kind.name in {"headers", "body at sign-in", "body at upload", "no request"}
    )
    with SlowClients(served.url).of(kinds, 8) as slow:
        deadline = time.monotonic() + 3 * BASE_SECONDS
        while slow.still_waiting() and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not slow.still_waiting(), slow.statuses()
    assert {status for name, found in slow.statuses().items() if "body" in name for status in found} == {408}


_STRANGERS = [
    ("/accounts/login/", {}, 413),
    ("/nowhere/at/all", {}, 413),
    ("/media/x", {}, 413),
    ("/policies/import", {}, 413),
    ("/policies/take", {}, 413),
    ("/admin/", {}, 413),
    ("/livez", {}, 413),
    ("/api/v1/nothing", {}, 413),
    ("/api/v1/reports", {}, 413),
    ("/api/v1/feed", {}, 413),
    ("/api/v1/items", {}, 401),
    ("/api/v1/items", {"Authorization": "Api-Key gh_unknown_unknown_unknown"}, 401),
    ("/api/v1/events", {}, 401),
]


@pytest.mark.parametrize(("path", "headers", "status"), _STRANGERS)
def test_a_strangers_large_body_is_refused_before_any_of_it_is_read(
    served: Live, path: str, headers: dict[str, str], status: int
) -> None:
    before = held_on_disk(served)
    length = 1_500_000 if path == "/api/v1/events" else CLIP_BYTES
    answer = _answer_to_head(served, "POST", path, {**headers, "Content-Length": str(length), "Expect": "100-continue"})
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:300]  # and not 100 Continue
    expected = b"application/problem+json" if path.startswith("/api/") else b"text/html"
    assert expected in answer.lower()
    assert b"connection: close" in answer.lower()
    assert _is_clean(served, before)


@pytest.mark.parametrize("key", ["none", "feed:read", "revoked"])
def test_a_key_without_the_scope_may_not_send_a_large_body_either(served: Live, key: str) -> None:
    head = {**served.authorization(key), "Content-Length": str(CLIP_BYTES), "Expect": "100-continue"}
    answer = _answer_to_head(served, "POST", "/api/v1/items", head)
    assert answer.startswith(b"HTTP/1.1 401 " if key == "revoked" else b"HTTP/1.1 403 "), answer[:300]


def test_a_method_that_an_address_does_not_have_opens_it_to_nobody(served: Live) -> None:
    answer = _answer_to_head(
        served, "PUT", "/api/v1/items", {"Content-Length": str(CLIP_BYTES), "Expect": "100-continue"}
    )
    assert answer.startswith(b"HTTP/1.1 405 "), answer[:300]


@pytest.mark.parametrize("path", ["/accounts/login/", "/api/v1/items", "/nowhere", "/api/v1/feed"])
@pytest.mark.parametrize("more", [{}, {"Content-Length": "10"}])
def test_chunks_are_refused_everywhere(served: Live, path: str, more: dict[str, str]) -> None:
    head = {**served.authorization(), "Transfer-Encoding": "chunked", **more}
    answer = _answer_to_head(served, "POST", path, head, b"5\r\nxxxxx\r\n")
    assert answer[9:12] in ({b"411"} if not more else {b"400", b"411"}), answer[:300]


def test_who_is_known_may_send_a_large_body_and_leaves_nothing_when_they_go_away_in_the_middle(served: Live) -> None:
    before = held_on_disk(served)
    head = {
        **served.authorization(),
        "Content-Type": "multipart/form-data; boundary=b",
        "Content-Length": str(CLIP_BYTES),
    }
    parts = urlsplit(served.url)
    with socket.create_connection((str(parts.hostname), parts.port), timeout=20) as connection:
        connection.sendall(request("POST", "/api/v1/items", head) + b"x" * (CLIP_BYTES - 100_000))
        deadline = time.monotonic() + 20
        while held_on_disk(served)[1] == before[1] and time.monotonic() < deadline:
            time.sleep(0.05)
        n_files, n_bytes = held_on_disk(served)
        assert n_files == before[0] + 1, "what comes in is held in one nameless file"
        assert n_bytes > before[1]
    assert _is_clean(served, before)


@pytest.mark.parametrize("status", [400, 422])
def test_a_large_body_that_is_read_and_refused_leaves_nothing(served: Live, status: int) -> None:
    before = held_on_disk(served)
    files = {"media": b"\0" * 3_000_000} if status == 422 else None
    form = {"external_id": "none", "kind": "video", "creator": "mira", "region": "Nowhere"}
    answer = (
        httpx.post(f"{served.url}/api/v1/items", data=form, files=files, headers=served.authorization(), timeout=60)
        if files
        else httpx.post(
            f"{served.url}/api/v1/items", content=b"x" * 3_000_000, timeout=60,
            headers={**served.authorization(), "Content-Type": "multipart/form-data; boundary=b"},
        )
    )  # fmt: skip
    assert answer.status_code == status, answer.text
    assert _is_clean(served, before)


def test_a_large_answer_comes_whole_and_in_ranges(served: Live, large: str) -> None:
    whole = httpx.get(f"{served.url}{large}", timeout=60)
    assert (whole.status_code, len(whole.content)) == (200, int(whole.headers["Content-Length"]))
    part = httpx.get(f"{served.url}{large}", headers={"Range": "bytes=100-2000099"}, timeout=60)
    assert part.status_code == 206
    assert part.content == whole.content[100:2_000_100]
    head = httpx.head(f"{served.url}{large}", timeout=60)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(whole.content)))


def test_readers_who_take_nothing_do_not_take_whole_files_from_others(served: Live, large: str) -> None:
    silent = [_silent_reader(served, large) for _ in range(N_CLIENTS)]
    try:
        deadline = time.monotonic() + 10  # the buffers of all of them fill first
        while _status(served, "GET", large, PATIENCE_SECONDS) != 200 and time.monotonic() < deadline:
            time.sleep(0.2)
        got = [_whole(served, large) for _ in range(8)]
        time.sleep(10)
        later = [_whole(served, large) for _ in range(8)]
    finally:
        for one in silent:
            one.close()
    assert got == later == [CLIP_OF_READERS] * 8


def _silent_reader(live: Live, path: str) -> socket.socket:
    """Ask for a file and take no more of it than what fits into the smallest buffer."""
    parts = urlsplit(live.url)
    asker = socket.socket()
    asker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
    asker.settimeout(10)
    asker.connect((str(parts.hostname), parts.port))
    asker.sendall(request("GET", path, {}))
    return asker


def _whole(live: Live, path: str) -> int:
    """Return how many bytes come where all of a file is asked for."""
    return len(httpx.get(f"{live.url}{path}", timeout=PATIENCE_SECONDS).raise_for_status().content)


def test_a_header_that_is_not_ascii_is_there_and_means_nothing(served: Live) -> None:
    assert _answer_to_head(served, "GET", "/metrics", {}).startswith(b"HTTP/1.1 200 ")
    assert _answer_to_head(served, "GET", "/metrics", {"X-Forwarded-For": "\xff"}).startswith(b"HTTP/1.1 404 ")
    assert _answer_to_head(served, "GET", "/api/v1/feed", {"Authorization": "\xff"}).startswith(b"HTTP/1.1 401 ")
    assert _answer_to_head(served, "GET", "/livez", {"Cookie": "\xff"}).startswith(b"HTTP/1.1 200 ")


def test_a_header_with_an_underscore_passes_for_no_other(served: Live) -> None:
    secret = served.authorization()["Authorization"]
    answer = _answer_to_head(served, "GET", "/api/v1/feed", {"Authorization_": "x", "Author_ization": secret})
    assert answer.startswith(b"HTTP/1.1 401 ")


def test_the_answers_of_the_edge_are_like_all_others(served: Live) -> None:
    answer = httpx.post(f"{served.url}/api/v1/reports", content=b"x" * (DEFAULT_BODY_BYTES + 1), timeout=30)
    problem = json.loads(answer.content)
    assert (problem["type"], problem["status"]) == ("urn:gatehouse:problem:too-large", 413)
    assert str(DEFAULT_BODY_BYTES) in problem["detail"]
    assert answer.headers["X-Request-Id"]
    page = httpx.post(f"{served.url}/accounts/login/", content=b"x" * (DEFAULT_BODY_BYTES + 1), timeout=30)
    assert "Content-Security-Policy" in page.headers
    assert "Nothing was changed" in page.text


def _answer_to_head(live: Live, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Return what the server says to a head of a request, with as little of a body as is given."""
    parts = urlsplit(live.url)
    with socket.create_connection((str(parts.hostname), parts.port), timeout=BASE_SECONDS * 2) as connection:
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: localhost",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        return connection.recv(65_536)


def test_the_demo_starts_this_server() -> None:
    from console.demo.start import Place, programs
    from console.server import web_command

    web = next(program for program in programs(Place("127.0.0.1", 8000, Path("var"))) if program.name == "web")
    assert list(web.argv[1:3]) == ["-m", "console.server"]
    assert "console.rsgi:application" in web_command("127.0.0.1", 8000)


def test_health_answers_while_every_thread_is_at_work(served: Live) -> None:
    with psycopg.connect(served.environment["DATABASE_URL"]) as connection:
        connection.execute("LOCK TABLE moderation_item IN ACCESS EXCLUSIVE MODE")  # whoever asks for an item waits
        askers = [_ask(served, "/api/v1/items/none") for _ in range(64)]
        try:
            for path in ("/livez", "/readyz") * 4:
                assert _status(served, "GET", path, PATIENCE_SECONDS) in {200, 503}, path
            assert not any(_has_answer(asker) for asker in askers), "they were meant to wait"
        finally:
            connection.rollback()
    for asker in askers:
        asker.settimeout(30)
        assert asker.recv(12).startswith(b"HTTP/1.1 404")
        asker.close()


def test_askers_who_call_us_by_many_names_do_not_take_health_away(served: Live) -> None:
    parts = urlsplit(served.url)
    askers = [socket.create_connection((str(parts.hostname), parts.port), timeout=10) for _ in range(N_CLIENTS)]
    for n, asker in enumerate(askers):
        asker.sendall(f"GET /readyz HTTP/1.1\r\nHost: localhost:{1_000 + n}\r\n\r\n".encode())
    took = []
    for _ in range(4):
        began = time.monotonic()
        assert _status(served, "GET", "/readyz", PATIENCE_SECONDS) == 200
        took.append(time.monotonic() - began)
    for asker in askers:
        asker.close()
    assert max(took) < 1, took  # made for each of them it took seconds; the benchmark has the milliseconds


def test_a_strange_name_or_question_is_not_everybodys_answer(served: Live) -> None:
    for head, status in (("Host: evil.example", b"400"), ("Host: localhost", b"200")) * 2:
        with _raw(served, f"GET /readyz?x=%00 HTTP/1.1\r\n{head}\r\n\r\n".encode()) as asker:
            assert asker.recv(65_536)[9:12] == status
    with _raw(served, b"HEAD /livez HTTP/1.1\r\nHost: localhost\r\n\r\n") as asker:
        assert asker.recv(65_536).partition(b"\r\n\r\n")[2] == b""
    with _raw(served, b"DELETE /livez HTTP/1.1\r\nHost: localhost\r\n\r\n") as asker:
        assert asker.recv(65_536)[9:12] in {b"403", b"405"}  # an ordinary request, which is not health's


def _raw(live: Live, head: bytes) -> socket.socket:
    parts = urlsplit(live.url)
    asker = socket.create_connection((str(parts.hostname), parts.port), timeout=10)
    asker.sendall(head)
    return asker


def _ask(live: Live, path: str) -> socket.socket:
    parts = urlsplit(live.url)
    asker = socket.create_connection((str(parts.hostname), parts.port), timeout=10)
    asker.sendall(request("GET", path, live.authorization()))
    return asker


def _has_answer(asker: socket.socket) -> bool:
    asker.setblocking(False)
    try:
        return bool(asker.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
