"""The slider in a real browser: numbers follow the keys, and what pleases is written into the draft."""

from __future__ import annotations

from typing import Any

import pytest

from moderation.evidence import store as evidence_store
from moderation.simulation import queries as simulation_queries
from policies.models import PolicyVersion
from policies.services.drafts import version_copy
from tests.support import scenes
from tests.support.browser import page, pytestmark  # noqa: F401 # the fixture, and when to skip
from tests.support.simulated_items import item


@pytest.fixture
def draft(transactional_db: None) -> PolicyVersion:
    """Return a draft of the seeded policy, written by the editor who will sign in, over five uploads."""
    evidence_store.forget()
    simulation_queries.sliders_forget()
    scenes.policy_ready()
    for i, score in enumerate((0.1, 0.6, 0.71, 0.73, 0.8)):
        item(f"item-{i}", score, creator=f"c-{i}")
    editor = scenes.person("policy-editor")
    return version_copy(actor=editor, version=PolicyVersion.objects.get(number=1))


def _sign_in(page: Any) -> None:  # noqa: F811
    page.goto("/accounts/login/")
    page.fill("[name=login]", "policy-editor-1")
    page.fill("[name=password]", scenes.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('policy-editor-1')")


def block_at(version: PolicyVersion) -> float | None:
    return version.thresholds.get(category_id="harassment", market="", language="", band=None).block_at


def test_an_editor_moves_a_threshold_by_keys_and_writes_it(page: Any, draft: PolicyVersion) -> None:  # noqa: F811
    _sign_in(page)
    page.goto(f"/policies/{draft.number}/slider?category=harassment&level=block")
    page.wait_for_selector("text=as version 3 says")
    page.focus("#id_slide")
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#answer strong:has-text('block from 0.75')")
    assert page.input_value("#id_threshold") == "0.75"
    assert page.evaluate("document.activeElement.id") == "id_slide"  # the hand stays where it was
    page.focus("#id_threshold")
    page.fill("#id_threshold", "0.7125")
    page.wait_for_selector("#answer strong:has-text('block from 0.7125')")
    assert page.input_value("#id_threshold") == "0.7125"
    page.focus("text=Write into the draft")
    page.keyboard.press("Enter")
    page.wait_for_selector(".messages li")
    assert block_at(draft) == 0.7125
    page.wait_for_selector("text=as version 3 says")


def test_another_level_is_taken_from_where_it_stands(page: Any, draft: PolicyVersion) -> None:  # noqa: F811
    _sign_in(page)
    page.goto(f"/policies/{draft.number}/slider?category=harassment&level=block")
    page.select_option("#id_level", "escalate")
    page.wait_for_selector("#answer strong:has-text('escalate to people from 0.65')")
    assert page.input_value("#id_threshold") == "0.65"
    page.fill("#id_threshold", "")
    page.wait_for_selector("#answer strong:has-text('from never')")
    page.fill("#id_threshold", "0.99")
    page.wait_for_selector("#answer [role=alert]")


def test_the_pages_fit_a_phone(page: Any, draft: PolicyVersion) -> None:  # noqa: F811
    page.set_viewport_size({"width": 390, "height": 844})
    _sign_in(page)
    for path in ("slider", "simulate", "flips?item=item-2"):
        page.goto(f"/policies/{draft.number}/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    page.goto(f"/policies/{draft.number}/simulate")
    page.click("form[action$=start] button")
    page.wait_for_selector("text=From, to")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
