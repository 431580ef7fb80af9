"""Bytes for people: the session, the permission and this item, at every answer; restricted ones for their partition only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from moderation.detection.media.streaming import BLOCK_BYTES
from moderation.detection.types import Finding
from moderation.gate.media_urls import Part, reviewer_url
from moderation.models import AuditEvent, Item, Job, MediaFile
from moderation.review.leases import job_release
from policies.choices import ItemKind
from tests.support import scenes
from tests.support.addresses import ALIVE, DEAD, answers, body, end
from tests.support.scenes import restrict
from tests.support.sign_in import signed_in

LONG = bytes(range(256)) * 256 * 64  # 4 MiB
PARTS = {Part.MEDIA: b"the clip as it came", Part.COVER: b"its cover, a still", Part.PREVIEW: b"what browsers play", Part.SHEET: b"RIFF----WEBP", Part.THUMB: b"a small JPEG"}  # fmt: skip
MIMES = {
    Part.MEDIA: "video/x-matroska", Part.COVER: "image/png", Part.PREVIEW: "video/mp4", Part.SHEET: "image/webp",
    Part.THUMB: "image/jpeg",
}  # fmt: skip


def files() -> tuple[MediaFile, MediaFile]:
    """Return a clip of which a preview, a sheet and a thumbnail were made, and a cover."""
    clip, cover = (scenes.stored(PARTS[part], mime=MIMES[part]) for part in (Part.MEDIA, Part.COVER))
    for part in (Part.PREVIEW, Part.SHEET, Part.THUMB):
        scenes.derived(clip, part.value, PARTS[part], mime=MIMES[part])
    scenes.derived(clip, "samples", b"PK-- frames and sound", mime="application/zip")
    return clip, cover


def escalated(external_id: str = "waits-1", **kwargs: object) -> Item:
    clip, cover = files()
    return scenes.job_open(external_id, kind=ItemKind.VIDEO, media=clip, cover=cover, **kwargs).item


def restricted() -> Item:
    text = scenes.OPAQUE
    finding = Finding("terms", "1", "child_safety", 0.5, {"field": "caption", "span": [0, len(text)], "text": text})
    return escalated("opaque-1", caption=f"{text} and more", findings=[finding])


def urls(item: Item) -> list[str]:
    return [reviewer_url(item.key, part) for part in Part]


def test_people_who_may_see_the_item_load_all_of_its_parts(browser: Client) -> None:
    item = escalated()
    for part, content in PARTS.items():
        response = browser.get(reviewer_url(item.key, part))
        assert (response.status_code, body(response)) == (200, content)
        assert response["Cache-Control"] == "private, no-store"
        shown = MIMES[part] if part is not Part.MEDIA else "application/octet-stream"
        assert response["Content-Type"] == shown
        assert answers(browser, reviewer_url(item.key, part)) == ALIVE


def test_strangers_are_sent_to_sign_in_and_people_without_a_role_get_nothing(ready: None, client: Client) -> None:
    item = escalated()
    nobody = signed_in(scenes.person(""))
    for url in urls(item):
        assert client.get(url).status_code == 302
        assert client.get(url, headers={"Range": "bytes=0-1"}).url.startswith(reverse("account_login"))  # type: ignore[attr-defined]
        assert nobody.get(url).status_code == 403


def test_an_address_is_worth_nothing_after_the_session(browser: Client) -> None:
    url = reviewer_url(escalated().key, Part.MEDIA)
    assert browser.get(url).status_code == 200
    browser.logout()
    assert browser.get(url).status_code == 302


def test_restricted_items_are_sent_to_holders_of_their_partition_only(ready: None) -> None:
    item = restricted()
    for role in ("reviewer", "policy-editor", "policy-approver", "analyst"):
        outsider = signed_in(scenes.person(role))
        assert [answers(outsider, url) for url in urls(item)] == [DEAD] * len(Part), role
    holder = signed_in(scenes.person("senior"))
    # Lists show nobody any of it, whoever looks.
    assert [answers(holder, url) for url in urls(item)] == [DEAD if part is Part.THUMB else ALIVE for part in Part]


def test_who_was_sent_bytes_of_a_restricted_item_is_on_record(ready: None) -> None:
    item, usual = restricted(), scenes.item_judged("usual", media=scenes.stored(b"another clip"))
    senior = scenes.person("senior")
    holder = signed_in(senior)
    body(holder.get(reviewer_url(item.key, Part.SHEET)))
    body(holder.get(reviewer_url(usual.key, Part.MEDIA)))
    signed_in(scenes.person("reviewer")).get(reviewer_url(item.key, Part.SHEET))
    (event,) = AuditEvent.objects.filter(action="media.looked_at")
    assert (event.actor, event.object_key) == (senior, item.external_id)


def test_what_becomes_restricted_is_closed_to_those_who_could_see_it(ready: None) -> None:
    item, reviewer = escalated(), signed_in(scenes.person("reviewer"))
    url = reviewer_url(item.key, Part.MEDIA)
    assert reviewer.get(url).status_code == 200
    restrict(item)
    assert answers(reviewer, url) == DEAD


def test_a_twin_of_a_restricted_item_does_not_open_it(ready: None) -> None:
    item = restricted()
    twin = scenes.item_judged("twin", kind=ItemKind.VIDEO, media=item.media)
    reviewer = signed_in(scenes.person("reviewer"))
    assert answers(reviewer, reviewer_url(item.key, Part.MEDIA)) == DEAD
    assert answers(reviewer, reviewer_url(twin.key, Part.MEDIA)) == ALIVE  # an item of its own, decided by itself


@pytest.mark.parametrize("part", ["samples", "waveform", "original", "MEDIA", "media.mp4"])
def test_what_is_no_part_has_no_address(browser: Client, part: str) -> None:
    assert browser.get(f"/media/items/{escalated().key}/{part}").status_code == 404


def test_an_item_without_files_has_none(browser: Client) -> None:
    item = scenes.item_judged("text-only")
    assert [answers(browser, url) for url in urls(item)] == [DEAD] * len(Part)


def test_who_only_reviews_loads_what_they_hold_a_lease_on_and_no_longer(ready: None) -> None:
    item = escalated()
    user = User.objects.create_user("only-reviews")
    user.user_permissions.add(Permission.objects.get(codename="review_jobs"))
    browser, url = signed_in(user), reviewer_url(item.key, Part.MEDIA)
    assert answers(browser, url) == DEAD
    job = scenes.job_claim(actor=user, now=timezone.now())
    assert job is not None
    assert answers(browser, url) == ALIVE
    scenes.lease_over(job)
    assert answers(browser, url) == DEAD
    job = scenes.job_claim(actor=user, now=timezone.now())
    assert job is not None
    assert answers(browser, url) == ALIVE
    job_release(actor=user, job_key=str(job.key), lease_token=str(job.lease_token), now=timezone.now())
    assert answers(browser, url) == DEAD


def take_role(user: User) -> None:
    user.groups.clear()


def shut_out(user: User) -> None:
    user.is_active = False
    user.save()


LOSSES: dict[str, Callable[[User, Item], None]] = {
    "the item": lambda user, item: restrict(item),
    "the role": lambda user, item: take_role(user),
    "the account": lambda user, item: shut_out(user),
}


@pytest.mark.parametrize("what", LOSSES)
def test_an_answer_under_way_breaks_off_with(what: str, reviewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.pages.media.views._PERSON_SECONDS", 0.0)
    item = scenes.item_judged("long", kind=ItemKind.VIDEO, media=scenes.stored(LONG))
    response = signed_in(reviewer).get(reviewer_url(item.key, Part.MEDIA))
    came = 0
    for at, block in enumerate(response, 1):  # type: ignore[arg-type, var-annotated]
        came += len(block)
        if at == 3:
            LOSSES[what](reviewer, item)
    end(response)
    assert came == 3 * BLOCK_BYTES


def test_pages_name_no_file(reviewer: User, browser: Client, tmp_path: Path) -> None:
    clip = scenes.filmed(tmp_path)
    job = scenes.job_held(reviewer, kind=ItemKind.VIDEO, media=clip, cover=files()[1])
    for name, key in (("job_page", job.key), ("item_page", job.item.key)):
        html = browser.get(reverse(name, args=[key])).content.decode()
        assert f"/media/items/{job.item.key}/" in html
        for file in (clip, job.item.cover, *clip.derived.exclude(storage_key="")):
            assert file.storage_key not in html


def test_the_restricted_partition_shows_no_address_even_to_its_holders(ready: None) -> None:
    item = restricted()
    senior = signed_in(scenes.person("senior"))
    for url in (reverse("item_page", args=[item.key]), reverse("job_page", args=[Job.objects.get(item=item).key])):
        assert "/media/" not in senior.get(url).content.decode()
