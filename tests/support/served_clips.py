"""Clips that a live service serves: kept, addressed and asked for."""

from __future__ import annotations

import hashlib
import http.client
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg

from tests.support.live import Live

_FILE = """
    INSERT INTO moderation_mediafile (key, created_at, sha256, storage_key, mime, n_bytes, pdq)
    VALUES (gen_random_uuid(), now(), %s, %s, 'video/mp4', %s, '') RETURNING id
"""


def keep_clip(url: str, media_root: Path, content: bytes) -> int:
    """Store a file as an upload would; return the primary key of its row."""
    sha256 = hashlib.sha256(content).hexdigest()
    key = f"media/{sha256[:2]}/{sha256[2:4]}/{sha256}"
    (media_root / key).parent.mkdir(parents=True, exist_ok=True)
    (media_root / key).write_bytes(content)
    with psycopg.connect(url) as connection:
        row = connection.execute(_FILE, (sha256, key, len(content))).fetchone()
    assert row
    return int(row[0])


def addresses(live: Live, n: int) -> list[tuple[str, str]]:
    """Return (external id, address) of so many items with media, as the feed hands them out to an adult."""
    found: dict[str, str] = {}
    with httpx.Client(base_url=live.url, headers=live.authorization(), timeout=30) as client:
        cursor = ""
        while len(found) < n:
            body = client.get(_FEED + (f"&cursor={cursor}" if cursor else "")).json()
            found |= {item["external_id"]: item["media_url"] for item in body["items"] if item["media_url"]}
            cursor = body["cursor"]
            if not cursor:
                break
    if not found:
        raise RuntimeError("The feed shows nothing with media.")
    return list(found.items())[:n]


def ask(live: Live, path: str, headers: dict[str, str]) -> int:
    """Ask on a connection of its own, and take all of the answer; return its status."""
    parts = urlsplit(live.url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    try:
        connection.request("GET", path, headers={**headers, "Connection": "close"})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


_FEED = "/api/v1/feed?age=30&region=DE&limit=50"
