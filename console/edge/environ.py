"""What Django's WSGI handler is told of a request that came over RSGI."""

from __future__ import annotations

import io
import sys
from typing import Any, BinaryIO, Protocol

Environ = dict[str, Any]

#: Stands for the value of a header that is not printable ASCII.
UNREADABLE = "?"
#: What is the same in every request.
FIXED: Environ = {
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
#: What comes with nearly every request; other names are worked out.
_KEYS = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"} | {
    name: f"HTTP_{name.upper().replace('-', '_')}"
    for name in (
        "host",
        "authorization",
        "accept",
        "accept-encoding",
        "user-agent",
        "connection",
        "cookie",
        "x-forwarded-for",
    )
}


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


def environ_of(scope: Scope) -> Environ:
    """Return the WSGI environment of a request, with an empty body.

    Names with an underscore are dropped: `X_Forwarded_For` would pass for `X-Forwarded-For`. A header whose value is not
    printable ASCII is there, with a value that means nothing: it is no key, no session, no type, and nobody's address.
    """
    environ = FIXED.copy()
    environ["REQUEST_METHOD"] = scope.method
    environ["PATH_INFO"] = scope.path.encode().decode("latin-1")
    environ["QUERY_STRING"] = scope.query_string
    environ["SERVER_PROTOCOL"] = f"HTTP/{scope.http_version}"
    environ["SERVER_NAME"], _, environ["SERVER_PORT"] = scope.server.rpartition(":")
    environ["REMOTE_ADDR"] = scope.client.rpartition(":")[0].strip("[]")
    environ["wsgi.url_scheme"] = scope.scheme
    environ["wsgi.input"] = io.BytesIO()
    _add_headers(environ, scope.headers)
    return environ


def _add_headers(environ: Environ, headers: Headers) -> None:
    lines = headers.items()
    for name, value in lines:
        key = _key_of(name)
        if key in environ and key:
            value = f"{environ[key]}{'; ' if name == 'cookie' else ','}{value}"
        environ[key] = value
    environ.pop("", None)
    names = headers.keys()
    if len(names) != len(lines):
        for name in set(names).difference(name for name, _ in lines):
            if key := _key_of(name):
                environ[key] = UNREADABLE


def _key_of(name: str) -> str:
    """Return the name of a header in the environment, empty for one that is dropped."""
    return _KEYS.get(name) or ("" if "_" in name else f"HTTP_{name.upper().replace('-', '_')}")


def with_body(environ: Environ, body: BinaryIO) -> Environ:
    """Return the environment of the same request with the body that was received."""
    return {**environ, "wsgi.input": body}
