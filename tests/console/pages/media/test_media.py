"""Media of the feed over HTTP: byte ranges, what may be kept, the type that was found by looking, addresses that end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponseBase, StreamingHttpResponse
from django.test import Client
from pytest_django import Settings

from console.pages.media import streams
from console.pages.media.views import AT_ONCE_BYTES
from moderation.gate.media_urls import Part, ticket_read
from moderation.models import Item
from tests.support import scenes
from tests.support.addresses import ADULT, address, body, end
from tests.support.clearances import cleared

CONTENT = bytes(range(256)) * 400
LONG = bytes(range(256)) * 256 * 48  # 3 MiB: what is streamed
Follow = Callable[[], None]


def shown(follow: Follow, content: bytes = CONTENT, *, mime: str = "video/mp4", **kwargs: Any) -> Item:
    """Return a cleared item with this file."""
    item = cleared(f"clip-{len(content)}-{mime}", media=scenes.stored(content, mime=mime), **kwargs)
    follow()
    return item


@pytest.fixture
def url(follow: Follow) -> str:
    return address(shown(follow))


@pytest.fixture
def long_url(follow: Follow) -> str:
    return address(shown(follow, LONG))


def test_it_sends_the_whole_file_to_anybody_with_the_address(client: Client, url: str) -> None:
    response = client.get(url)
    assert body(response) == CONTENT
    assert response["Content-Type"] == "video/mp4"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Accept-Ranges"] == "bytes"
    assert response["Content-Length"] == str(len(CONTENT))


def test_a_long_file_is_streamed_whole(client: Client, long_url: str) -> None:
    response: HttpResponseBase = client.get(long_url)
    assert isinstance(response, StreamingHttpResponse)
    assert body(response) == LONG


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [("bytes=0-99", 0, 99), ("bytes=100-", 100, len(CONTENT) - 1), ("bytes=-10", len(CONTENT) - 10, len(CONTENT) - 1),
     ("bytes=5-999999999", 5, len(CONTENT) - 1)],
)  # fmt: skip
def test_it_sends_the_range_asked_for(client: Client, url: str, header: str, first: int, last: int) -> None:
    response = client.get(url, headers={"Range": header})
    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert body(response) == CONTENT[first : last + 1]


@pytest.mark.parametrize(("first", "last"), [(7, len(LONG) - 1), (0, 2 * AT_ONCE_BYTES)])
def test_a_long_range_is_streamed(client: Client, long_url: str, first: int, last: int) -> None:
    response = client.get(long_url, headers={"Range": f"bytes={first}-{last}"})
    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes {first}-{last}/{len(LONG)}"
    assert body(response) == LONG[first : last + 1]


@pytest.mark.parametrize("header", ["bytes=999999999-", "bytes=10-5", "bytes=-0"])
def test_a_range_beyond_the_file_is_416(client: Client, url: str, header: str) -> None:
    response = client.get(url, headers={"Range": header})
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{len(CONTENT)}"


@pytest.mark.parametrize("header", ["lines=1-2", "bytes=1-2,5-6", "bytes=a-b", "bytes=-"])
def test_a_range_of_another_kind_gets_the_whole(client: Client, url: str, header: str) -> None:
    response = client.get(url, headers={"Range": header})
    assert (response.status_code, body(response)) == (200, CONTENT)


def test_head_sends_no_body(client: Client, url: str) -> None:
    response = client.head(url)
    assert response.content == b""
    assert response["Content-Length"] == str(len(CONTENT))


def test_other_methods_are_refused(client: Client, url: str) -> None:
    assert client.post(url).status_code == 405


def test_what_no_browser_should_show_is_only_downloaded(client: Client, follow: Follow) -> None:
    response = client.get(address(shown(follow, b"<script>", mime="text/html")))
    body(response)
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == "attachment"


def test_what_storage_has_lost_is_404(client: Client, follow: Follow) -> None:
    item = shown(follow)
    url = address(item)
    from django.core.files.storage import default_storage

    assert item.media is not None
    default_storage.delete(item.media.storage_key)
    assert {client.get(url).status_code, client.head(url).status_code} == {404}


def test_what_an_item_does_not_have_is_404(client: Client, follow: Follow) -> None:
    assert client.get(address(shown(follow), part=Part.COVER)).status_code == 404


def test_a_cover_has_an_address_of_its_own(client: Client, follow: Follow) -> None:
    item = shown(follow, cover=scenes.stored(b"RIFF----WEBP", mime="image/webp"))
    response = client.get(address(item, part=Part.COVER))
    assert (body(response), response["Content-Type"]) == (b"RIFF----WEBP", "image/webp")


def test_what_was_made_for_people_and_workers_has_no_address_in_the_feed(client: Client, follow: Follow) -> None:
    item = shown(follow)
    with pytest.raises(KeyError):
        address(item, part=Part.SHEET)


def test_a_player_keeps_what_it_has_and_asks_before_it_uses_it_again(client: Client, url: str) -> None:
    assert client.get(url)["Cache-Control"] == "private, no-cache"
    response = client.get(url, headers={"If-None-Match": client.head(url)["ETag"]})
    assert (response.status_code, response.content) == (304, b"")
    assert response["Cache-Control"] == "private, no-cache"


def test_no_cache_keeps_a_refusal(client: Client, url: str) -> None:
    assert client.get(url[:-1] + "!")["Cache-Control"] == "no-store"


@pytest.mark.parametrize("seconds", [0, 119, 481, 601])
def test_an_address_lives_for_minutes(client: Client, url: str, monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    signed = url.removeprefix("/media/")
    ticket = ticket_read(signed, time.time())
    assert ticket is not None
    assert 480 <= ticket.ends_at - time.time() <= 600
    is_alive = ticket_read(signed, ticket.ends_at - 600 + seconds) is not None
    assert is_alive == (seconds < 600)


def test_its_life_is_a_setting(follow: Follow, settings: Settings) -> None:
    settings.MEDIA_ADDRESS_SECONDS = 120
    ticket = ticket_read(address(shown(follow)).removeprefix("/media/"), time.time())
    assert ticket is not None
    assert 96 <= ticket.ends_at - time.time() <= 120


def test_addresses_of_the_same_minutes_are_equal_so_that_browsers_find_what_they_keep(
    follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = shown(follow)
    monkeypatch.setattr("moderation.gate.media_urls.time.time", lambda: 1_800_000_060.0)
    early = address(item)
    monkeypatch.setattr("moderation.gate.media_urls.time.time", lambda: 1_800_000_110.0)
    assert address(item) == early


def test_no_letter_of_an_address_can_be_changed(client: Client, url: str) -> None:
    signed = url.removeprefix("/media/")
    for at, letter in enumerate(signed):
        for other in {"0", "1", "3", "a", "c", "m", ".", "A", "B"} - {letter}:
            assert ticket_read(signed[:at] + other + signed[at + 1 :], time.time()) is None
    for forged in ("", "x", f"{signed}a", f" {signed}", f"{signed}\n", "../../etc/passwd", "ab/" + "0" * 64):
        assert ticket_read(forged, time.time()) is None


def test_addresses_survive_a_new_secret_while_the_old_one_is_kept_beside_it(url: str, settings: Settings) -> None:
    signed, old = url.removeprefix("/media/"), settings.SECRET_KEY
    settings.SECRET_KEY = "another secret of more than thirty-two letters"
    assert ticket_read(signed, time.time()) is None
    settings.SECRET_KEY_FALLBACKS = [old]
    assert ticket_read(signed, time.time()) is not None


def test_an_address_says_nothing_of_where_the_file_lies(url: str) -> None:
    file = scenes.stored(CONTENT)
    assert file.sha256[:8] not in url
    assert ADULT.region in url


def test_a_range_of_another_content_gets_the_whole(client: Client, url: str) -> None:
    etag = client.head(url)["ETag"]
    same = client.get(url, headers={"Range": "bytes=0-9", "If-Range": etag})
    assert (same.status_code, body(same)) == (206, CONTENT[:10])
    for other in ('"another"', f"W/{etag}", "Wed, 25 Nov 2026 12:00:00 GMT"):
        response = client.get(url, headers={"Range": "bytes=0-9", "If-Range": other})
        assert (response.status_code, body(response)) == (200, CONTENT)


def test_head_of_a_range_says_which_it_would_be(client: Client, url: str) -> None:
    response = client.head(url, headers={"Range": "bytes=10-19"})
    assert (response.status_code, response.content, response["Content-Length"]) == (206, b"", "10")
    assert response["Content-Range"] == f"bytes 10-19/{len(CONTENT)}"


def test_streams_have_places_and_without_one_a_range_is_cut_short_and_a_whole_file_waits(
    client: Client, long_url: str, settings: Settings
) -> None:
    settings.MEDIA_STREAMS = 1
    under_way = client.get(long_url)
    whole = client.get(long_url)
    assert (whole.status_code, whole["Retry-After"], whole["Cache-Control"]) == (503, "1", "no-store")
    part = client.get(long_url, headers={"Range": "bytes=9-"})
    assert (part.status_code, body(part)) == (206, LONG[9 : 9 + AT_ONCE_BYTES])
    assert part["Content-Range"] == f"bytes 9-{8 + AT_ONCE_BYTES}/{len(LONG)}"
    assert client.head(long_url).status_code == 200
    assert body(under_way) == LONG
    end(under_way)  # a second time: the place is given back once
    for _ in range(2):
        again = client.get(long_url)
        assert again.status_code == 200
        end(again)  # unread


def test_a_reader_who_takes_nothing_gives_its_place_to_the_next_whole_file(
    client: Client, long_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MEDIA_STREAMS = 1
    monkeypatch.setattr(streams, "AHEAD_SECONDS", -1.0)  # whoever has taken nothing yet is too slow
    silent = client.get(long_url)
    part = client.get(long_url, headers={"Range": "bytes=0-"})
    assert (part.status_code, len(body(part))) == (206, AT_ONCE_BYTES)
    monkeypatch.undo()
    reader = client.get(long_url)
    assert reader.status_code == 200
    assert body(silent) == b"", "the answer to the silent one breaks off"
    assert client.get(long_url).status_code == 503
    assert body(reader) == LONG
    end(reader)
    end(silent)


def test_short_files_need_no_place(client: Client, url: str, settings: Settings) -> None:
    settings.MEDIA_STREAMS = 0
    assert body(client.get(url)) == CONTENT


def test_no_address_is_logged_whatever_is_answered(
    client: Client, long_url: str, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.MEDIA_STREAMS = 0
    wanted = [({}, 503), ({"Range": "bytes=999999999-"}, 416), ({"Range": "bytes=0-1"}, 206)]
    assert [client.get(long_url, headers=headers).status_code for headers, _ in wanted] == [code for _, code in wanted]
    assert client.get(f"{long_url}0").status_code == 404
    assert "/media/" not in caplog.text


def test_places_are_counted_right_by_many_at_once(client: Client, long_url: str, settings: Settings) -> None:
    settings.MEDIA_STREAMS = 2
    found: list[int] = []

    def ask() -> None:
        from django.db import connection

        response = Client().get(long_url)
        if response.status_code == 200:
            body(response)
        found.append(response.status_code)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(found) == 8
    assert set(found) <= {200, 503}
    first, second = client.get(long_url), client.get(long_url)
    assert (first.status_code, second.status_code) == (200, 200)
    end(first)
    end(second)
