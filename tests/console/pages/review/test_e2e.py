"""A shift at the console in a real browser, by keyboard alone. Screenshots of failures stay in var/e2e/."""

from __future__ import annotations

from typing import Any

from pytest_django.live_server_helper import LiveServer

from moderation.models import Decision, Job
from policies.choices import ItemKind, Outcome
from tests.support import scenes
from tests.support.browser import _sign_in
from tests.support.browser import page as page  # the fixture
from tests.support.browser import pytestmark as pytestmark  # when to skip


def test_a_reviewer_claims_decides_and_goes_on_by_keys(page: Any) -> None:
    scenes.policy_ready()
    reviewer = scenes.person("reviewer")
    for n in range(3):
        scenes.job_open(f"waits-{n}")
    _sign_in(page, reviewer.username)
    page.wait_for_selector("text=3 open")

    page.keyboard.press("c")
    page.wait_for_url("**/jobs/*/")
    first = page.inner_text("h1")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    page.wait_for_function("first => document.querySelector('h1').innerText !== first", arg=first)
    assert page.inner_text(".notice.success") == f"Decided {first}."

    second = page.inner_text("h1")
    page.keyboard.press("4")
    page.keyboard.press("n")  # nothing asked yet: the server refuses, the field says so and has the focus
    page.wait_for_selector("#note_error")
    page.wait_for_function("() => document.activeElement.id === 'id_note'")
    page.keyboard.press("Escape")
    page.keyboard.press("3")  # but this needs no word: the policy has one
    page.keyboard.press("n")
    page.wait_for_function("second => document.querySelector('h1').innerText !== second", arg=second)
    assert Decision.objects.get(actor=reviewer, item__external_id=second).note == "This upload insults a person."

    page.keyboard.press("r")
    page.wait_for_url("**/queues/")
    outcomes = dict(Decision.objects.filter(actor=reviewer).values_list("item__external_id", "outcome"))
    assert outcomes == {first: Outcome.CLEAR, second: Outcome.BLOCK}
    assert Job.objects.filter(state="open").count() == 1


def test_jobs_are_skipped_asked_about_and_handed_over_by_keys(page: Any) -> None:
    scenes.policy_ready()
    reviewer = scenes.person("reviewer")
    for n in range(3):
        scenes.job_open(f"waits-{n}")
    _sign_in(page, reviewer.username)
    page.wait_for_selector("text=3 open")
    page.keyboard.press("c")
    page.wait_for_url("**/jobs/*/")

    first = page.inner_text("h1")
    page.keyboard.press("s")
    page.wait_for_function("() => document.activeElement.name === 'reason'")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_function("first => document.querySelector('h1').innerText !== first", arg=first)

    second = page.inner_text("h1")
    page.keyboard.press("a")
    page.wait_for_function("() => document.activeElement.id === 'id_question'")
    page.keyboard.type("Who is meant?")
    page.keyboard.press("Control+Enter")
    page.wait_for_function("second => document.querySelector('h1').innerText !== second", arg=second)

    page.keyboard.press("e")
    page.wait_for_function("() => document.activeElement.id === 'id_shift_note'")
    page.keyboard.type("Seen to the end.")
    page.keyboard.press("Enter")
    page.wait_for_url("**/queues/")
    states = dict(Job.objects.values_list("item__external_id", "queue__slug"))
    assert (states[first], states[second]) == ("hate", "seniors")
    assert not Job.objects.filter(state="leased").exists()
    assert not Decision.objects.filter(actor=reviewer).exists()
    page.keyboard.press("c")  # all three were given back by them: none comes straight back
    page.wait_for_selector("text=Nothing waits there right now")


def test_media_stay_veiled_until_a_key_lifts_it(page: Any) -> None:
    scenes.policy_ready()
    picture = scenes.stored(_png(), mime="image/png")
    scenes.job_open(kind=ItemKind.IMAGE, media=picture)
    _sign_in(page, scenes.person("reviewer").username)
    page.keyboard.press("c")
    page.wait_for_url("**/jobs/*/")
    veil = "getComputedStyle(document.querySelector('.veil img')).filter"
    page.wait_for_function("() => document.querySelector('.veil img').naturalWidth > 0")
    assert "blur" in page.evaluate(veil)
    assert "grayscale" in page.evaluate(veil)
    page.keyboard.press("v")
    page.wait_for_function(f"() => !{veil}.includes('blur')")
    page.keyboard.press("o")
    page.wait_for_function(f"() => {veil} === 'none'")


def test_the_queue_counts_along(page: Any) -> None:
    scenes.policy_ready()
    _sign_in(page, scenes.person("reviewer").username)
    page.wait_for_selector("text=0 open")
    scenes.job_open()
    page.wait_for_selector("text=1 open")
    page.wait_for_selector("#live:text-is('1 open, 0 being reviewed, 0 overdue')", state="attached")


def test_everything_works_without_scripts(page: Any, live_server: LiveServer) -> None:
    scenes.policy_ready()
    reviewer = scenes.person("reviewer")
    scenes.job_open("waits-1")
    plain = page.context.browser.new_context(java_script_enabled=False, base_url=live_server.url).new_page()
    _sign_in(plain, reviewer.username)
    plain.click("text=Claim next job")
    plain.click("text=Clear")
    plain.click("text=Decide and next")
    plain.wait_for_url("**/queues/")
    assert Decision.objects.get(actor=reviewer).outcome == Outcome.CLEAR


def _png() -> bytes:
    """Return one red pixel."""
    return bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301010018dd8db0"
        "0000000049454e44ae426082"
    )
