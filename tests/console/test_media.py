"""Media: signed addresses that expire, byte ranges, and the type that was found by looking."""

from __future__ import annotations

import time

import pytest
from django.http import StreamingHttpResponse
from django.test import Client

from moderation import media_urls
from moderation.media_urls import media_key, media_url
from tests.console import scenes

CONTENT = bytes(range(256)) * 400


def _body(response: object) -> bytes:
    assert isinstance(response, StreamingHttpResponse)
    return b"".join(response)  # type: ignore[arg-type]


@pytest.fixture
def url(db: None) -> str:
    return media_url(scenes.stored(CONTENT).storage_key)


def test_it_streams_the_whole_file_to_anybody_with_the_address(client: Client, url: str) -> None:
    response = client.get(url)
    assert _body(response) == CONTENT
    assert response["Content-Type"] == "video/mp4"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Accept-Ranges"] == "bytes"
    assert response["Content-Length"] == str(len(CONTENT))


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [("bytes=0-99", 0, 99), ("bytes=100-", 100, len(CONTENT) - 1), ("bytes=-10", len(CONTENT) - 10, len(CONTENT) - 1),
     ("bytes=5-999999999", 5, len(CONTENT) - 1)],
)  # fmt: skip
def test_it_sends_the_range_asked_for(client: Client, url: str, header: str, first: int, last: int) -> None:
    response = client.get(url, headers={"Range": header})
    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert _body(response) == CONTENT[first : last + 1]


@pytest.mark.parametrize("header", ["bytes=999999999-", "bytes=10-5", "bytes=-0"])
def test_a_range_beyond_the_file_is_416(client: Client, url: str, header: str) -> None:
    response = client.get(url, headers={"Range": header})
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{len(CONTENT)}"


@pytest.mark.parametrize("header", ["lines=1-2", "bytes=1-2,5-6", "bytes=a-b", "bytes=-"])
def test_a_range_of_another_kind_gets_the_whole(client: Client, url: str, header: str) -> None:
    assert _body(client.get(url, headers={"Range": header})) == CONTENT


def test_head_sends_no_body(client: Client, url: str) -> None:
    response = client.head(url)
    assert response.content == b""
    assert response["Content-Length"] == str(len(CONTENT))


def test_other_methods_are_refused(client: Client, url: str) -> None:
    assert client.post(url).status_code == 405


def test_what_no_browser_should_show_is_only_downloaded(client: Client, db: None) -> None:
    response = client.get(media_url(scenes.stored(b"<script>", mime="text/html").storage_key))
    _body(response)
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == "attachment"


def test_a_signed_key_without_a_file_is_404(client: Client, db: None) -> None:
    assert client.get(media_url("../../etc/passwd")).status_code == 404
    assert client.get(media_url("ab/" + "0" * 64)).status_code == 404


def test_an_address_stops_working(monkeypatch: pytest.MonkeyPatch) -> None:
    signed = media_url("some/key").removeprefix("/media/")
    assert media_key(signed) == "some/key"
    later = time.time() + media_urls.VALID_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert media_key(signed) is None


def test_addresses_made_within_minutes_are_equal_so_that_browsers_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_800_000_060.0)
    early = media_url("some/key")
    monkeypatch.setattr(time, "time", lambda: 1_800_000_500.0)
    assert media_url("some/key") == early


def test_a_range_of_another_content_gets_the_whole(client: Client, url: str) -> None:
    etag = client.head(url)["ETag"]
    same = client.get(url, headers={"Range": "bytes=0-9", "If-Range": etag})
    assert (same.status_code, _body(same)) == (206, CONTENT[:10])
    for other in ('"another"', f"W/{etag}", "Wed, 25 Nov 2026 12:00:00 GMT"):
        response = client.get(url, headers={"Range": "bytes=0-9", "If-Range": other})
        assert (response.status_code, _body(response)) == (200, CONTENT)


def test_a_browser_that_has_the_content_is_told_so(client: Client, url: str) -> None:
    etag = client.head(url)["ETag"]
    response = client.get(url, headers={"If-None-Match": etag})
    assert (response.status_code, response.content) == (304, b"")


def test_head_of_a_range_says_which_it_would_be(client: Client, url: str) -> None:
    response = client.head(url, headers={"Range": "bytes=10-19"})
    assert (response.status_code, response.content, response["Content-Length"]) == (206, b"", "10")
    assert response["Content-Range"] == f"bytes 10-19/{len(CONTENT)}"


def test_what_was_made_from_a_file_has_addresses_too_but_samples_have_none(client: Client, db: None) -> None:
    original = scenes.stored(CONTENT)
    sheet = scenes.derived(original, "sheet", b"RIFF----WEBP", mime="image/webp")
    response = client.get(media_url(sheet.storage_key))
    assert (_body(response), response["Content-Type"]) == (b"RIFF----WEBP", "image/webp")
    samples = scenes.derived(original, "samples", b"PK--", mime="application/zip")
    assert client.get(media_url(samples.storage_key)).status_code == 404
