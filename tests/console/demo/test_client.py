"""The demo's client of the public API: patient with a server that is away, exact with files, plain about refusals."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http.multipartparser import MultiPartParser
from django.test import RequestFactory

from console.demo import client as client_module
from console.demo.client import Answer, Client


class Server(ThreadingHTTPServer):
    """Answers from a list, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, dict[str, str], object]] = []
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.command, self.path, dict(self.headers), body))
        status, headers, document = self.server.answers.pop(0)
        raw = document.encode() if isinstance(document, str) else json.dumps(document).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(raw))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    do_POST = do_GET  # noqa: N815 - the name that the base class calls

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    """Yield a server on a free port."""
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the waits between tries; none is really waited for."""
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


@pytest.fixture
def api(server: Server) -> Iterator[Client]:
    """Yield a client of that server."""
    made = Client(server.url + "/", "gh_key", timeout_seconds=5)
    yield made
    made.close()


def test_it_sends_the_key_and_reads_json(server: Server, api: Client) -> None:
    server.answers = [(200, {}, {"deep": "done"})]
    assert api.item("demo/a b") == Answer(200, {"deep": "done"})
    method, path, headers, _ = server.asked[0]
    assert (method, path) == ("GET", "/api/v1/items/demo/a%20b")
    assert headers["Authorization"] == "Api-Key gh_key"


def test_it_waits_as_long_as_the_server_asks_and_tries_again(server: Server, api: Client, naps: list[float]) -> None:
    server.answers = [(429, {"Retry-After": "7"}, {}), (503, {}, {}), (201, {}, {"ok": True})]
    assert api.post_json("/api/v1/items", {"a": 1}).is_ok
    assert naps[0] == 7.0
    assert [body for *_, body in server.asked] == [b'{"a": 1}'] * 3


def test_it_does_not_repeat_what_was_refused_for_good(server: Server, api: Client, naps: list[float]) -> None:
    server.answers = [(422, {}, {"detail": "No.", "errors": [{"field": "kind", "detail": "Unknown kind."}]})]
    answer = api.post_json("/api/v1/items", {})
    assert answer.why() == "HTTP 422: kind: Unknown kind."
    assert naps == []


def test_it_gives_up_with_a_sentence_when_nobody_answers(naps: list[float]) -> None:
    nobody = Client("http://127.0.0.1:9", "gh_key")
    with pytest.raises(ConnectionError, match=r"127\.0\.0\.1:9 does not answer"):
        nobody.get("/livez")
    assert len(naps) == client_module.TRIES - 1


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"detail": "Too large."}, "HTTP 413: Too large."),
        ({"title": "Gone"}, "HTTP 413: Gone"),
        ("<html>", "HTTP 413"),
        (None, "HTTP 413"),
    ],
)
def test_a_refusal_becomes_one_sentence(body: Any, sentence: str) -> None:
    assert Answer(413, body).why().startswith(sentence)


def test_an_answer_that_is_no_json_is_text(server: Server, api: Client) -> None:
    server.answers = [(200, {}, "<html>"), (204, {}, "")]
    assert api.get("/x").body == "<html>"
    assert api.get("/x").body is None


def test_a_form_carries_fields_and_files_whole(server: Server, api: Client, tmp_path: Path) -> None:
    clip = tmp_path / "a clip.mp4"
    clip.write_bytes(bytes(range(256)) * 40)
    server.answers = [(201, {}, {})]
    api.post_form("/api/v1/items", {"external_id": "é", "caption": "two\nlines"}, {"media": clip})
    _, _, headers, body = server.asked[0]
    request = RequestFactory().post("/", body, content_type=headers["Content-Type"])
    parser = MultiPartParser(request.META, request, [MemoryFileUploadHandler(request)], "utf-8")
    fields, files = parser.parse()
    assert (fields["external_id"], fields["caption"]) == ("é", "two\nlines")
    media = files["media"]
    assert isinstance(media, UploadedFile)
    assert (media.name, media.content_type) == ("a clip.mp4", "video/mp4")
    assert media.read() == clip.read_bytes()
