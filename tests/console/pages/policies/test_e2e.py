"""A threshold from draft to active and back, in a real browser, by keyboard alone and by two people."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from policies.models import PolicyVersion
from tests.support import scenes
from tests.support.browser import CHROMIUM, page

__all__ = ["page"]

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium at /usr/bin/chromium; install it to run these"),
]
#: More presses of Tab than any of these pages has stops.
_MAX_TABS = 160


def _sign_in(page: Any, username: str) -> None:
    page.goto("/policies/")
    page.fill("#id_login", username)
    page.fill("#id_password", scenes.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:text-is('Policy versions')")


def _tab_to(page: Any, selector: str) -> None:
    """Press Tab until an element has the focus: it is then within reach of a keyboard."""
    wanted = page.locator(selector).first
    wanted.wait_for()
    page.evaluate("document.activeElement.blur()")
    for _ in range(_MAX_TABS):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    pytest.fail(f"{selector} cannot be reached by Tab")


def _press(page: Any, selector: str) -> None:
    _tab_to(page, selector)
    page.keyboard.press("Enter")


def _tick_and_take(page: Any, title: str) -> None:
    _tab_to(page, "#id_confirm")
    page.keyboard.press("Space")
    _press(page, f"button:text-is('{title}')")


def _state(number: int) -> str:
    return PolicyVersion.objects.get(number=number).state


def test_a_threshold_goes_from_draft_to_active_and_back_by_keyboard(page: Any, live_server: LiveServer) -> None:
    scenes.policy_ready()
    scenes.person("policy-editor", "ed")
    scenes.person("policy-approver", "ap")
    _sign_in(page, "ed")

    _press(page, "th a:text-is('First policy')")
    page.wait_for_selector("h1:has-text('Policy 1')")
    _press(page, "button:text-is('Copy to a new draft')")
    page.wait_for_url("**/policies/3/edit/thresholds/")
    _tab_to(page, "#id_row-3-block")
    assert page.locator("tr:has(#id_row-3-block) th").inner_text() == "Hate"
    page.keyboard.press("Control+a")
    page.keyboard.type("1.5")
    page.keyboard.press("Enter")
    page.wait_for_selector("#id_row-3-block_error")  # refused, beside the field, with what was typed still there
    assert page.input_value("#id_row-3-block") == "1.5"
    _tab_to(page, "#id_row-3-block")
    page.keyboard.press("Control+a")
    page.keyboard.type("0.9")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Hate: block from 0.90 (was 0.92).")

    _press(page, ".tabs.sub a:text-is('Title and note')")
    page.wait_for_url("**/edit/words/")
    _tab_to(page, "#id_row-0-change_note")
    page.keyboard.type("Hate is blocked a little earlier.")
    _press(page, "button:has-text('Save')")
    page.wait_for_selector("text=Saved.")
    _press(page, ".tabs a:text-is('Overview')")
    page.wait_for_selector("text=What can be done next")
    _press(page, "a:text-is('Submit for review')")
    page.wait_for_url("**/steps/submit/")
    _press(page, "button:text-is('Submit for review')")
    page.wait_for_selector("text=Somebody else has to approve it now.")
    assert _state(3) == "in_review"

    other = page.context.browser.new_context(base_url=live_server.url).new_page()
    other.set_default_timeout(20_000)
    _sign_in(other, "ap")
    _press(other, "th a:text-is('First policy')")
    other.wait_for_selector("text=Hate: block from 0.90 (was 0.92).")
    for title, state in (("Approve", "in_review"), ("Activate", "active")):
        _press(other, f".steps a:text-is('{title}')")
        other.wait_for_url(f"**/steps/{title.lower()}/")
        if title == "Activate":
            _tick_and_take(other, title)
        else:
            _press(other, f"button:text-is('{title}')")
        other.wait_for_selector(".notice.success")
        assert _state(3) == state

    other.goto("/policies/1/")
    _press(other, ".steps a:text-is('Roll back to this version')")
    other.wait_for_url("**/steps/rollback/")
    _tab_to(other, "#id_note")
    other.keyboard.type("Too many blocks.")
    _tick_and_take(other, "Roll back to this version")
    other.wait_for_selector(".notice.success")
    assert (_state(1), _state(3)) == ("active", "retired")


def test_a_text_is_tried_while_it_is_typed(page: Any) -> None:
    scenes.policy_ready()
    scenes.person("policy-editor", "ed")
    _sign_in(page, "ed")
    page.goto("/policies/2/terms/")
    _tab_to(page, "#id_try-text")
    page.keyboard.type("what a d4mn shame")
    page.wait_for_selector("#tried mark:text-is('d4mn')")
    assert page.evaluate("document.activeElement.id") == "id_try-text"  # the answer does not take the focus away


def test_the_workbench_works_without_scripts(page: Any, live_server: LiveServer) -> None:
    scenes.policy_ready()
    scenes.person("policy-editor", "ed")
    plain = page.context.browser.new_context(java_script_enabled=False, base_url=live_server.url).new_page()
    _sign_in(plain, "ed")
    plain.goto("/policies/2/edit/thresholds/")
    plain.fill("#id_row-3-block", "0.8")
    plain.click("text=Save thresholds")
    plain.wait_for_selector("text=block from 0.80")
    plain.goto("/policies/2/terms/")
    plain.fill("#id_try-text", "damn")
    plain.click("text=Try")
    plain.wait_for_selector("#tried mark:text-is('damn')")
    plain.fill("#q", "bollocks")
    plain.click("button:text-is('Find')")
    plain.wait_for_selector("#results th:text-is('bollocks')")
