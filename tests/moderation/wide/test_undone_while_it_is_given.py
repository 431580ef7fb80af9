"""A campaign that is undone while its decision is being given to its members: nobody is left with what was taken back."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from moderation.campaigns import service as campaigns
from moderation.models import Campaign, WideAct
from tests.support.campaign_scenes import _afresh as _afresh  # a fixture
from tests.support.campaign_scenes import apply_promised, decide, watch, wave
from tests.support.people import person, ready
from tests.support.two_at_once import beside

pytestmark = pytest.mark.django_db(transaction=True)


def test_undoing_waits_for_members_that_are_being_settled_and_settles_them_again(settings: Any) -> None:
    settings.CAMPAIGN_ITEMS, settings.CAMPAIGN_CREATORS = 6, 4
    ready()
    wave(8)
    watch()
    campaign, rita = Campaign.objects.get(), person("rita")
    decided = decide(rita, campaign)
    members = list(decided.members.select_related("item"))

    def undo() -> object:
        return campaigns.campaign_undo(actor=rita, campaign_key=str(campaign.key), note="Quotes.", now=timezone.now())

    answer = beside(lambda: campaigns.members_settle(members=members, campaign=decided, now=timezone.now()), undo)
    answer.result()
    assert set(campaign.members.values_list("item__state", flat=True)) == {"blocked"}
    assert not campaign.members.filter(settled_at__isnull=False).exists()
    apply_promised()
    assert set(campaign.members.values_list("item__state", flat=True)) == {"cleared"}


def test_two_who_confirm_the_same_act_do_it_once(settings: Any) -> None:
    settings.CAMPAIGN_ITEMS, settings.CAMPAIGN_CREATORS, settings.WIDE_ACT_ITEMS = 6, 4, 5
    ready()
    wave(8)
    watch()
    campaign = Campaign.objects.get()
    decide(person("rita"), campaign)
    key = str(WideAct.objects.get().key)
    rob, ruth = person("rob"), person("ruth")

    def confirm(actor: Any) -> object:
        return campaigns.campaign_confirm(actor=actor, act_key=key, now=timezone.now())

    answer = beside(lambda: confirm(rob), lambda: confirm(ruth))
    assert answer.exception() is not None
    assert WideAct.objects.get().answered_by == rob
