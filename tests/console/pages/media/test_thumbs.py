"""Thumbnails: of what they are made, once, by whose leave, and what stands in their place."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from PIL import Image

from moderation.files import thumbs
from moderation.gate.media_urls import Part, reviewer_url
from moderation.models import DerivedFile, Item, MediaFile
from policies.choices import ItemKind
from tests.support import scenes
from tests.support.addresses import body
from tests.support.clips import jpeg, scene
from tests.support.sign_in import signed_in


def still(seed: int = 1) -> MediaFile:
    return scenes.stored(jpeg(scene(seed, size=(800, 600))), mime="image/jpeg", width=800, height=600)


def picture(browser: Client, item: Item) -> tuple[int, int]:
    response = browser.get(reviewer_url(item.key, Part.THUMB))
    assert response.status_code == 200
    assert response["Content-Type"] == "image/jpeg"
    assert response["Cache-Control"] == "private, no-store"
    return Image.open(io.BytesIO(body(response))).size


@pytest.fixture
def analyst(ready: None) -> Client:
    return signed_in(scenes.person("analyst"))


def test_a_still_is_made_small_once(analyst: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    item = scenes.item_judged("photo", kind=ItemKind.IMAGE, media=still())
    assert picture(analyst, item) == (192, 144)
    monkeypatch.setattr(thumbs, "thumb_make", lambda item: pytest.fail("made again"))
    assert picture(analyst, item) == (192, 144)
    assert DerivedFile.objects.filter(kind="thumb").count() == 1


def test_of_a_clip_it_is_a_frame_and_before_that_its_cover(analyst: Client, tmp_path: Path) -> None:
    clip = scenes.stored(b"not looked at yet")
    item = scenes.item_judged("early", kind=ItemKind.VIDEO, media=clip, cover=still())
    assert picture(analyst, item) == (192, 144)
    filmed = scenes.filmed(tmp_path)
    assert DerivedFile.objects.filter(file=filmed, kind="thumb").exists()
    item = scenes.item_judged("filmed", kind=ItemKind.VIDEO, media=filmed, cover=still())
    width, height = picture(analyst, item)
    assert height > width


def test_a_clip_that_was_looked_at_before_there_were_any_gets_one(analyst: Client, tmp_path: Path) -> None:
    filmed = scenes.filmed(tmp_path)
    DerivedFile.objects.filter(kind="thumb").delete()
    item = scenes.item_judged("filmed", kind=ItemKind.VIDEO, media=filmed)
    width, height = picture(analyst, item)
    assert height > width


@pytest.mark.parametrize("content", [b"", b"no picture at all", b"\xff\xd8\xff\xe0" + b"x" * 40])
def test_what_cannot_be_made_is_not_there(analyst: Client, content: bytes) -> None:
    file = scenes.stored(content or b"-", mime="image/jpeg")
    item = scenes.item_judged("broken", kind=ItemKind.IMAGE, media=file)
    assert analyst.get(reviewer_url(item.key, Part.THUMB)).status_code == 404


def test_nobody_gets_one_of_a_restricted_item_and_none_is_made(senior_browser: Client) -> None:
    job = scenes.job_open("opaque-1", kind=ItemKind.IMAGE, media=still())
    scenes.restrict(job.item)
    assert senior_browser.get(reviewer_url(job.item.key, Part.THUMB)).status_code == 404
    assert not DerivedFile.objects.filter(kind="thumb").exists()
    page = senior_browser.get(reverse("item_list")).content.decode()
    assert "opaque-1" in page
    assert "Not shown" in page
    assert f"{job.item.key}/thumb" not in page


def test_a_reviewer_gets_those_of_the_job_that_they_hold(ready: None, reviewer: User) -> None:
    held = scenes.job_held(reviewer, kind=ItemKind.IMAGE, media=still())
    User.groups.through.objects.all().delete()
    assert signed_in(reviewer).get(reviewer_url(held.item.key, Part.THUMB)).status_code in (403, 404)
    assert Client().get(reviewer_url(held.item.key, Part.THUMB)).status_code == 302


def test_lists_show_it_with_the_first_words(analyst: Client) -> None:
    item = scenes.item_judged("photo", kind=ItemKind.IMAGE, media=still(), caption='a "boat" <b>at</b> sea')
    page = analyst.get(reverse("item_list")).content.decode()
    assert f'src="{reviewer_url(item.key, Part.THUMB)}" alt="a &quot;boat&quot; &lt;b&gt;at&lt;/b&gt; sea"' in page
    assert 'loading="lazy"' in page
    assert "data-peek" in page
    assert ">photo</span>" in page  # its id stays, to be copied
