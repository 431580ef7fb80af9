"""A small client of the public API on the standard library: what a platform's own client would do, no more."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

TRIES = 6
RETRY_STATUS = frozenset({429, 502, 503, 504})
MIME = {".mp4": "video/mp4", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}


@dataclass(frozen=True)
class Answer:
    """Status and parsed body of one answer; problem documents are bodies like any other."""

    status: int
    body: Any

    @property
    def is_ok(self) -> bool:
        """True for 2xx."""
        return 200 <= self.status < 300

    def why(self) -> str:
        """Return the sentence of a problem document, with its fields."""
        if not isinstance(self.body, dict):
            return f"HTTP {self.status}"
        fields = "; ".join(f"{e.get('field')}: {e.get('detail')}" for e in self.body.get("errors", []))
        return f"HTTP {self.status}: {fields or self.body.get('detail') or self.body.get('title') or 'no reason given'}"


class Client:
    """Calls the API with one key over one kept connection. Not safe to share between threads."""

    def __init__(self, url: str, api_key: str, *, timeout_seconds: float = 30.0) -> None:
        self._parts = urlsplit(url)
        self._timeout = timeout_seconds
        self._headers = {"Authorization": f"Api-Key {api_key}", "Accept": "application/json"}
        self._connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def get(self, path: str, **query: str) -> Answer:
        """GET a path under the base URL."""
        return self._call("GET", path + (f"?{urlencode(query)}" if query else ""), None, {})

    def post_json(self, path: str, document: object) -> Answer:
        """POST a JSON document."""
        return self._call("POST", path, json.dumps(document).encode(), {"Content-Type": "application/json"})

    def post_form(self, path: str, fields: Mapping[str, str], files: Mapping[str, Path]) -> Answer:
        """POST a multipart form. Files are read whole: this client sends short clips."""
        boundary = secrets.token_hex(16)
        parts = [_field(boundary, name, value) for name, value in fields.items()]
        parts += [_file(boundary, name, path) for name, path in files.items()]
        body = b"".join([*parts, f"--{boundary}--\r\n".encode()])
        return self._call("POST", path, body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    def item(self, external_id: str) -> Answer:
        """Ask where an item stands."""
        return self.get(f"/api/v1/items/{quote(external_id)}")

    def withdraw(self, external_id: str) -> Answer:
        """Withdraw an item; safe to repeat."""
        return self._call("DELETE", f"/api/v1/items/{quote(external_id)}", None, {})

    def _call(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        """Send, and again while the server is away or asks for patience; every call here is safe to repeat.

        Raises:
            OSError: the server could not be reached.
        """
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            try:
                answer, retry_after = self._once(method, path, body, headers)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if last:
                    raise ConnectionError(f"{self._parts.netloc} does not answer: {error}") from error
                time.sleep(0.3 * 2**attempt)
                continue
            if answer.status not in RETRY_STATUS or last:
                return answer
            time.sleep(retry_after or 0.3 * 2**attempt)
        raise AssertionError("the loop above returns or raises")

    def _once(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[Answer, float]:
        if self._connection is None:
            secure = self._parts.scheme == "https"
            kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            self._connection = kind(self._parts.hostname or "", self._parts.port, timeout=self._timeout)
        self._connection.request(method, self._parts.path.rstrip("/") + path, body, {**self._headers, **headers})
        response = self._connection.getresponse()
        raw = response.read()
        wait = response.headers.get("Retry-After", "")
        return Answer(response.status, _parse(raw)), min(60.0, float(wait)) if wait.isdigit() else 0.0


def _parse(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw.decode("utf-8", "replace")


def _field(boundary: str, name: str, value: str) -> bytes:
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def _file(boundary: str, name: str, path: Path) -> bytes:
    mime = MIME.get(path.suffix.lower(), "application/octet-stream")
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{path.name}"\r\n'
        f"Content-Type: {mime}\r\n\r\n"
    )
    return head.encode() + path.read_bytes() + b"\r\n"
