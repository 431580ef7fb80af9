"""Sending Django's answers: whole, so that no thread waits for whoever reads them slowly."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from typing import BinaryIO, Protocol

from django.http import HttpResponseBase

Headers = list[tuple[str, str]]

#: An answer that is made piece by piece waits in memory up to this size, in a nameless file above.
_MEMORY_BYTES = 2**20


class Answering(Protocol):
    """The part of granian's protocol that is used; all of it returns at once and may be called from any thread."""

    def response_empty(self, status: int, headers: Headers) -> None:
        """Answer without a body."""

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer with a body."""

    def response_file(self, status: int, headers: Headers, file: str) -> None:
        """Answer with a file, read from its beginning only as fast as the client takes it."""

    def response_file_range(self, status: int, headers: Headers, file: str, start: int, end: int) -> None:
        """Answer with a part of a file, read only as fast as the client takes it."""


def answer(protocol: Answering, response: HttpResponseBase, *, closing: bool = False) -> BinaryIO | None:
    """Send an answer.

    Args:
        closing: the connection ends with it, because there is something of the request that was not read.

    Returns:
        a file that must stay open until the server has opened it as well; None where there is none.
    """
    status, headers = response.status_code, headers_of(response, closing=closing)
    if not response.streaming:
        body: bytes = response.content  # type: ignore[attr-defined]
        _send(protocol, status, headers, body)
        return None
    return _send_pieces(protocol, status, headers, response)


def headers_of(response: HttpResponseBase, *, closing: bool) -> Headers:
    """Return an answer's headers as the server takes them."""
    cookies = (("Set-Cookie", morsel.output(header="")) for morsel in response.cookies.values())
    return [*response.items(), *cookies, *([("Connection", "close")] if closing else ())]


def _send(protocol: Answering, status: int, headers: Headers, body: bytes) -> None:
    if body:
        protocol.response_bytes(status, headers, body)
    else:
        protocol.response_empty(status, headers)


def _send_pieces(protocol: Answering, status: int, headers: Headers, pieces: Iterable[bytes]) -> BinaryIO | None:
    """Collect what a view makes piece by piece. Sent as it is made, all of it would wait in memory for a slow reader."""
    file = tempfile.SpooledTemporaryFile(_MEMORY_BYTES)  # noqa: SIM115 # closed below, or by whoever gets it
    for piece in pieces:
        file.write(piece)
    size = file.tell()
    if not any(name.lower() == "content-length" for name, _ in headers):
        headers.append(("Content-Length", str(size)))
    if not size or size <= _MEMORY_BYTES:
        file.seek(0)
        _send(protocol, status, headers, file.read())
        file.close()
        return None
    file.flush()
    protocol.response_file_range(status, headers, f"/proc/{os.getpid()}/fd/{file.fileno()}", 0, size)
    nameless: BinaryIO = file._file  # type: ignore[assignment] # a spooled file's own, now on disk
    return nameless
