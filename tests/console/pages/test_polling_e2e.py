"""Pages that count along by themselves, in a real browser: under nobody's hands, and with the connection gone."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from tests.support import scenes
from tests.support.browser import _sign_in
from tests.support.browser import page as page  # the fixture
from tests.support.browser import pytestmark as pytestmark  # when to skip

#: As many polls as a page makes in a minute.
MINUTE = 12
#: Every element of a polled part that can have the focus.
FOCUSABLE = "[data-poll] :is(a[href], button, input:not([type=hidden]), select, textarea, summary)"


def poll(page: Any, times: int = 1) -> None:
    """Let the page ask for its news as it does every five seconds, and wait for the answers."""
    page.evaluate(
        """async times => {
            for (let n = 0; n < times; n++) {
                const done = new Promise(resolve => {
                    document.addEventListener("htmx:afterSettle", resolve, { once: true });
                    document.addEventListener("htmx:afterRequest", () => setTimeout(resolve, 150), { once: true });
                    setTimeout(resolve, 2000);
                });
                document.querySelectorAll("[data-poll]").forEach(el => window.htmx.trigger(el, "poll"));
                await done;
            }
        }""",
        times,
    )


def focused(page: Any) -> str:
    """Tell which element has the focus."""
    told: str = page.evaluate("() => `${document.activeElement.tagName} ${document.activeElement.textContent.trim()}`")
    return told


def test_a_minute_of_polling_never_takes_the_focus(page: Any) -> None:
    scenes.policy_ready()
    reviewer = scenes.person("reviewer")
    for n in range(2):
        scenes.job_open(f"waits-{n}")
    _sign_in(page, reviewer.username)
    for name in ("queue_list", "home"):
        page.goto(reverse(name))
        n_focusable = page.locator(FOCUSABLE).count()
        assert n_focusable, name
        for nth in range(n_focusable):
            element = page.locator(FOCUSABLE).nth(nth)
            if not element.is_visible():
                continue
            element.focus()
            before = focused(page)
            scenes.job_open(f"{name}-{nth}")  # something to draw anew
            poll(page, MINUTE)
            assert focused(page) == before, (name, nth)
        assert page.locator("[data-poll]").count() >= 1


def test_polling_says_only_what_is_new(page: Any) -> None:
    scenes.policy_ready()
    _sign_in(page, scenes.person("reviewer").username)
    page.evaluate(
        """() => {
            window.heard = [];
            new MutationObserver(() => window.heard.push(document.getElementById("live").textContent))
                .observe(document.getElementById("live"), { childList: true, characterData: true, subtree: true });
        }"""
    )
    poll(page, MINUTE)
    assert page.evaluate("() => window.heard") == []
    scenes.job_open()
    poll(page, MINUTE)
    assert page.evaluate("() => window.heard") == ["1 open, 0 being reviewed, 0 overdue"]


def test_polling_leaves_what_somebody_types_or_marks(page: Any) -> None:
    scenes.policy_ready()
    scenes.job_open()
    _sign_in(page, scenes.person("reviewer").username)
    # no polled part has a field today: the next one that gets one must not lose what is typed
    page.evaluate("() => document.querySelector('[data-poll]').insertAdjacentHTML('beforeend', '<input id=typed>')")
    page.fill("#typed", "23")
    scenes.job_open("another")
    poll(page, 2)
    assert page.input_value("#typed") == "23"
    page.locator("h1").first.click()  # the focus goes elsewhere; what was typed is still not sent
    poll(page, 2)
    assert page.input_value("#typed") == "23"
    page.fill("#typed", "")
    page.locator("h1").first.click()
    poll(page)
    assert page.locator("#typed").count() == 0
    page.evaluate("() => getSelection().selectAllChildren(document.querySelector('[data-poll] table'))")
    scenes.job_open("a-third")
    poll(page, 2)
    assert page.evaluate("() => !getSelection().isCollapsed")


def test_a_lost_connection_is_said_to_everybody_until_it_is_back(page: Any) -> None:
    scenes.policy_ready()
    reviewer = scenes.person("reviewer")
    for n in range(2):
        scenes.job_open(f"waits-{n}")
    _sign_in(page, reviewer.username)
    page.keyboard.press("c")
    page.wait_for_url("**/jobs/*/")
    first = page.inner_text("h1")
    page.keyboard.press("3")
    page.fill("#id_note", "Aimed at a private person.")
    page.context.set_offline(True)
    page.wait_for_selector("#offline:visible")
    assert page.get_attribute("#offline", "role") == "alert"
    page.keyboard.press("Control+Enter")
    page.keyboard.press("Escape")
    page.keyboard.press("r")  # a form that the browser would send by itself
    page.wait_for_timeout(300)
    assert page.inner_text("h1") == first
    assert page.input_value("#id_note") == "Aimed at a private person."
    page.context.set_offline(False)
    page.wait_for_selector("#offline", state="hidden")
    assert "back" in page.inner_text("#said")
    page.focus("#id_note")
    page.keyboard.press("Control+Enter")
    page.wait_for_function("first => document.querySelector('h1').innerText !== first", arg=first)


def test_what_is_said_is_seen_and_goes_away_by_itself(page: Any) -> None:
    scenes.policy_ready()
    scenes.job_open()
    _sign_in(page, scenes.person("reviewer").username)
    page.keyboard.press("c")
    page.wait_for_url("**/jobs/*/")
    page.keyboard.press("Enter")
    page.wait_for_selector("#said:visible:has-text('Choose an outcome first')")
    page.wait_for_function("() => document.getElementById('said').textContent === ''", timeout=15_000)
