"""Before a red button: what it touches, a sample, what protects; and the page on which a second person answers."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from moderation.banks.service import NewEntry, bank_add_entries, bank_upsert
from moderation.models import Campaign, EmergencyTerm, HashBank, Item, WideAct
from moderation.simulation.service import simulation_start
from policies.choices import Outcome
from policies.models import PolicyVersion, VersionState
from policies.replay.population import Filter
from policies.services.versions import version_submit
from tests.support import policy_scenes, scenes
from tests.support.campaign_scenes import _afresh as _afresh  # a fixture
from tests.support.campaign_scenes import apply_promised, watch, wave
from tests.support.campaign_scenes import small as small  # a fixture
from tests.support.people import text_item
from tests.support.query_counts import fewest_queries
from tests.support.sign_in import signed_in

pytestmark = pytest.mark.django_db


def words(response: Any) -> str:
    """Return what a page says, without its tags and with single spaces."""
    page = response if isinstance(response, str) else response.content.decode()
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


BLOCK = {"outcome": "4", "category": "spam_scam", "note": "The same call by many accounts."}


@pytest.fixture
def campaign(small: None) -> Campaign:
    """Return an open campaign of eight captions of five creators."""
    wave(8)
    watch()
    return Campaign.objects.get()


def _as(role: str, name: str = "") -> Client:
    return signed_in(scenes.person(role, name or f"{role}-1"))


def _token(page: str) -> str:
    return page.split('name="expected_decision" value="')[1].split('"')[0]


def _decide(client: Client, campaign: Campaign, **changes: str) -> Any:
    page = client.get(reverse("campaign_page", args=[campaign.key])).content.decode()
    data = {**BLOCK, "expected_decision": _token(page), **changes}
    return client.post(reverse("campaign_decide", args=[campaign.key]), data, follow=True)


# --- campaigns ---------------------------------------------------------------------------------------------------


def test_a_campaigns_page_says_what_a_decision_touches_and_why_its_members_belong_together(campaign: Campaign) -> None:
    page = _as("reviewer").get(reverse("campaign_page", args=[campaign.key])).content.decode()
    said = words(page)
    assert "What a decision touches" in said
    assert "If it is a mistake" in said
    assert "A sample" in said
    assert "Why they belong together" in said
    assert "alike" in said
    assert "<mark>" in page
    assert "by creator" in said


def test_a_campaigns_page_needs_few_queries(campaign: Campaign) -> None:
    client = _as("reviewer")
    assert len(fewest_queries(lambda: client.get(reverse("campaign_page", args=[campaign.key])), 12)) <= 12


def test_a_wide_decision_is_asked_for_by_one_and_confirmed_by_another(campaign: Campaign, settings: Any) -> None:
    settings.WIDE_ACT_ITEMS = 5
    first, second = _as("reviewer", "rita"), _as("reviewer", "rob")
    assert "a second person has to confirm" in words(_decide(first, campaign))
    act = WideAct.objects.get()
    listed = words(second.get(reverse("act_list")))
    assert "rita" in listed
    page = words(second.get(reverse("act_page", args=[act.key])))
    assert "Confirm: do it now" in page
    assert "They saw" in page
    own = words(first.get(reverse("act_page", args=[act.key])))
    assert "Confirm: do it now" not in own
    assert "Somebody else has to confirm it" in own
    refused = words(first.post(reverse("act_confirm", args=[act.key]), follow=True))
    assert "somebody else has to confirm" in refused
    assert "Confirmed, and done" in words(second.post(reverse("act_confirm", args=[act.key]), follow=True))
    campaign.refresh_from_db()
    assert campaign.outcome == Outcome.BLOCK


def test_a_refusal_needs_a_reason_and_the_asker_reads_it(campaign: Campaign, settings: Any) -> None:
    settings.WIDE_ACT_ITEMS = 5
    first, second = _as("reviewer", "rita"), _as("senior", "sue")
    _decide(first, campaign)
    act = WideAct.objects.get()
    assert "Say why" in words(second.post(reverse("act_refuse", args=[act.key]), follow=True))
    second.post(reverse("act_refuse", args=[act.key]), {"note": "These are quotes."})
    assert "These are quotes." in words(first.get(reverse("act_page", args=[act.key])))


def test_an_act_on_a_campaign_of_the_partition_exists_for_nobody_outside_it(campaign: Campaign, settings: Any) -> None:
    settings.WIDE_ACT_ITEMS = 5
    _decide(_as("senior", "sue"), campaign)
    act = WideAct.objects.get()
    outsider = _as("reviewer", "rita")
    assert outsider.get(reverse("act_page", args=[act.key])).status_code == 200
    Item.objects.filter(campaign_member__campaign=campaign).update(is_restricted=True)
    assert outsider.get(reverse("act_page", args=[act.key])).status_code == 404
    assert str(act.key) not in outsider.get(reverse("act_list")).content.decode()
    assert _as("senior", "sam").get(reverse("act_page", args=[act.key])).status_code == 200


def test_an_act_that_names_the_partition_is_shown_to_its_holders_only(campaign: Campaign, settings: Any) -> None:
    settings.WIDE_ACT_ITEMS = 5
    _decide(_as("senior", "sue"), campaign, category="child_safety")
    act = WideAct.objects.get()
    assert _as("reviewer", "rita").get(reverse("act_page", args=[act.key])).status_code == 404
    assert _as("senior", "sam").get(reverse("act_page", args=[act.key])).status_code == 200


def test_a_campaign_is_taken_a_member_left_out_and_the_rest_decided(campaign: Campaign) -> None:
    rita, rob = _as("reviewer", "rita"), _as("reviewer", "rob")
    rita.post(reverse("campaign_claim", args=[campaign.key]))
    held = words(rob.get(reverse("campaign_page", args=[campaign.key])))
    assert "rita works on" in held
    assert "Somebody else works on this campaign" in words(
        rob.post(reverse("campaign_claim", args=[campaign.key]), follow=True)
    )
    page = rita.get(reverse("campaign_page", args=[campaign.key])).content.decode()
    item = campaign.members.order_by("-pk")[0].item
    data = {"item": str(item.key), "expected_decision": _token(page)}
    assert "is left out" in words(rita.post(reverse("campaign_leave_out", args=[campaign.key]), data, follow=True))
    assert "1 left out" in words(rita.get(reverse("campaign_page", args=[campaign.key])))
    _decide(rita, campaign)
    apply_promised()
    item.refresh_from_db()
    assert item.state == "cleared"


def test_a_campaigns_decision_is_undone_on_its_page_by_whom_it_concerns(campaign: Campaign) -> None:
    rita, rob = _as("reviewer", "rita"), _as("reviewer", "rob")
    _decide(rita, campaign)
    apply_promised()
    assert "Undo for all of them" in words(rita.get(reverse("campaign_page", args=[campaign.key])))
    assert "Undo for all of them" not in words(rob.get(reverse("campaign_page", args=[campaign.key])))
    assert rob.post(reverse("campaign_undo", args=[campaign.key]), {"note": "No."}).status_code == 403
    done = words(rita.post(reverse("campaign_undo", args=[campaign.key]), {"note": "These are quotes."}, follow=True))
    assert "judged again" in done
    apply_promised()
    assert set(campaign.members.values_list("item__state", flat=True)) == {"cleared"}


# --- emergency terms ---------------------------------------------------------------------------------------------


def test_an_emergency_term_shows_what_it_touches_before_it_is_in_force(ready: None) -> None:
    for i in range(3):
        text_item(f"z-{i}", f"Look at this purplezeppelin over the town, part {i}", creator=f"c-{i}")
    text_item("z-9", "A purple zeppelin rises", creator="c-9")
    client = _as("policy-editor")
    term = {"text": "purple zeppelin", "category": "hate", "outcome": "4", "note": "A wave since noon."}
    looked = client.post(reverse("emergency_add"), {**term, "look": "1"})
    said = words(looked)
    assert not EmergencyTerm.objects.exists()
    assert "What it touches of what is stored" in said
    assert "Put in force" in said
    assert "purple zeppelin" in said
    assert "stored items were looked at" in said
    looked_at = looked.content.decode().split('name="looked" value="')[1].split('"')[0]
    other = client.post(reverse("emergency_add"), {**term, "text": "purple balloon", "looked": looked_at})
    assert "Put in force" in words(other)
    assert not EmergencyTerm.objects.exists()  # what was looked at is another term
    client.post(reverse("emergency_add"), {**term, "looked": looked_at})
    assert EmergencyTerm.objects.get().is_open


def test_a_term_that_would_be_refused_is_refused_when_it_is_looked_at(ready: None) -> None:
    client = _as("policy-editor")
    response = client.post(
        reverse("emergency_add"), {"text": "the", "category": "hate", "outcome": "4", "note": "x", "look": "1"}
    )
    assert response.status_code == 422
    assert "in nearly every text" in words(response)


# --- versions ----------------------------------------------------------------------------------------------------


def test_approving_shows_that_nothing_was_replayed_and_activating_what_leaves_the_feed(ready: None) -> None:
    text_item("v-1")
    version = policy_scenes.draft()
    version_submit(actor=version.author, version=version)
    client = _as("policy-approver", "petra")
    page = words(client.get(reverse("policy_step", args=[version.number, "approve"])))
    assert "Nobody has replayed what this version says" in page
    client.post(reverse("policy_step_take", args=[version.number, "approve"]))
    page = words(client.get(reverse("policy_step", args=[version.number, "activate"])))
    assert "What happens to what is stored" in page
    assert "leave the feed" in page
    assert "Whom it concerns" in page


def test_approving_shows_the_replay_of_exactly_what_the_version_says(ready: None) -> None:
    text_item("v-1")
    version, now = policy_scenes.draft(), timezone.now()
    version = version_submit(actor=version.author, version=version)
    approver = scenes.person("policy-approver", "petra")
    simulation_start(
        actor=approver,
        draft=version,
        since=now - timedelta(days=1),
        until=now + timedelta(days=1),
        wanted=Filter(),
        now=now,
    )
    page = words(signed_in(approver).get(reverse("policy_step", args=[version.number, "approve"])))
    assert "Newly blocked" in page
    assert "Open the simulation" in page


def test_rolling_back_stands_on_the_active_versions_page(ready: None) -> None:
    version = policy_scenes.approved()
    client = _as("policy-approver", "petra")
    client.post(reverse("policy_step_take", args=[version.number, "activate"]), {"confirm": "on"})
    page = client.get(reverse("policy_page", args=[version.number])).content.decode()
    assert "Roll back to policy 1" in words(page)
    assert reverse("policy_step", args=[1, "rollback"]) in page
    before = words(client.get(reverse("policy_step", args=[1, "rollback"])))
    assert f"What it changes against policy {version.number}" in before
    assert "leave the feed" in before
    assert "Roll back to policy 1" not in words(_as("analyst").get(reverse("policy_page", args=[version.number])))


def test_a_wide_activation_waits_for_a_second_person(
    ready: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WIDE_LOOK_ITEMS = 1
    text_item("v-1")
    text_item("v-2", "Another caption altogether")
    version = policy_scenes.approved()
    first, second = _as("policy-approver", "petra"), _as("policy-approver", "paul")
    asked = first.post(reverse("policy_step_take", args=[version.number, "activate"]), {"confirm": "on"}, follow=True)
    assert "a second person has to confirm" in words(asked)
    assert PolicyVersion.objects.get(pk=version.pk).state != VersionState.ACTIVE
    act = WideAct.objects.get()
    second.post(reverse("act_confirm", args=[act.key]))
    assert PolicyVersion.objects.get(pk=version.pk).state == VersionState.ACTIVE
    assert version.approvals.get(verb="activate").actor.username == "petra"


# --- banks -------------------------------------------------------------------------------------------------------


def test_a_bank_shows_what_it_matches_before_it_is_switched(ready: None) -> None:
    bank = bank_upsert(actor="system", slug="known", category="violence", outcome=Outcome.BLOCK)
    bank_add_entries(actor="system", bank=bank, entries=[NewEntry("pdq", "f0" * 32)])
    admin = _as("admin")
    looked = admin.post(reverse("bank_ratio", args=["known"]), {"ratio": "0.0", "look": "1"})
    assert "matches of what is stored" in words(looked)
    assert HashBank.objects.get().enabled_ratio == 1.0
    admin.post(reverse("bank_ratio", args=["known"]), {"ratio": "0.0"})
    assert HashBank.objects.get().enabled_ratio == 0.0
