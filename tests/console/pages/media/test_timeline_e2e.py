"""The timeline in a real browser: moments by key and by link, the player follows, and it works without a script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from pytest_django.live_server_helper import LiveServer

from moderation.models import Job
from policies.choices import ItemKind
from tests.support import scenes
from tests.support.browser import _sign_in, page, pytestmark  # noqa: F401 # the fixture, and when to skip
from tests.support.clips import clip, scene
from tests.support.timeline_findings import findings

NOW = "Math.round(document.querySelector('.veil video').currentTime)"


def job_with_a_clip(user: User, folder: Path) -> Job:
    """Return a job that the person holds, of a clip of thirty seconds with something in every lane."""
    path = clip(folder / "clip.mp4", [scene(n) for n in range(10)], seconds_each=3.0, fps=5)
    media = scenes.stored(path.read_bytes(), mime="video/mp4", width=320, height=240)
    return scenes.job_held(
        user, "clip-1", kind=ItemKind.VIDEO, media=media, duration_ms=30_000, findings=findings(),
        caption="my day in the workshop",
    )  # fmt: skip


def test_a_reviewer_goes_from_moment_to_moment_by_keys(page: Any, tmp_path: Path) -> None:  # noqa: F811
    scenes.policy_ready()
    reviewer = scenes.person("reviewer")
    job = job_with_a_clip(reviewer, tmp_path)
    _sign_in(page, reviewer.username)
    page.goto(reverse("job_page", args=[job.key]))
    page.wait_for_function("() => document.querySelector('.veil video').readyState >= 1")
    for second in (1, 5, 12, 20):
        page.keyboard.press("Shift+ArrowRight")
        page.wait_for_function(f"() => {NOW} === {second}")
    assert "challenge.mp4" in page.inner_text("[aria-current=true]")
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_function("() => document.getElementById('said').textContent.includes('no further moment')")
    page.keyboard.press("Shift+ArrowLeft")
    page.wait_for_function(f"() => {NOW} === 12")
    assert float(page.get_attribute("[data-playhead]", "x1")) == pytest.approx(400, abs=5)
    page.focus(".moments-list a >> nth=1")
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => {NOW} === 5")
    assert "?at" not in page.url


def test_without_a_script_a_moment_is_a_link_that_opens_the_clip_there(
    page: Any,  # noqa: F811 # the fixture
    live_server: LiveServer,
    tmp_path: Path,
) -> None:
    scenes.policy_ready()
    reviewer = scenes.person("reviewer")
    job = job_with_a_clip(reviewer, tmp_path)
    plain = page.context.browser.new_context(java_script_enabled=False, base_url=live_server.url).new_page()
    _sign_in(plain, reviewer.username)
    plain.goto(reverse("job_page", args=[job.key]))
    assert plain.locator("[data-step]").first.is_hidden()
    plain.click("text=0:12.0–0:15.0")
    plain.wait_for_url("**/?at=12000#media")
    assert plain.get_attribute(".veil video", "src").endswith("#t=12.0")


@pytest.mark.parametrize("width", [390])
def test_the_timeline_fits_a_phone(page: Any, tmp_path: Path, width: int) -> None:  # noqa: F811
    scenes.policy_ready()
    reviewer = scenes.person("reviewer")
    job = job_with_a_clip(reviewer, tmp_path)
    page.set_viewport_size({"width": width, "height": 844})
    _sign_in(page, reviewer.username)
    page.goto(reverse("job_page", args=[job.key]))
    page.wait_for_selector("#timeline-title")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
