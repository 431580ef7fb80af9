"""A real HTTP server of weights: one address by itself, and a repository as the model hub shows it. It can break off, and be away."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

#: Files of this size and more are kept as large ones: the hub tells their SHA-256; of smaller ones, git's object id.
LARGE = 1_000


@dataclass
class ModelServer:
    """What it serves and what it was asked.

    files: content by name, served under `/some/NAME` and as the hub's repository `owner/name` at every revision;
    breaks_after: the first longer answer ends after so many bytes, and files are 503 from then on until `mend`;
    asked: (name, Range header) of each request of a file.
    """

    files: dict[str, bytes]
    url: str = ""
    breaks_after: int | None = None
    knows_ranges: bool = True
    is_away: bool = False
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    def mend(self) -> None:
        """Answer whole again."""
        self.breaks_after, self.is_away = None, False

    def listing(self) -> dict[str, object]:
        """Return what the hub says of a revision."""
        return {"id": "owner/name", "siblings": [_sibling(name, content) for name, content in self.files.items()]}


def _sibling(name: str, content: bytes) -> dict[str, object]:
    git_id = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    of = {"rfilename": name, "size": len(content), "blobId": git_id}
    if len(content) < LARGE:
        return of
    return {**of, "lfs": {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "pointerSize": 130}}


@contextmanager
def model_server(files: dict[str, bytes]) -> Iterator[ModelServer]:
    """Serve files until the block ends."""
    held = ModelServer(dict(files))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path.startswith(
                ("/api/v1/", "/media/", "/livez", "/readyz")
            ):  # meant for a service that had the port before
                self.send_error(404)
                return
            held.tokens.add(self.headers.get("Authorization") or "")
            if path.startswith("/api/models/"):
                self._send(200, json.dumps(held.listing()).encode(), kind="application/json")
            else:
                self._send_file(path.rpartition("/")[2])

        def _send_file(self, name: str) -> None:
            asked = self.headers.get("Range")
            held.asked.append((name, asked))
            if held.is_away or name not in held.files:
                self.send_error(503 if held.is_away else 404)
                return
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and held.knows_ranges else 0
            content = held.files[name]
            if start and start >= len(content):
                self.send_error(416)
                return
            held.is_away = held.breaks_after is not None and len(content) - start > held.breaks_after
            self._send(206 if start else 200, content[start:], start=start, whole=len(content))

        def _send(
            self, status: int, content: bytes, *, start: int = 0, whole: int = 0, kind: str = "text/plain"
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
            self.end_headers()
            self.wfile.write(content[: held.breaks_after])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    held.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()
