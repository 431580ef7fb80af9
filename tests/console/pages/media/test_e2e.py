"""A clip in a real browser: it plays and seeks, from a folder and from S3; moments jump; all of it veiled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from policies.choices import ItemKind
from tests.support import scenes
from tests.support.browser import CHROMIUM, _sign_in, page  # noqa: F401 - a fixture
from tests.support.s3_server import media_in, s3_server

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.xdist_group("s3"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium at /usr/bin/chromium; install it to run these"),
]
_VIDEO = "document.querySelector('.veil video')"


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path, settings: Settings) -> Iterator[str]:
    """Keep media in a folder, or in a bucket."""
    if request.param == "folder":
        yield "folder"
        return
    with s3_server(tmp_path) as server:
        media_in(server, settings)
        yield "s3"


def test_a_clip_plays_and_seeks_from_either_storage(
    storage: str,
    page: Any,  # noqa: F811
    live_server: LiveServer,
    tmp_path: Path,
) -> None:
    scenes.policy_ready()
    reviewer = scenes.person("reviewer")
    scenes.job_open(kind=ItemKind.VIDEO, media=scenes.filmed(tmp_path), duration_ms=8_000)
    _sign_in(page, reviewer.username)
    ranges: list[int] = []
    page.on(
        "response", lambda answer: ranges.append(answer.status) if answer.request.resource_type == "media" else None
    )
    page.keyboard.press("c")
    page.wait_for_url("**/jobs/*/")
    page.wait_for_function(f"() => {_VIDEO}.readyState >= 1")
    assert 7.5 <= page.evaluate(f"{_VIDEO}.duration") <= 8.5
    assert page.evaluate(f"{_VIDEO}.muted")

    page.click("[data-seek='5.0']")
    page.wait_for_function(f"() => Math.abs({_VIDEO}.currentTime - 5) < 0.3 && {_VIDEO}.readyState >= 2")
    assert "blur" in page.evaluate(f"getComputedStyle({_VIDEO}).filter")
    sheet = "getComputedStyle(document.querySelector('.sheet img')).filter"
    assert "blur" in page.evaluate(sheet)
    assert "grayscale" in page.evaluate(sheet)
    page.wait_for_function("() => document.querySelector('.sheet img').naturalWidth > 0")

    page.keyboard.press("p")
    page.wait_for_function(f"() => !{_VIDEO}.paused && {_VIDEO}.currentTime > 5.2")
    assert 206 in ranges or 200 in ranges
    folder = project.BASE_DIR / "var" / "e2e"
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"media-{storage}.png")
    page.keyboard.press("v")
    page.keyboard.press("o")
    page.wait_for_function(f"() => {sheet} === 'none'")
    page.screenshot(path=folder / f"media-{storage}-shown.png")
