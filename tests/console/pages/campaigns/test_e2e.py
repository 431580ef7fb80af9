"""A campaign decided in a real browser, by keyboard alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from moderation.campaigns.watch import campaigns_watch
from moderation.detection.types import Finding
from moderation.live import campaigns as live_campaigns
from moderation.models import Campaign
from moderation.models.decision import DecisionStage
from policies.choices import Outcome
from tests.support import scenes
from tests.support.browser import _sign_in, page, pytestmark  # noqa: F401 # the fixture, and when to skip
from tests.support.campaign_captions import CAPTION


def test_a_reviewer_decides_a_campaign_by_keys(page: Any, settings: Any) -> None:  # noqa: F811 # the fixture
    settings.CAMPAIGN_ITEMS, settings.CAMPAIGN_CREATORS = 6, 4
    scenes.policy_ready()
    reviewer = scenes.person("reviewer")
    now = timezone.now()
    for i in range(12):
        caption = CAPTION if i % 3 else CAPTION.replace("o", "0")
        scenes.item_judged(
            f"w-{i}", caption=caption, creator=f"maker-{i % 6}", now=now - timedelta(seconds=7 * min(i, 3))
        )
    campaigns_watch(now=now)
    _sign_in(page, reviewer.username)
    page.wait_for_selector("text=1 campaign to decide")
    page.keyboard.press("w")
    page.wait_for_selector("h1:text-is('Campaigns')")
    page.keyboard.press("w")
    page.wait_for_selector("text=12 items")
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Say in a sentence why")
    page.fill("#id_note", "One call by many accounts.")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("h2:text-is('Decided')")
    assert Campaign.objects.get().outcome == Outcome.BLOCK
    live_campaigns.forget()


def test_what_was_typed_stays_while_items_are_added(page: Any, settings: Any) -> None:  # noqa: F811 # the fixture
    settings.CAMPAIGN_ITEMS, settings.CAMPAIGN_CREATORS = 6, 4
    scenes.policy_ready()
    reviewer, now = scenes.person("reviewer"), timezone.now()
    victim = scenes.item_judged("victim", caption=CAPTION, creator="victim", now=now - timedelta(minutes=5))
    for i in range(8):
        scenes.item_judged(f"w-{i}", caption=CAPTION, creator=f"maker-{i}", now=now)
    campaigns_watch(now=timezone.now())
    _sign_in(page, reviewer.username)
    page.goto(f"/campaigns/{Campaign.objects.get().key}/")
    page.keyboard.press("3")
    page.fill("#id_note", "One call by many accounts.")
    scenes.judged_again(victim, [Finding("text", "2", "spam_scam", 0.99, {})], stage=DecisionStage.DEEP)
    for told in ("The item was decided again while you looked at it.", "victim belongs to the campaign now."):
        page.click("[aria-label='Add victim to the campaign']")
        page.wait_for_selector(f"text={told}")
        assert page.input_value("#id_note") == "One call by many accounts."
        assert page.is_checked("[name=outcome][value='4']")
    page.focus("#id_note")
    page.wait_for_timeout(1_600)  # a key that follows a change at once is not taken for a decision
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("h2:text-is('Decided')")
    assert Campaign.objects.get().outcome == Outcome.BLOCK
    live_campaigns.forget()


@pytest.mark.parametrize("width", [390])
def test_a_campaign_fits_a_phone(page: Any, settings: Any, width: int) -> None:  # noqa: F811 # the fixture
    settings.CAMPAIGN_ITEMS, settings.CAMPAIGN_CREATORS = 6, 4
    scenes.policy_ready()
    reviewer, now = scenes.person("reviewer"), timezone.now()
    for i in range(8):
        scenes.item_judged(f"w-{i}", caption=CAPTION + "x" * i, creator=f"maker-{i}", now=now)
    campaigns_watch(now=timezone.now())
    page.set_viewport_size({"width": width, "height": 800})
    _sign_in(page, reviewer.username)
    page.goto("/campaigns/")
    page.click("th a")
    page.wait_for_selector("text=8 items")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
