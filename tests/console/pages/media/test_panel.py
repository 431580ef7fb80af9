"""The media panel: what is shown of a clip, that all of it is veiled, and that the restricted partition shows none of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from console.pages.media.panel import media_panel, waveform_path
from moderation.models import Item
from policies.choices import ItemKind
from tests.support import scenes
from tests.support.sign_in import signed_in


def test_a_waveform_is_one_closed_path_that_mirrors() -> None:
    assert waveform_path(bytes([255, 0])) == "M0.5 0L1.5 19.7L1.5 20.3L0.5 40Z"
    assert waveform_path(b"") == ""


@pytest.fixture
def job_url(ready: None, tmp_path: Path) -> str:
    reviewer = scenes.person("reviewer", "ana")
    job = scenes.job_held(reviewer, kind=ItemKind.VIDEO, media=scenes.filmed(tmp_path), duration_ms=8_000)
    return reverse("job_page", args=[job.key])


def page(url: str) -> str:
    from django.contrib.auth.models import User

    return signed_in(User.objects.get(username="ana")).get(url).content.decode()


def test_a_reviewer_has_moments_to_jump_to_and_the_sound_at_a_glance(job_url: str) -> None:
    html = page(job_url)
    assert html.count("data-seek=") == 8
    assert 'data-seek="3.0"' in html
    assert 'class="veil sheet cols-6"' in html
    assert "of sound" in html
    assert "<path d=" in html


def test_a_clip_without_sound_says_so(ready: None, tmp_path: Path) -> None:
    job = scenes.job_held(
        scenes.person("reviewer", "ana"), kind=ItemKind.VIDEO, media=scenes.filmed(tmp_path, sound=False)
    )
    assert "No sound track" in page(reverse("job_page", args=[job.key]))


def test_a_preview_takes_the_place_of_what_browsers_do_not_play(ready: None) -> None:
    original = scenes.stored(b"matroska" * 9, mime="video/x-matroska")
    copy = scenes.derived(original, "preview", b"small" * 9, mime="video/mp4")
    job = scenes.job_held(scenes.person("reviewer", "ana"), kind=ItemKind.VIDEO, media=original)
    html = page(reverse("job_page", args=[job.key]))
    assert f"/media/items/{job.item.key}/preview" in html
    assert f"/media/items/{job.item.key}/media" not in html
    assert copy.storage_key not in html
    assert original.storage_key not in html


def test_the_restricted_partition_shows_nothing_of_a_clip(ready: None, tmp_path: Path) -> None:
    job = scenes.job_restricted()
    file = scenes.filmed(tmp_path)
    panel = media_panel(Item(media=file), is_shown=False)
    assert (panel["is_restricted"], panel["url"], "sheet" in panel, "waveform" in panel) == (True, "", False, False)
    senior = signed_in(scenes.person("senior"))
    html = senior.get(reverse("item_page", args=[job.item.key])).content.decode()
    assert "data-seek" not in html
    assert "Media are not shown" in html


def test_an_item_page_shows_the_same(ready: None, tmp_path: Path) -> None:
    item = scenes.item_judged("clip-1", kind=ItemKind.VIDEO, media=scenes.filmed(tmp_path))
    browser: Client = signed_in(scenes.person("analyst"))
    assert "data-seek" in browser.get(reverse("item_page", args=[item.key])).content.decode()
