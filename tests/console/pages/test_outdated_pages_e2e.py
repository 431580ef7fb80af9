"""An overtaken page in a real browser: what changed is seen, what was typed stays, and the second send is on purpose."""

from __future__ import annotations

from typing import Any

import pytest

from moderation.detection.types import Finding
from moderation.models import Decision, Job
from moderation.models.decision import DecisionStage
from policies.choices import Outcome
from tests.support import scenes
from tests.support.browser import _sign_in, page, pytestmark  # noqa: F401 # the fixture, and when to skip

NOTE = "Aimed at a private person, said twice."


def _open_job(page: Any) -> Job:  # noqa: F811 # the fixture
    scenes.policy_ready()
    reviewer = scenes.person("reviewer")
    scenes.job_open()
    _sign_in(page, reviewer.username)
    page.keyboard.press("c")
    page.wait_for_url("**/jobs/*/")
    page.keyboard.press("3")
    page.select_option("#id_category", "harassment")
    page.fill("#id_note", NOTE)
    return Job.objects.get()


def test_a_reviewer_sees_what_changed_and_sends_again_on_purpose(page: Any) -> None:  # noqa: F811 # the fixture
    job = _open_job(page)
    found = [Finding("text", "2", "violence", 0.97, {})]
    scenes.judged_again(job.item, found, stage=DecisionStage.DEEP)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#changed-title")
    page.wait_for_function("() => document.activeElement.id === 'changed-title'")
    assert page.inner_text("#changed-title") == "The slow models decided this item again while you looked at it."
    page.keyboard.press("Enter")  # a second press of the same key is not a second look
    assert page.inner_text("#said") == "Read what changed first; then send it again."
    assert page.input_value("#id_note") == NOTE
    assert page.is_checked("input[name=outcome][value='4']")
    assert page.is_visible(".finding.is-new")
    assert not Decision.objects.filter(actor__isnull=False).exists()
    page.wait_for_timeout(1_600)
    page.keyboard.press("Enter")
    page.wait_for_url("**/queues/")
    assert Decision.objects.get(actor__isnull=False).outcome == Outcome.BLOCK


@pytest.mark.parametrize("width", [1366, 390])
def test_an_open_page_says_at_once_that_its_job_was_taken(page: Any, width: int) -> None:  # noqa: F811 # the fixture
    page.set_viewport_size({"width": width, "height": 800})
    job = _open_job(page)
    scenes.judged_again(job.item, [scenes.bank_hit("violence")], stage=DecisionStage.DEEP)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as when the tab is looked at again
    page.wait_for_selector("[data-lease-news]:visible")
    assert "New hard evidence came in while you had it" in page.inner_text("[data-lease-news]")
    assert page.input_value("#id_note") == NOTE
    assert page.is_disabled("form[data-decide] button")
    top = page.locator("[data-lease-news]").bounding_box()["y"]
    assert 0 <= top < 800
    assert page.evaluate("document.documentElement.scrollWidth") <= width
