"""Media in S3: stored whole, fetched by workers, and sent through us after the same question as from a folder."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpResponseBase, StreamingHttpResponse
from django.test import Client
from pytest_django import Settings

from moderation import tasks
from moderation.detection.media.storage import copy_stored, discard, local_copy, save_upload
from moderation.detection.media.streaming import BLOCK_BYTES
from moderation.gate.media_urls import Part, reviewer_url
from moderation.models import Item, OutboxMessage
from moderation.outbox import promise
from policies.choices import ItemKind
from tests.support import scenes
from tests.support.addresses import ALIVE, DEAD, address, answers, body, end
from tests.support.clearances import cleared, permit, revoke
from tests.support.s3_server import S3, media_in, s3_server
from tests.support.scenes import restrict
from tests.support.sign_in import signed_in

CONTENT = bytes(range(256)) * 400
LONG = bytes(range(256)) * 256 * 48  # 3 MiB: what is streamed
Follow = Callable[[], None]
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
def item(bucket: S3, follow: Follow) -> Item:
    made = cleared("clip", media=scenes.stored(CONTENT))
    follow()
    return made


@pytest.fixture
def long_item(bucket: S3, follow: Follow) -> Item:
    made = cleared("long", media=scenes.stored(LONG))
    follow()
    return made


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
    with pytest.raises(FileNotFoundError):
        copy_stored("media/aa/bb/none", "media/aa/bb/other")


def test_every_byte_comes_from_us_and_no_address_of_the_buckets_leaves(client: Client, item: Item, bucket: S3) -> None:
    response = client.get(address(item))
    assert (response.status_code, body(response)) == (200, CONTENT)
    assert response["Content-Type"] == "video/mp4"
    assert response["Cache-Control"] == "private, no-cache"
    assert bucket.url not in str(response.headers)
    assert "Location" not in response


@pytest.mark.parametrize(
    ("asked", "first", "last"), [("bytes=0-99", 0, 99), ("bytes=100-", 100, len(CONTENT) - 1), ("bytes=-10", len(CONTENT) - 10, len(CONTENT) - 1)]
)  # fmt: skip
def test_ranges_are_passed_on_to_the_bucket(client: Client, item: Item, asked: str, first: int, last: int) -> None:
    response = client.get(address(item), headers={"Range": asked})
    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert body(response) == CONTENT[first : last + 1]


@pytest.mark.parametrize(("asked", "first"), [({}, 0), ({"Range": "bytes=4321-"}, 4321)])
def test_long_ones_are_streamed_from_the_byte_asked_for(
    client: Client, long_item: Item, asked: dict[str, str], first: int
) -> None:
    response: HttpResponseBase = client.get(address(long_item), headers=asked)
    assert isinstance(response, StreamingHttpResponse)
    assert body(response) == LONG[first:]


def test_head_and_what_is_known_already_fetch_nothing(client: Client, item: Item) -> None:
    url = address(item)
    head = client.head(url)
    assert (head.status_code, head.content, head["Content-Length"]) == (200, b"", str(len(CONTENT)))
    assert client.get(url, headers={"If-None-Match": head["ETag"]}).status_code == 304


def test_what_no_browser_should_show_is_only_downloaded(client: Client, bucket: S3, follow: Follow) -> None:
    page = cleared("page", media=scenes.stored(b"<script>1</script>", mime="text/html"))
    follow()
    response = client.get(address(page))
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == "attachment"


def test_what_the_bucket_has_lost_is_404(client: Client, item: Item, bucket: S3) -> None:
    assert item.media is not None
    url = address(item)
    bucket.client().delete_object(Bucket="gatehouse-media", Key=item.media.storage_key)
    assert client.get(url).status_code == client.head(url).status_code == 404


ENDS: dict[str, Callable[[Item], Any]] = {
    "a revocation": revoke,
    "a restriction": lambda item: permit(item, min_age=18, territories=("GB",)),
}


@pytest.mark.parametrize("what", ENDS)
def test_the_address_dies_with(what: str, client: Client, item: Item, follow: Follow) -> None:
    url = address(item)
    assert answers(client, url) == ALIVE
    ENDS[what](item)
    follow()
    assert answers(client, url) == DEAD


def test_an_answer_under_way_breaks_off_at_the_next_block(client: Client, long_item: Item, follow: Follow) -> None:
    response = client.get(address(long_item))
    came = 0
    for at, block in enumerate(response, 1):
        came += len(block)
        if at == 2:
            revoke(long_item)
            follow()
    end(response)
    assert came == 2 * BLOCK_BYTES


def test_objects_of_a_restricted_item_are_moved_and_go_to_its_partition_only(bucket: S3, db: None) -> None:
    scenes.policy_ready()
    clip = scenes.stored(b"an opaque clip" * 9)
    scenes.derived(clip, "sheet", b"RIFF opaque", mime="image/webp")
    item = scenes.item_judged("opaque", kind=ItemKind.IMAGE, media=clip)
    before = {clip.storage_key, clip.derived.get().storage_key}
    assert before <= set(bucket.held())
    restrict(item)
    tasks.media_rekey(str(OutboxMessage.objects.get(topic=promise.TOPIC_REKEY, item=item).key))
    held = set(bucket.held())
    clip.refresh_from_db()
    assert not before & held
    assert {clip.storage_key, clip.derived.get().storage_key} <= held
    for part in (Part.MEDIA, Part.SHEET):
        url = reviewer_url(item.key, part)
        assert answers(signed_in(scenes.person("senior", f"senior-{part}")), url) == ALIVE
        assert answers(signed_in(scenes.person("reviewer", f"reviewer-{part}")), url) == DEAD
