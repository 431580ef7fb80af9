"""What a campaign holds is not read by the classifier on the path but afterwards."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from moderation.campaigns.watch import campaigns_watch
from moderation.deep.examine import item_examine
from moderation.live import campaigns as live_campaigns
from moderation.models import Campaign, CampaignMember, Clearance, Item, Job, OutboxMessage
from moderation.outbox.promise import TOPIC_REEXAMINE
from moderation.outbox.relay import relay_once
from policies.choices import Outcome
from tests.support.campaign_scenes import _afresh, apply_promised, decide, small, states, watch, wave  # noqa: F401
from tests.support.people import escalating_caption, person, text_item


def joined(start: int = 50) -> Item:
    """Submit one more caption of the wave."""
    item = wave(1, start=start)[0]
    assert CampaignMember.objects.filter(item=item).exists()
    return item


def promise_of(item: Item) -> OutboxMessage:
    return OutboxMessage.objects.get(item=item, topic=TOPIC_REEXAMINE)


def examine(item: Item) -> Item:
    item_examine(promise_of(item))
    return Item.objects.select_related("current_decision").get(pk=item.pk)


@pytest.fixture
def opened(small: None) -> Campaign:  # noqa: F811
    """Return an open campaign of eight."""
    wave(8)
    watch()
    return Campaign.objects.get()


# --- while nobody has decided ------------------------------------------------------------------------------------


def test_what_an_open_campaign_holds_is_read_later(opened: Campaign, settings: Any) -> None:
    item = joined()
    assert item.current_decision
    assert item.current_decision.evidence["missing"] == {"text": "skipped"}
    assert item.current_decision.evidence["campaign"]["key"] == str(opened.key)
    assert [reason["rule"] for reason in item.current_decision.reasons] == ["campaign.undecided", "missing.text"]
    assert (item.state, item.current_decision.outcome) == ("held", Outcome.HOLD)
    assert not Job.objects.filter(state="open").exists()
    assert not Clearance.objects.filter(item=item, is_granted=True).exists()
    after = promise_of(item).available_at - item.created_at
    assert after == timedelta(minutes=settings.CAMPAIGN_EXAMINE_AFTER_MINUTES)
    sent: list[str] = []
    relay_once(send=lambda topic, key, queue: sent.append(key), now=timezone.now())
    assert str(promise_of(item).key) not in sent


def test_read_afterwards_it_is_held_by_its_campaign(opened: Campaign) -> None:
    item = examine(joined())
    assert item.current_decision
    assert item.current_decision.decided_by == "campaign.undecided"
    assert "text" in item.current_decision.evidence["versions"]
    assert not item.current_decision.evidence["missing"]
    assert (item.state, Job.objects.filter(state="open").count()) == ("held", 0)
    assert promise_of(item).state == "done"


def test_a_member_that_asks_for_a_person_by_itself_waits_for_its_campaign_too(opened: Campaign) -> None:
    item = text_item("strong", f"{opened.first_item.caption} {escalating_caption()}", "creator-9")
    assert CampaignMember.objects.filter(item=item).exists()
    assert (item.state, Job.objects.filter(state="open").count()) == ("held", 0)


def test_other_uploads_are_read_on_the_path(opened: Campaign) -> None:
    item = text_item("other", "Baking bread with my grandmother on a rainy sunday morning", "somebody")
    assert item.current_decision
    assert (item.state, item.current_decision.evidence["missing"]) == ("cleared", {})


# --- once people have --------------------------------------------------------------------------------------------


def test_cleared_by_people_it_waits_for_what_machines_say_and_has_no_job(opened: Campaign) -> None:
    item = joined()
    decide(person("ana"), opened, Outcome.CLEAR)
    apply_promised()
    item.refresh_from_db()
    assert states() == {"cleared": 8, "held": 1}
    assert item.current_decision
    assert item.current_decision.decided_by == "missing.text"
    assert not Job.objects.filter(state="open").exists()
    assert promise_of(item).available_at <= timezone.now()
    assert examine(item).state == "cleared"
    assert Clearance.objects.get(item=item).is_granted


def test_restricted_by_people_it_is_restricted_when_machines_have_read_it(opened: Campaign) -> None:
    item = joined()
    decide(person("ana"), opened, Outcome.RESTRICT, min_age=16)
    apply_promised()
    item.refresh_from_db()
    assert item.state == "held"
    assert examine(item).state == "restricted"
    assert Clearance.objects.get(item=item).min_age == 16


def test_blocked_by_people_it_is_blocked_at_once_and_read_when_there_is_time(opened: Campaign) -> None:
    item = joined()
    decide(person("ana"), opened)
    apply_promised()
    assert states() == {"blocked": 9}
    assert promise_of(item).available_at > timezone.now()
    late = joined(start=60)
    assert late.state == "blocked"
    assert late.current_decision
    assert late.current_decision.evidence["missing"] == {"text": "skipped"}
    read = examine(late)
    assert read.current_decision
    assert (read.state, read.current_decision.evidence["missing"]) == ("blocked", {})


@pytest.mark.parametrize(("outcome", "age"), [(Outcome.CLEAR, 0), (Outcome.RESTRICT, 16)])
def test_who_joins_a_campaign_that_may_be_served_is_read_on_the_path(
    opened: Campaign, outcome: Outcome, age: int
) -> None:
    decide(person("ana"), opened, outcome, min_age=age)
    apply_promised()
    item = text_item("late", opened.first_item.caption, "creator-9")
    assert CampaignMember.objects.filter(item=item).exists()
    assert item.current_decision
    assert item.current_decision.evidence["missing"] == {}
    assert item.state == ("restricted" if age else "cleared")


def test_one_that_came_while_people_decided_is_not_left_behind(opened: Campaign) -> None:
    """This process still thinks that the campaign is open."""
    campaigns_watch(now=timezone.now())
    live_campaigns.campaign_like(opened.first_item.caption)
    stale = live_campaigns._followed.value
    decide(person("ana"), opened, Outcome.CLEAR)
    live_campaigns._followed.value, live_campaigns._followed._tried_at = stale, time.monotonic()
    item = joined()
    assert item.state == "held"
    watch()  # gives late members of decided campaigns the decision
    assert promise_of(item).available_at <= timezone.now()
    assert examine(item).state == "cleared"
