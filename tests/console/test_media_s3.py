"""Media in S3: stored whole, fetched by workers, and handed out by sending the browser to the bucket, which answers ranges."""

from __future__ import annotations

import io
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from django.test import Client
from pytest_django import Settings

from moderation.media.storing import discard, local_copy, save_upload
from moderation.media_urls import media_url
from moderation.models import MediaFile
from tests.console import scenes
from tests.s3_server import S3, media_in, s3_server

CONTENT = bytes(range(256)) * 400
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("s3")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with s3_server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def bucket(server: S3, settings: Settings) -> S3:
    media_in(server, settings)
    return server


@pytest.fixture
def file(bucket: S3, db: None) -> MediaFile:
    return scenes.stored(CONTENT)


def test_an_upload_lies_in_the_bucket_under_its_hash_and_workers_fetch_it(bucket: S3) -> None:
    stored = save_upload(io.BytesIO(CONTENT))
    assert stored.is_new
    assert stored.key in bucket.held()
    assert not save_upload(io.BytesIO(CONTENT)).is_new
    with local_copy(stored.key) as path:
        assert path.read_bytes() == CONTENT
    discard(stored)
    assert stored.key not in bucket.held()


def test_a_file_that_the_bucket_lost_is_no_fault_of_the_content(bucket: S3) -> None:
    with pytest.raises(FileNotFoundError), local_copy("media/aa/bb/none"):
        pass


def test_the_browser_is_sent_to_the_bucket_with_an_address_that_runs_out(
    client: Client, file: MediaFile, bucket: S3
) -> None:
    response = client.get(media_url(file.storage_key))
    assert response.status_code == 302
    assert response["Location"].startswith(bucket.url)
    assert "X-Amz-Expires=900" in response["Location"]
    assert response["Cache-Control"] == "private, max-age=450"
    answer = httpx.get(response["Location"])
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["Content-Type"] == "video/mp4"


@pytest.mark.parametrize(
    ("asked", "first", "last"), [("bytes=0-99", 0, 99), ("bytes=100-", 100, len(CONTENT) - 1), ("bytes=-10", len(CONTENT) - 10, len(CONTENT) - 1)]
)  # fmt: skip
def test_ranges_are_answered_there(client: Client, file: MediaFile, asked: str, first: int, last: int) -> None:
    address = client.get(media_url(file.storage_key), headers={"Range": asked})["Location"]
    answer = httpx.get(address, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert answer.content == CONTENT[first : last + 1]


def test_what_no_browser_should_show_is_only_downloaded(client: Client, bucket: S3, db: None) -> None:
    page = scenes.stored(b"<script>1</script>", mime="text/html")
    answer = httpx.get(client.get(media_url(page.storage_key))["Location"])
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == "attachment"


def test_only_signed_addresses_are_sent_on(client: Client, file: MediaFile) -> None:
    good = media_url(file.storage_key)
    assert client.get(good[:-1] + ("a" if good[-1] != "a" else "b")).status_code == 404
    assert client.get(media_url("media/" + "0" * 64)).status_code == 404


def test_the_address_names_nothing_but_the_key(client: Client, file: MediaFile) -> None:
    location = urlsplit(client.get(media_url(file.storage_key))["Location"])
    assert location.path == f"/gatehouse-media/{file.storage_key}"
