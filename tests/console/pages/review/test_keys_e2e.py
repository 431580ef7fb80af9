"""Deciding by keys in a real browser: ten decisions of different kinds, own keys, keys switched off, the list of commands."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User

from moderation.models import CreatorAct, Decision, LeadCall
from policies.choices import Outcome
from tests.support import scenes
from tests.support.browser import _sign_in
from tests.support.browser import page as page  # the fixture
from tests.support.browser import pytestmark as pytestmark  # when to skip

_POINTER = """
    window.pointed = Number(sessionStorage.getItem("pointed") || 0);
    for (const kind of ["pointerdown", "pointermove", "mousedown", "touchstart", "wheel"])
        addEventListener(kind, (event) => { if (event.isTrusted) sessionStorage.setItem("pointed", ++window.pointed); }, true);
"""


@dataclass(frozen=True, slots=True)
class Script:
    """One decision: what is pressed before Enter, and what is recorded: outcome, policy, clause, age, words in the note."""

    what: str
    keys: tuple[str, ...]
    outcome: Outcome
    category: str = ""
    clause: str = ""
    min_age: int = 0
    words: str = ""
    is_common: bool = False


#: The job is proposed for harassment; the commonest are to agree with that, and to clear.
SCRIPTS = (
    Script("agree: block for what is proposed", ("b",), Outcome.BLOCK, "harassment", "harassment-insult", words="This upload insults a person.", is_common=True),
    Script("clear", ("k",), Outcome.CLEAR, is_common=True),
    Script("block, proposed policy, another clause", ("b", "2"), Outcome.BLOCK, "harassment", "harassment-pile-on", words="calls on others", is_common=True),
    Script("block, another policy", ("b", "h"), Outcome.BLOCK, "hate", "hate-attack", words="for what they are", is_common=True),
    Script("block, another policy and clause", ("b", "h", "2"), Outcome.BLOCK, "hate", "hate-slur", words="puts a group"),
    Script("restrict by a clause with its age", ("l", "d"), Outcome.RESTRICT, "dangerous_acts", "dangerous-stunt", 16, "dangerous stunt", is_common=True),
    Script("restrict by another clause", ("l", "v", "4"), Outcome.RESTRICT, "violence", "violence-news", 16, "reports on violence"),
    Script("block, spam", ("b", "p", "2"), Outcome.BLOCK, "spam_scam", "spam-elsewhere", words="outside the platform"),
    Script("block without a clause, in words", ("b", "0", "Tab", *"Aimed at a neighbour."), Outcome.BLOCK, "harassment", "", words="Aimed at a neighbour."),
    Script("clear by number", ("1",), Outcome.CLEAR, is_common=True),
)  # fmt: skip


def _at_work(page: Any, n_jobs: int = 1) -> User:
    scenes.policy_ready()
    reviewer = scenes.person("reviewer")
    for n in range(n_jobs):
        scenes.job_open(f"waits-{n}")
    page.add_init_script(_POINTER)
    _sign_in(page, reviewer.username)
    page.wait_for_selector(f"text={n_jobs} open")
    page.keyboard.press("c")
    page.wait_for_url("**/jobs/*/")
    return reviewer


def test_ten_decisions_of_different_kinds_by_keyboard_alone(page: Any, capsys: pytest.CaptureFixture[str]) -> None:
    _at_work(page, len(SCRIPTS) + 1)
    lines = []
    for script in SCRIPTS:
        item = page.inner_text("h1")
        began = time.perf_counter()
        for key in script.keys:
            page.keyboard.press(key)
            if key == "Tab":  # from the last clause to the note, whatever lies between
                page.evaluate("document.getElementById('id_note').focus()")
        page.keyboard.press("Control+Enter" if "Tab" in script.keys else "Enter")
        page.wait_for_function("item => document.querySelector('h1').innerText !== item", arg=item)
        lines.append(f"{script.what}: {len(script.keys) + 1} keys, {time.perf_counter() - began:.2f} s")
        decision = Decision.objects.filter(item__external_id=item).latest("id")
        assert (decision.outcome, decision.category or script.category, decision.clause, decision.min_age) == (
            script.outcome, script.category or decision.category, script.clause, script.min_age,
        ), script.what  # fmt: skip
        assert script.words in decision.note
        if script.is_common:
            assert len(script.keys) + 1 <= 3, f"{script.what}: Enter among them"
    assert page.evaluate("window.pointed") == 0
    with capsys.disabled():
        print("\n" + "\n".join(lines))  # noqa: T201


def test_the_sentence_follows_the_clause_until_somebody_writes(page: Any) -> None:
    _at_work(page)
    page.keyboard.press("b")
    assert page.input_value("#id_note") == "This upload insults a person."
    assert page.get_attribute("[data-guideline=harassment]", "open") is not None
    page.keyboard.press("3")
    assert page.input_value("#id_note").startswith("This upload publishes private data")
    page.fill("#id_note", "Her address is read out.")
    page.keyboard.press("b")  # typed into the field: it is text there, and no key
    assert page.input_value("#id_note").endswith("b")
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.keyboard.press("h")
    assert page.input_value("#id_note") == "Her address is read out.b"
    assert page.input_value("#id_category") == "hate"
    assert page.get_attribute("[data-guideline=hate]", "open") is not None
    assert page.is_hidden("[data-guideline=harassment]")
    page.focus("[data-guidelines]")
    page.keyboard.press("Enter")
    assert page.is_visible("[data-guideline=harassment]")
    page.keyboard.press("x")  # to seniors: words of one's own stay
    assert page.input_value("#id_note") == "Her address is read out.b"


def test_a_begun_choice_is_shown_said_and_taken_back(page: Any) -> None:
    _at_work(page)
    page.keyboard.press("b")
    assert page.is_visible("[data-letter=h]")
    lit = "getComputedStyle(document.querySelector('[data-letter=h] kbd')).backgroundColor"
    before = page.evaluate(lit)
    assert "Another policy by its letter" in page.text_content("#live")
    page.keyboard.press("Escape")
    assert page.evaluate(lit) != before
    page.keyboard.press("v")  # the media again, not violence
    assert page.input_value("#id_category") == "harassment"


def test_own_keys_hold_on_the_page_and_the_first_ones_do_nothing(page: Any) -> None:
    _at_work(page)
    page.goto("/shortcuts/")
    page.fill("[name=block]", "ø")
    page.fill("[name=skip]", "b")
    page.press("[name=block]", "Enter")
    page.wait_for_selector("text=Your keys are saved.")
    page.keyboard.press("j")
    page.wait_for_url("**/jobs/*/")
    page.keyboard.press("b")
    page.wait_for_function("() => document.activeElement.name === 'reason'")
    page.keyboard.press("Escape")
    page.keyboard.insert_text("ø")
    page.evaluate("document.dispatchEvent(new KeyboardEvent('keydown', { key: 'ø', bubbles: true }))")
    assert page.is_checked("[name=outcome][value='4']")
    assert page.inner_text(".choice.o4 kbd") == "ø"
    page.keyboard.press("?")
    page.wait_for_selector("dialog#shortcuts[open]")
    assert "ø" in page.inner_text("dialog#shortcuts")


def test_what_altgr_writes_is_a_character_like_others(page: Any) -> None:
    _at_work(page)
    page.evaluate("""() => {
        const event = new KeyboardEvent("keydown", { key: "b", ctrlKey: true, altKey: true, modifierAltGraph: true, bubbles: true });
        document.body.dispatchEvent(event);
    }""")
    assert page.is_checked("[name=outcome][value='4']")


def test_switched_off_single_characters_do_nothing_and_the_rest_does(page: Any) -> None:
    _at_work(page, 2)
    first = page.inner_text("h1")
    page.goto("/shortcuts/")
    page.focus("[name=is_off]")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Your keys are saved.")
    page.keyboard.press("j")
    page.keyboard.press("?")
    assert page.url.endswith("/shortcuts/")
    assert page.query_selector("dialog[open]") is None
    page.keyboard.press("Control+k")
    page.keyboard.type("back to it")
    page.keyboard.press("Enter")
    page.wait_for_url("**/jobs/*/")
    page.keyboard.press("b")
    assert page.query_selector("[name=outcome]:checked") is None
    page.focus("[name=outcome][value='0']")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_function("first => document.querySelector('h1').innerText !== first", arg=first)


def test_the_list_of_commands_finds_pages_and_actions_and_gives_the_focus_back(page: Any) -> None:
    _at_work(page)
    page.focus("summary[data-key=s]")
    page.keyboard.press("Control+k")
    page.wait_for_selector("dialog#palette[open]")
    assert page.get_attribute("#palette-input", "role") == "combobox"
    names = page.eval_on_selector_all(
        "#palette-list [role=option]", "found => found.map((one) => one.firstChild.textContent)"
    )
    assert {"Items", "Queues", "Home", "Block", "Ask a senior", "Tell the duty lead"} <= set(names)
    assert "API keys" not in names  # a page that a reviewer may not open
    page.keyboard.type("qeu")  # letters in order are enough
    active = page.get_attribute("#palette-input", "aria-activedescendant")
    assert page.inner_text(f"#{active} span >> nth=0") != ""
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.activeElement.matches('summary[data-key=s]')")
    page.keyboard.press("Control+k")
    page.keyboard.type("zzzz")
    assert page.is_visible("[data-palette-none]")
    page.keyboard.press("Control+a")
    page.keyboard.type("ask sen")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.id === 'id_question'")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("items")
    page.keyboard.press("Enter")
    page.wait_for_url("**/items/**")


def test_acts_beside_the_decision_by_keys_and_nothing_typed_is_lost(page: Any) -> None:
    _at_work(page)
    page.keyboard.press("b")
    page.fill("#id_note", "Half a sentence")
    page.keyboard.press("Escape")
    page.keyboard.press("h")
    page.wait_for_function("() => document.activeElement.name === 'act_clause'")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=The help message to the creator is recorded.")
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    page.wait_for_function("() => document.activeElement.id === 'id_lead_text'")
    page.keyboard.type("Please call.")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=The duty lead is told")
    page.keyboard.press("Escape")
    page.keyboard.press("y")
    page.wait_for_function("() => document.activeElement.name === 'act_clause'")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=The warning is recorded on the creator.")
    assert page.input_value("#id_note") == "Half a sentence"
    assert sorted(CreatorAct.objects.values_list("kind", "clause")) == [
        ("help", "self-harm-help"),
        ("warning", "harassment-insult"),
    ]
    assert LeadCall.objects.get().text == "Please call."
    assert page.evaluate("window.pointed") == 0
