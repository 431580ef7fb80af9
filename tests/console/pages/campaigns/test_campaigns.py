"""The campaigns pages: what waits, one campaign, and one decision for all its members."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from moderation.campaigns import service as campaigns
from moderation.campaigns.watch import campaigns_watch
from moderation.decisions.basis import campaign_basis_of
from moderation.live import campaigns as live_campaigns
from moderation.models import Campaign, Creator, Item, Job, OutboxMessage
from policies.choices import Outcome, Standing
from tests.support import scenes
from tests.support.campaign_captions import CAPTION
from tests.support.query_counts import fewest_queries
from tests.support.sign_in import signed_in


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    live_campaigns.forget()
    yield
    live_campaigns.forget()


@pytest.fixture
def campaign(ready: None, settings: Any) -> Campaign:
    """Return a campaign of twelve items in two spellings."""
    settings.CAMPAIGN_ITEMS, settings.CAMPAIGN_CREATORS = 6, 4
    now = timezone.now()
    for i in range(12):
        caption = CAPTION if i % 3 else CAPTION.replace("o", "0")
        scenes.item_judged(
            f"w-{i}", caption=caption, creator=f"maker-{i % 6}", now=now - timedelta(seconds=5 * min(i, 10))
        )
    campaigns_watch(now=now)
    return Campaign.objects.get()


def sent(campaign: Campaign, **fields: str) -> dict[str, str]:
    """Return what the form of a page sends that is made now."""
    return {"expected_decision": campaign_basis_of(Campaign.objects.get(pk=campaign.pk)).token, **fields}


def url(name: str, campaign: Campaign) -> str:
    return reverse(name, args=[campaign.key])


def test_the_queues_lead_to_what_waits(campaign: Campaign, browser: Client) -> None:
    assert "1 campaign to decide" in browser.get(reverse("queue_list")).content.decode()
    page = browser.get(reverse("campaign_list")).content.decode()
    assert url("campaign_page", campaign) in page
    assert "1 to decide" in page


def test_a_campaign_shows_its_numbers_spellings_and_spread(campaign: Campaign, browser: Client) -> None:
    page = browser.get(url("campaign_page", campaign)).content.decode()
    for words in ("12 items", "6 creators, 2 spellings", "12 held", "8×", "4×", "Decide for all", 'class="bars"'):
        assert words in page


@pytest.mark.parametrize("name", ["campaign_list", "campaign_page"])
def test_pages_need_few_queries(campaign: Campaign, browser: Client, name: str) -> None:
    address = reverse(name) if name == "campaign_list" else url(name, campaign)
    assert browser.get(address).status_code == 200
    assert len(fewest_queries(lambda: browser.get(address), 12)) <= 12


def test_a_page_with_many_items_left_alone_needs_no_more_queries(campaign: Campaign, browser: Client) -> None:
    for i in range(15):
        scenes.item_judged(f"trusted-{i}", caption=CAPTION, creator=f"trusted-{i}")
    Creator.objects.filter(external_id__startswith="trusted").update(standing=Standing.GOOD)
    campaigns_watch(now=timezone.now())
    page = browser.get(url("campaign_page", campaign)).content.decode()
    assert len(fewest_queries(lambda: browser.get(url("campaign_page", campaign)), 12)) <= 12
    assert page.count("Add to the campaign") == 15


def test_a_campaign_of_which_nothing_may_be_seen_is_not_there(campaign: Campaign, browser: Client) -> None:
    Item.objects.update(is_restricted=True)
    assert browser.get(url("campaign_page", campaign)).status_code == 404
    assert str(campaign.key) not in browser.get(reverse("campaign_list")).content.decode()


def test_a_campaign_of_which_little_may_be_seen_says_so(campaign: Campaign, browser: Client) -> None:
    Item.objects.exclude(pk=campaign.first_item_id).update(is_restricted=True)
    assert browser.get(url("campaign_page", campaign)).status_code == 200


def test_the_members_that_joined_last_come_first(campaign: Campaign, browser: Client) -> None:
    """Though a person added an item that is older than the wave."""
    old = scenes.item_judged("old", caption=CAPTION, creator="old", now=timezone.now() - timedelta(seconds=57))
    campaigns_watch(now=timezone.now())
    page = browser.get(url("campaign_page", campaign)).content.decode()
    form = page.split(f'action="{url("campaign_admit", campaign)}"')[1].split("</form>")[0]
    data = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    assert data["item"] == str(old.key)
    assert browser.post(url("campaign_admit", campaign), data).status_code == 302
    page = browser.get(url("campaign_page", campaign)).content.decode()
    assert page.split("Newest members")[1].index(">old<") < page.split("Newest members")[1].index(">w-")


@pytest.mark.parametrize("htmx", [False, True])
def test_one_decision_blocks_all(campaign: Campaign, browser: Client, htmx: bool) -> None:
    data = sent(campaign, outcome="4", category="spam_scam", note="One call by many accounts.")
    headers = {"HX-Request": "true"} if htmx else {}
    response = browser.post(url("campaign_decide", campaign), data, headers=headers)
    assert response.headers.get("HX-Redirect" if htmx else "Location") == url("campaign_page", campaign)
    assert OutboxMessage.objects.get(topic=campaigns.TOPIC_APPLY).payload == {"campaign": str(campaign.key)}
    campaigns.campaign_apply(campaign=Campaign.objects.get())
    assert set(Item.objects.values_list("state", flat=True)) == {"blocked"}
    page = browser.get(url("campaign_page", campaign)).content.decode()
    assert "One call by many accounts." in page
    assert "Decide for all" not in page
    assert "0 to decide" in browser.get(reverse("campaign_list")).content.decode()


def test_a_decision_without_a_reason_is_asked_for_one(campaign: Campaign, browser: Client) -> None:
    response = browser.post(
        url("campaign_decide", campaign), sent(campaign, outcome="4"), headers={"HX-Request": "true"}
    )
    assert response.status_code == 422
    assert "Choose the policy" in response.content.decode()
    assert "<html" not in response.content.decode()
    assert Campaign.objects.get().outcome is None


def test_a_second_decision_is_refused(campaign: Campaign, browser: Client, senior_browser: Client) -> None:
    browser.post(url("campaign_decide", campaign), sent(campaign, outcome="0"))
    response = senior_browser.post(
        url("campaign_decide", campaign), sent(campaign, outcome="4", category="spam_scam", note="Late.")
    )
    assert response.status_code == 409
    assert "Somebody decided this campaign" in response.content.decode()
    assert Campaign.objects.get().outcome == Outcome.CLEAR


def test_what_is_passed_to_seniors_is_theirs(campaign: Campaign, browser: Client, senior_browser: Client) -> None:
    data = sent(campaign, outcome="2", category="hate", note="I do not know this code word.")
    browser.post(url("campaign_decide", campaign), data)
    assert "a senior decides it" in browser.get(url("campaign_page", campaign)).content.decode()
    assert browser.post(url("campaign_decide", campaign), sent(campaign, outcome="0")).status_code == 409
    assert senior_browser.post(url("campaign_decide", campaign), sent(campaign, outcome="0")).status_code == 302


@pytest.mark.parametrize("role", ["", "analyst", "policy-editor"])
def test_who_may_not_review_sees_nothing(campaign: Campaign, role: str) -> None:
    client = signed_in(scenes.person(role, "outsider"))
    assert client.get(reverse("campaign_list")).status_code == 403
    assert client.get(url("campaign_page", campaign)).status_code == 403
    assert client.post(url("campaign_decide", campaign), {"outcome": "0"}).status_code == 403


def test_deciding_without_end_is_slowed_down(campaign: Campaign, reviewer: User) -> None:
    client = signed_in(reviewer)
    answers = [client.post(url("campaign_decide", campaign), sent(campaign)).status_code for _ in range(40)]
    assert answers[0] == 422
    assert 429 in answers
    assert Campaign.objects.get().outcome is None


def test_items_of_the_restricted_partition_neither_join_nor_show(ready: None, reviewer: User, settings: Any) -> None:
    settings.CAMPAIGN_ITEMS, settings.CAMPAIGN_CREATORS = 6, 4
    caption = f"{scenes.OPAQUE} and many more words that all of these captions have in common"
    for i in range(8):
        scenes.job_open(f"o-{i}", caption=caption, creator=f"m-{i}", findings=[scenes.hit(scenes.OPAQUE, caption, category="child_safety", score=0.5)])  # fmt: skip
    campaigns_watch(now=timezone.now())
    assert not Campaign.objects.exists()


def test_an_item_that_became_restricted_is_not_shown(campaign: Campaign, browser: Client) -> None:
    hidden = Item.objects.get(external_id="w-1")
    queue = scenes.job_restricted().queue
    now = timezone.now()
    Job.objects.create(item=hidden, queue=queue, reason="Reported", claim_by=now, due_at=now, category="child_safety")
    page = browser.get(url("campaign_page", campaign)).content.decode()
    assert "11 items" in page
    assert ">w-1<" not in page
