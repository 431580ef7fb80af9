"""Drafts in a real browser: kept while somebody types, there again after a reload, and sent once the server can be reached."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User

from moderation.models import Decision, DecisionDraft
from tests.support import scenes
from tests.support.browser import _sign_in
from tests.support.browser import page as page  # the fixture
from tests.support.browser import pytestmark as pytestmark  # when to skip


def _at_work(page: Any, *names: str) -> User:
    scenes.policy_ready()
    reviewer = scenes.person("reviewer")
    for name in names or ("waits-1",):
        scenes.job_open(name)
    _sign_in(page, reviewer.username)
    page.keyboard.press("c")
    page.wait_for_url("**/jobs/*/")
    return reviewer


def _until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 15
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def _note() -> str:
    draft = DecisionDraft.objects.first()
    return str(draft.fields.get("note", "")) if draft else ""


def test_what_was_typed_is_kept_and_there_again_after_a_reload(page: Any) -> None:
    _at_work(page)
    page.keyboard.press("3")
    page.fill("#id_note", "A sentence that took a while.")
    page.wait_for_selector("text=/Draft kept \\d\\d:\\d\\d/")
    assert page.inner_text("#said") == "Draft kept."
    page.evaluate("document.getElementById('said').textContent = ''")
    page.fill("#id_note", "A sentence that took a while, and more.")
    _until(lambda: _note().endswith("more."))
    assert page.inner_text("#said") == ""  # said once, not with each save
    page.fill("#id_note", "Typed just before the page was left.")
    page.reload()
    page.wait_for_selector("text=is back; it was not sent.")
    assert page.input_value("#id_note") == "Typed just before the page was left."
    assert page.is_checked("[data-key='3']")
    _until(lambda: _note() == "Typed just before the page was left.")
    assert page.evaluate("Object.keys(sessionStorage).filter((key) => key.startsWith('draft:')).length") == 0
    page.click("text=Discard")
    page.wait_for_selector("text=Your draft is discarded.")
    assert page.input_value("#id_note") == ""
    assert not DecisionDraft.objects.exists()


def test_without_the_server_the_tab_keeps_it_and_sends_it_when_that_is_back(page: Any) -> None:
    _at_work(page)
    page.context.set_offline(True)
    page.keyboard.press("3")
    page.fill("#id_note", "Typed on a train.")
    page.wait_for_selector("text=The server cannot be reached. Your draft stays in this tab")
    assert not DecisionDraft.objects.exists()
    page.context.set_offline(False)
    page.wait_for_selector("text=/Draft kept/")
    assert _note() == "Typed on a train."


def test_what_the_tab_kept_is_back_after_a_reload_unless_another_tab_was_later(page: Any) -> None:
    _at_work(page)
    page.keyboard.press("3")
    page.route("**/draft/", lambda route: route.abort())
    page.fill("#id_note", "Only in this tab.")
    page.wait_for_selector("text=The server cannot be reached.")
    page.unroute("**/draft/")
    page.reload()
    page.wait_for_function("() => document.querySelector('#id_note').value === 'Only in this tab.'")
    _until(lambda: _note() == "Only in this tab.")

    page.route("**/draft/", lambda route: route.abort())
    page.fill("#id_note", "Typed first, here.")
    page.wait_for_selector("text=The server cannot be reached.")
    signed_in = page.context.storage_state()
    other = page.context.browser.new_context(storage_state=signed_in).new_page()
    other.goto(page.url)
    other.fill("#id_note", "Typed later, there.")
    other.wait_for_selector("text=/Draft kept/")
    page.unroute("**/draft/")
    page.reload()
    assert page.input_value("#id_note") == "Typed later, there."


def test_one_that_is_too_large_is_said_and_stays_on_the_page(page: Any) -> None:
    _at_work(page)
    page.keyboard.press("3")
    page.evaluate("document.getElementById('id_note').removeAttribute('maxlength')")
    page.fill("#id_note", "a" * 16_001)
    page.wait_for_selector("text=This is more than a draft holds")
    assert len(page.input_value("#id_note")) == 16_001


def test_a_decision_leaves_no_draft_behind_and_the_next_job_keeps_its_own(page: Any) -> None:
    reviewer = _at_work(page, "waits-1", "waits-2")
    first = page.inner_text("h1")
    page.keyboard.press("3")
    page.fill("#id_note", "Decided before the draft was kept.")
    page.keyboard.press("Control+Enter")
    page.wait_for_function("first => document.querySelector('h1').innerText !== first", arg=first)
    assert page.input_value("#id_note") == ""
    page.keyboard.press("Escape")
    page.keyboard.press("3")
    page.fill("#id_note", "On the second.")
    page.wait_for_selector("text=/Draft kept/")
    kept = DecisionDraft.objects.get()
    assert kept.job is not None
    assert kept.job.item.external_id != first
    assert kept.fields["note"] == "On the second."
    assert Decision.objects.get(actor=reviewer).note == "Decided before the draft was kept."
