"""What Django's WSGI handler is told of a request that came over RSGI."""

from __future__ import annotations

import io
import sys
from typing import Any, BinaryIO, Protocol

Environ = dict[str, Any]

_FIXED: Environ = {
    "GATEWAY_INTERFACE": "CGI/1.1",
    "SCRIPT_NAME": "",
    "wsgi.errors": sys.stderr,
    "wsgi.multiprocess": True,
    "wsgi.multithread": True,
    "wsgi.run_once": False,
    "wsgi.version": (1, 0),
    # Never more to read than what is there: a whole body was received, or none.
    "wsgi.input_terminated": True,
}
_PLAIN = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


class Headers(Protocol):
    """The part of granian's headers that is used."""

    def keys(self) -> list[str]:
        """Return the names, once each, in small letters."""

    def items(self) -> list[tuple[str, str]]:
        """Return every line whose value is printable ASCII."""


class Scope(Protocol):
    """The part of an RSGI scope that is used."""

    proto: str
    method: str
    path: str
    query_string: str
    scheme: str
    http_version: str
    client: str
    server: str
    authority: str | None
    headers: Headers


class UnreadableHeaders(ValueError):
    """A header has a value that is not printable ASCII: what reads it behind us could see another, or none."""


def environ_of(scope: Scope) -> Environ:
    """Return the WSGI environment of a request, with an empty body.

    Names with an underscore are dropped: `X_Forwarded_For` would pass for `X-Forwarded-For`.

    Raises:
        UnreadableHeaders: a header is there and could not be read.
    """
    server, _, port = scope.server.rpartition(":")
    return {
        **_FIXED,
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(),
        **_headers(scope.headers),
    }


def _headers(headers: Headers) -> Environ:
    found: Environ = {}
    names = set()
    for name, value in headers.items():
        names.add(name)
        if "_" in name:
            continue
        key = _PLAIN.get(name) or f"HTTP_{name.upper().replace('-', '_')}"
        if key in found:
            value = f"{found[key]}{'; ' if name == 'cookie' else ','}{value}"
        found[key] = value
    unread = set(headers.keys()) - names
    if unread:
        raise UnreadableHeaders(min(unread))
    return found


def with_body(environ: Environ, body: BinaryIO) -> Environ:
    """Return the environment of the same request with the body that was received."""
    return {**environ, "wsgi.input": body}
