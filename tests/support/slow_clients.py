"""Clients that send or read slowly, at every kind of address, and what a server holds for them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from tests.support.live import Live

N_CLIENTS = 256


_EVERY_SECONDS = 1.0


#: A body of a clip and one of a form; what was sent of either before the client slows down.
CLIP_BYTES, FORM_BYTES = 5_000_000, 2_000


_SENT_OF_CLIP = b"x" * 1_200_000


@dataclass(frozen=True)
class Slow:
    """One kind of slow client: what it sends at once, and what every second after that."""

    name: str
    at_once: bytes
    then: bytes = b"x"
    reads: bool = True


@dataclass
class _Client:
    kind: Slow
    socket: socket.socket
    status: int = 0
    is_closed: bool = False


@dataclass
class SlowClients:
    """Many slow clients on one thread, until the block ends."""

    url: str
    clients: list[_Client] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def of(self, kinds: list[Slow], n: int) -> Iterator[SlowClients]:
        """Connect `n` clients, the kinds in turn, and keep them going."""
        thread = threading.Thread(target=self._go_on, daemon=True)
        try:
            for i in range(n):
                self.clients.append(self._connect(kinds[i % len(kinds)]))
            thread.start()
            yield self
        finally:
            self._stop.set()
            if thread.ident:
                thread.join()
            for client in self.clients:
                client.socket.close()

    def still_waiting(self) -> int:
        """Return how many are connected and have no answer."""
        return sum(not client.is_closed and not client.status for client in self.clients)

    def statuses(self) -> Mapping[str, set[int]]:
        """Return the answers by kind; 0 where there is none."""
        found: dict[str, set[int]] = {}
        for client in self.clients:
            found.setdefault(client.kind.name, set()).add(client.status)
        return found

    def _connect(self, kind: Slow) -> _Client:
        parts = urlsplit(self.url)
        connected = socket.socket()
        if not kind.reads:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        connected.settimeout(5)
        connected.connect((str(parts.hostname), parts.port))
        client = _Client(kind, connected)
        self._send(client, kind.at_once)
        return client

    def _go_on(self) -> None:
        while not self._stop.wait(_EVERY_SECONDS):
            for client in self.clients:
                self._step(client)

    def _step(self, client: _Client) -> None:
        if client.is_closed:
            return
        if client.kind.reads:
            self._read(client)
        if not client.status and not client.is_closed:
            self._send(client, client.kind.then)

    def _read(self, client: _Client) -> None:
        client.socket.setblocking(False)
        try:
            received = client.socket.recv(4_096)
        except BlockingIOError:
            return
        except OSError:
            client.is_closed = True
            return
        client.is_closed = not received
        if received.startswith(b"HTTP/1.1 "):
            client.status = int(received[9:12])

    def _send(self, client: _Client, data: bytes) -> None:
        client.socket.settimeout(5)
        try:
            client.socket.sendall(data)
        except OSError:  # refused: what the server said is still to be read
            with suppress(OSError):
                self._read(client)
            client.is_closed = True


def request(method: str, path: str, headers: Mapping[str, str], *, ended: bool = True) -> bytes:
    """Return the head of a request, or of one that goes on."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""] if ended else [*lines, "X-More: "]).encode()


def kinds_of(live: Live, large: str) -> list[Slow]:
    """Return every kind: slow headers, bodies with and without a length at each kind of address, idle ones, slow readers.

    Args:
        large: an address whose answer does not fit into the buffers of a connection.
    """
    key = live.authorization()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    data = {"Content-Type": "multipart/form-data; boundary=b", **key}
    json = {"Content-Type": "application/json", **key}
    some, clip = {"Content-Length": str(FORM_BYTES)}, {"Content-Length": str(CLIP_BYTES)}
    chunked = {"Transfer-Encoding": "chunked"}
    addresses = {
        "sign-in": ("/accounts/login/", form), "upload": ("/api/v1/items", json), "events": ("/api/v1/events", json),
        "feed": ("/api/v1/feed", json), "media": ("/media/x", {}), "nowhere": ("/nowhere/at/all", {}),
    }  # fmt: skip
    small = [Slow(f"body at {n}", request("POST", p, {**h, **some}) + b"x") for n, (p, h) in addresses.items()]
    return [
        Slow("headers", request("POST", "/accounts/login/", {}, ended=False)),
        Slow("no request", b"", then=b""),
        *small,
        Slow("body of a GET", request("GET", "/api/v1/feed?age=30", {**key, **some}) + b"x"),
        Slow("clip", request("POST", "/api/v1/items", {**data, **clip}) + _SENT_OF_CLIP),
        Slow("a stranger's clip", request("POST", "/accounts/login/", {**form, **clip}) + _SENT_OF_CLIP),
        Slow("chunks", request("POST", "/api/v1/items", {**data, **chunked}) + b"5\r\nxxxxx\r\n", then=b"1\r\nx\r\n"),
        Slow("chunks at sign-in", request("POST", "/accounts/login/", {**form, **chunked}) + b"1\r\nx\r\n"),
        Slow("idle", request("GET", "/livez", {}), then=b""),
        Slow("reader", request("GET", large, key), then=b"", reads=False),
    ]


def held_on_disk(live: Live) -> tuple[int, int]:
    """Return how many files the service holds for bodies, and their bytes: named ones in its folders, nameless ones open."""
    folders = {live.media_root, Path(live.environment.get("TMPDIR") or live.media_root)}
    sizes = [path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file()]
    parent = psutil.Process(live.process.pid)
    for process in (parent, *parent.children(recursive=True)):
        sizes += _nameless(Path(f"/proc/{process.pid}/fd"))
    return len(sizes), sum(sizes)


def _nameless(folder: Path) -> list[int]:
    found = []
    for file in folder.iterdir():
        with suppress(OSError):
            if str(file.readlink()).endswith("(deleted)") and file.is_file():
                found.append(file.stat().st_size)
    return found
