"""The end of a session in a real browser: what asks by itself says so, and what was typed is there again after signing in."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse

from tests.support import scenes
from tests.support.browser import CHROMIUM, _sign_in
from tests.support.browser import page as page  # the fixture

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium at /usr/bin/chromium; install it to run these"),
]


def test_a_page_that_asks_by_itself_says_so_and_a_hand_does_not(page: Any) -> None:
    scenes.policy_ready()
    _sign_in(page, scenes.person("reviewer").username)
    with page.expect_request(lambda request: request.headers.get("hx-request") == "true") as asked:
        pass  # nobody touches anything
    assert asked.value.headers.get("x-poll") == "1"
    page.goto("/items/")
    with page.expect_request(lambda request: request.headers.get("hx-request") == "true") as asked:
        page.select_option("main form select >> nth=0", index=1)
    assert "x-poll" not in asked.value.headers


def test_what_was_typed_is_back_after_signing_in(page: Any) -> None:
    scenes.policy_ready()
    item = scenes.item_judged("typed-1")
    senior = scenes.person("senior")
    _sign_in(page, senior.username)
    page.goto(reverse("item_page", args=[item.key]))
    page.click("summary:text('Decide anew')")
    page.check("[name=outcome][value='4']")
    page.fill("#id_note", "A sentence that took a while.")
    Session.objects.all().delete()
    page.click("text=Record decision")
    page.wait_for_url("**/accounts/login/**")
    page.fill("#id_login", senior.username)
    page.fill("#id_password", scenes.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/items/{item.key}/**")
    page.wait_for_function("() => document.querySelector('#id_note').value === 'A sentence that took a while.'")
    assert page.is_checked("[name=outcome][value='4']")
    page.reload()
    assert page.input_value("#id_note") == ""  # brought back once, and kept nowhere
