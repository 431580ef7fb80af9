"""Undo in a real browser, by keys: what clears is not served before its time, and any decision can be taken back once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from moderation.gate.door import Gate, Viewer
from moderation.models import Decision, Item, Job, WaitingDecision
from moderation.models.decision import DecisionStage
from moderation.models.review import JobState
from moderation.models.waiting import WaitingState
from moderation.review.waiting import waiting_apply_due
from policies.choices import Band, Outcome
from tests.support import scenes
from tests.support.browser import _sign_in
from tests.support.browser import page as page  # the fixture
from tests.support.browser import pytestmark as pytestmark  # when to skip
from tests.support.people import escalating_caption, ready, text_item


@pytest.fixture(autouse=True)
def _ten_seconds(settings: Any) -> None:
    settings.CLEARING_WAITS_SECONDS = 10


def _at_work(page: Any, n: int = 2) -> User:
    ready()
    reviewer = scenes.person("reviewer")
    for i in range(n):
        text_item(f"real-{i}", escalating_caption(), creator=f"creator-{i}")
    _sign_in(page, reviewer.username)
    page.keyboard.press("c")
    page.wait_for_url("**/jobs/*/")
    return reviewer


def _go_on(page: Any, first: str) -> None:
    page.wait_for_function("first => document.querySelector('h1').innerText !== first", arg=first)


def _job_of(page: Any) -> str:
    return str(page.url.rstrip("/").rsplit("/", 1)[1])


def _block(page: Any) -> None:
    page.keyboard.press("3")
    page.fill("#id_note", "A threat.")
    page.keyboard.press("Control+Enter")


def _is_served(item: Item) -> bool:
    gate = Gate(max_age_seconds=600)
    try:
        gate.refresh()
        return bool(gate.admit([item.pk], Viewer(Band.ADULT, "GB"), timezone.now()).cleared)
    finally:
        gate.stop()


def test_what_is_cleared_is_served_at_its_time_and_not_before(page: Any) -> None:
    _at_work(page)
    first, item = page.inner_text("h1"), Job.objects.get(key=_job_of(page)).item
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    _go_on(page, first)
    assert "Press u to take it back." in page.inner_text(".notice.success")
    waiting = WaitingDecision.objects.get()
    waiting_apply_due(now=waiting.due_at - timedelta(milliseconds=1))
    assert not _is_served(item)
    waiting_apply_due(now=waiting.due_at)
    assert _is_served(item)


def test_a_clearing_taken_back_within_its_seconds_was_never_served(page: Any) -> None:
    _at_work(page)
    first, key = page.inner_text("h1"), _job_of(page)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    _go_on(page, first)
    second = _job_of(page)
    page.keyboard.press("3")
    page.fill("#id_note", "Half a sentence on the second")
    page.wait_for_selector("text=/Draft kept/")
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    page.wait_for_url("**/review/undo/")
    with page.expect_navigation():
        page.keyboard.press("u")  # pressed twice: it is the same page
    page.wait_for_selector("text=Waits")
    page.keyboard.press("1")
    page.wait_for_url(f"**/jobs/{key}/")
    assert page.is_checked("[data-key='1']")
    assert waiting_apply_due(now=timezone.now() + timedelta(minutes=1)) == 0
    assert not _is_served(Job.objects.get(key=key).item)
    # and the one that they had gone on with is the next, with what they had typed
    page.keyboard.press("Escape")
    _block(page)
    page.wait_for_url(f"**/jobs/{second}/")
    assert page.input_value("#id_note") == "Half a sentence on the second"


def test_a_block_is_taken_back_and_enter_held_down_counts_once(page: Any) -> None:
    reviewer = _at_work(page)
    first, key = page.inner_text("h1"), _job_of(page)
    _block(page)
    _go_on(page, first)
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    page.wait_for_selector("text=Stands.")
    page.focus(".acts button")
    for _ in range(5):
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    page.wait_for_selector("text=Taken back. The job is yours again")
    assert page.input_value("#id_note") == "A threat."
    assert _job_of(page) != key
    assert Decision.objects.filter(stage=DecisionStage.UNDONE).count() == 1
    assert Job.objects.filter(lease_holder=reviewer, state=JobState.LEASED).count() == 1
    assert Item.objects.get(external_id=first).state == "held"


def test_two_tabs_take_one_decision_back_once(page: Any) -> None:
    _at_work(page)
    first = page.inner_text("h1")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    _go_on(page, first)
    page.goto("/review/undo/")
    other = page.context.browser.new_context(storage_state=page.context.storage_state()).new_page()
    other.goto(page.url)
    for tab in (page, other):
        tab.keyboard.press("1")
        tab.wait_for_url("**/jobs/*/")
    assert _job_of(page) == _job_of(other)
    assert page.inner_text("h1") == other.inner_text("h1") == first
    assert WaitingDecision.objects.get().state == WaitingState.TAKEN_BACK
    assert not Decision.objects.filter(outcome=Outcome.CLEAR, actor__isnull=False).exists()
