"""Red buttons in a real browser, by keyboard alone: what they touch is seen first, and Enter never presses them unseen."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from moderation.campaigns.watch import campaigns_watch
from moderation.live import campaigns as live_campaigns
from moderation.models import Campaign, EmergencyTerm, WideAct
from policies.choices import Outcome
from tests.support import scenes
from tests.support.browser import page, pytestmark  # noqa: F401 # the fixture, and when to skip
from tests.support.campaign_captions import CAPTION


@pytest.fixture
def shots() -> Path | None:
    """Return where pictures of pages are kept for who looks at them, if anywhere."""
    folder = os.environ.get("GATEHOUSE_SHOTS")
    return Path(folder) if folder else None


def _shoot(page: Any, shots: Path | None, name: str) -> None:  # noqa: F811
    if shots is None:
        return
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=shots / f"{name}-{scheme}-{width}.png", full_page=True)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1366, "height": 850})


def _enter(page: Any, role: str, name: str) -> None:  # noqa: F811
    scenes.person(role, name)
    page.goto("/")
    page.fill("#id_login", name)
    page.fill("#id_password", scenes.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Good')")


def _has_no_sideways_scroll(page: Any) -> bool:  # noqa: F811
    page.set_viewport_size({"width": 390, "height": 844})
    fits = page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.set_viewport_size({"width": 1366, "height": 850})
    return bool(fits)


def test_enter_looks_first_and_only_the_red_button_acts(page: Any, shots: Path | None) -> None:  # noqa: F811
    scenes.policy_ready()
    for i in range(4):  # five would be refused: too large a share of what is uploaded
        scenes.item_judged(f"z-{i}", caption=f"See the purple zeppelin over the town, part {i}", creator=f"c-{i}")
    scenes.item_judged("near", caption="A purplezeppelinesque evening at the harbour", creator="c-9")
    _enter(page, "policy-editor", "eve")
    page.goto("/policies/emergency/")
    page.focus("#id_text")
    page.keyboard.type("purple zeppelin")
    page.select_option("#id_category", "hate")
    page.fill("#id_note", "A wave since noon.")
    page.focus("#id_text")
    page.keyboard.press("Enter")
    page.wait_for_selector("h2:text-is('What it touches of what is stored')")
    assert not EmergencyTerm.objects.exists()
    assert page.input_value("#id_note") == "A wave since noon."
    _shoot(page, shots, "emergency")
    assert _has_no_sideways_scroll(page)
    page.focus("button:text-is('Put in force')")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=is in force")
    assert EmergencyTerm.objects.get().is_open


def test_a_wide_campaign_is_asked_for_by_one_and_confirmed_by_another_by_keys(
    page: Any,  # noqa: F811
    settings: Any,
    shots: Path | None,
) -> None:
    settings.CAMPAIGN_ITEMS, settings.CAMPAIGN_CREATORS, settings.WIDE_ACT_ITEMS = 6, 4, 5
    scenes.policy_ready()
    now = timezone.now()
    for i in range(14):
        caption = CAPTION if i % 3 else CAPTION.replace("o", "0", 2)
        scenes.item_judged(f"w-{i}", caption=caption, creator=f"m-{i % 6}", now=now - timedelta(seconds=7 * min(i, 3)))
    campaigns_watch(now=now)
    _enter(page, "reviewer", "rita")
    page.goto(f"/campaigns/{Campaign.objects.get().key}/")
    page.focus("button:text-is('Take it')")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Yours; ends")
    _shoot(page, shots, "campaign")
    assert _has_no_sideways_scroll(page)
    page.focus("h1")
    page.keyboard.press("3")
    page.select_option("#id_category", "spam_scam")
    page.fill("#id_note", "One call by many accounts.")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=until then nothing changes")
    page.wait_for_load_state("networkidle")
    page.context.clear_cookies()
    _enter(page, "senior", "sue")
    page.goto(f"/acts/{WideAct.objects.get().key}/")
    _shoot(page, shots, "act")
    assert _has_no_sideways_scroll(page)
    page.focus("button:text-is('Confirm: do it now')")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Confirmed, and done.")
    assert Campaign.objects.get().outcome == Outcome.BLOCK
    live_campaigns.forget()
    page.goto(f"/campaigns/{Campaign.objects.get().key}/")
    page.wait_for_selector("h2:text-is('Undo for all of them')")
    _shoot(page, shots, "campaign-decided")


def test_homes_fit_a_phone(page: Any, shots: Path | None) -> None:  # noqa: F811
    scenes.policy_ready()
    for i in range(6):
        scenes.job_open(f"waits-{i}")
    scenes.job_held(scenes.person("reviewer", "rita"), "held-1")
    _enter(page, "admin", "ada")
    for tab in ("admin", "senior", "lead", "review", "policy", "analyst"):
        page.goto(f"/?as={tab}")
        _shoot(page, shots, f"home-{tab}")
        assert _has_no_sideways_scroll(page), tab
    page.goto("/people/")
    _shoot(page, shots, "people")
    assert _has_no_sideways_scroll(page)
