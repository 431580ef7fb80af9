"""A decision for many items shows how far it reaches, waits for a second person, allows exceptions and can be taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from moderation.campaigns import service as campaigns
from moderation.decisions.basis import campaign_basis_of
from moderation.exceptions import CampaignInvalid, DecisionChanged, WideActInvalid
from moderation.models import AuditEvent, Campaign, CampaignMember, Creator, Item, WideAct
from moderation.models.wide_act import WideState
from moderation.wide.acts import act_refuse
from moderation.wide.radius import Touched, radius_of, stratified
from policies.choices import Outcome
from tests.support.campaign_scenes import _afresh as _afresh  # a fixture
from tests.support.campaign_scenes import apply_promised, decide, watch, wave
from tests.support.campaign_scenes import small as small  # a fixture
from tests.support.people import person, text_item

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(small: None) -> Campaign:
    """Return an open campaign of eight captions of five creators."""
    wave(8)
    watch()
    return Campaign.objects.get()


def _ask(settings: Any, campaign: Campaign, actor: Any) -> WideAct:
    settings.WIDE_ACT_ITEMS = 5
    decide(actor, campaign)
    return WideAct.objects.get(state="waiting")


# --- the radius --------------------------------------------------------------------------------------------------


def test_a_sample_takes_one_of_every_language_and_state_before_a_second_of_any() -> None:
    rows = [Touched(i, 1 + i % 50, "en", "cleared", 10, False) for i in range(1, 101)]
    rows += [Touched(200 + i, 300 + i, "de", "held", 10, False) for i in range(3)]
    rows += [Touched(400, 400, "es", "blocked", 10, False)]
    sample = stratified(rows)
    assert len(sample) == 12
    assert {(row.language, row.state) for row in sample[:3]} == {("en", "cleared"), ("de", "held"), ("es", "blocked")}
    assert sum(row.language == "de" for row in sample) == 3
    assert len({row.creator for row in sample}) == 12
    assert sample == stratified(list(reversed(rows)))


def test_a_sample_of_one_creators_items_is_still_a_sample() -> None:
    assert len(stratified([Touched(i, 1, "en", "cleared", None, False) for i in range(1, 30)])) == 12


def test_a_radius_counts_items_views_creators_and_languages(small: None) -> None:
    for i, views in enumerate((100, None, 40)):
        item = text_item(f"r-{i}", creator=f"c-{i}")
        Creator.objects.filter(pk=item.creator_id).update(expected_views=views)
    reach = radius_of(Item.objects.all()).whole
    assert (reach.n_items, reach.n_views, reach.n_views_unknown, reach.n_creators) == (3, 140, 1, 3)
    assert not reach.is_at_least
    assert reach.n_languages == 1


def test_beyond_what_is_looked_at_numbers_say_at_least_and_a_second_person_is_needed(
    small: None, settings: Any
) -> None:
    settings.WIDE_LOOK_ITEMS = 2
    for i in range(3):
        text_item(f"r-{i}", creator=f"c-{i}")
    radius = radius_of(Item.objects.all())
    assert (radius.whole.n_items, radius.whole.is_at_least, radius.is_wide) == (2, True, True)


def test_who_may_not_know_of_the_partition_counts_without_it(small: None) -> None:
    items = [text_item(f"r-{i}", creator=f"c-{i}") for i in range(3)]
    Item.objects.filter(pk=items[0].pk).update(is_restricted=True)
    radius = radius_of(Item.objects.all())
    assert (radius.open.n_items, radius.whole.n_items) == (2, 3)
    assert radius.seen_by(person("rita")).n_items == 2
    assert items[0].pk not in radius.seen_by(person("rob")).sample


# --- the second person -------------------------------------------------------------------------------------------


def test_a_small_campaign_is_decided_by_one_person(campaign: Campaign) -> None:
    assert decide(person("rita"), campaign).state == "decided"
    assert not WideAct.objects.exists()


def test_a_wide_decision_waits_for_a_second_person_who_sees_what_the_first_saw(
    campaign: Campaign, settings: Any
) -> None:
    rita, rob = person("rita"), person("rob")
    act = _ask(settings, campaign, rita)
    campaign.refresh_from_db()
    assert campaign.state == "open"
    assert act.asked_by == rita
    assert act.radius["open"]["n_items"] == act.n_items == campaign.members.count()
    decided = campaigns.campaign_confirm(actor=rob, act_key=str(act.key), now=timezone.now())
    assert (decided.state, decided.decided_by, decided.outcome) == ("decided", rita, Outcome.BLOCK)
    act.refresh_from_db()
    assert (act.state, act.answered_by, act.n_items_then) == (WideState.CONFIRMED, rob, act.n_items)
    apply_promised()
    assert not campaign.members.exclude(item__state="blocked").exists()
    said = AuditEvent.objects.filter(object_type="wide_act").order_by("id").values_list("action", "actor_name")
    assert list(said) == [("wide_act.asked", "rita"), ("wide_act.confirmed", "rob")]


def test_nobody_confirms_their_own_act_not_even_past_the_service(campaign: Campaign, settings: Any) -> None:
    rita = person("rita")
    act = _ask(settings, campaign, rita)
    with pytest.raises(WideActInvalid, match="somebody else"):
        campaigns.campaign_confirm(actor=rita, act_key=str(act.key), now=timezone.now())
    campaign.refresh_from_db()
    assert campaign.state == "open"
    with pytest.raises(IntegrityError, match="four_eyes"), transaction.atomic():
        WideAct.objects.filter(pk=act.pk).update(state="confirmed", answered_by=rita, answered_at=timezone.now())


def test_a_confirmation_is_refused_where_it_reaches_much_further_by_now(campaign: Campaign, settings: Any) -> None:
    act = _ask(settings, campaign, person("rita"))
    wave(4, start=20)
    watch()
    assert campaign.members.count() >= act.n_items + 3
    with pytest.raises(WideActInvalid, match="further"):
        campaigns.campaign_confirm(actor=person("rob"), act_key=str(act.key), now=timezone.now())
    settings.WIDE_GROWTH_PERCENT = 100
    assert campaigns.campaign_confirm(actor=person("ruth"), act_key=str(act.key), now=timezone.now()).state == "decided"


def test_whoever_may_not_decide_confirms_nothing(campaign: Campaign, settings: Any) -> None:
    act = _ask(settings, campaign, person("rita"))
    with pytest.raises(PermissionDenied):
        campaigns.campaign_confirm(actor=person("ana", "analyst"), act_key=str(act.key), now=timezone.now())
    with pytest.raises(PermissionDenied):
        act_refuse(actor=person("eve", "policy-editor"), key=str(act.key), note="no", now=timezone.now())


def test_what_somebody_asked_for_who_was_shut_out_since_is_not_done(campaign: Campaign, settings: Any) -> None:
    rita = person("rita")
    act = _ask(settings, campaign, rita)
    rita.is_active = False
    rita.save()
    with pytest.raises(WideActInvalid, match="any more"):
        campaigns.campaign_confirm(actor=person("rob"), act_key=str(act.key), now=timezone.now())


def test_it_is_asked_for_once_and_whoever_asked_may_ask_anew(campaign: Campaign, settings: Any) -> None:
    rita = person("rita")
    first = _ask(settings, campaign, rita)
    with pytest.raises(WideActInvalid, match="rita asked"):
        decide(person("rob"), campaign)
    second = _ask(settings, campaign, rita)
    first.refresh_from_db()
    assert first.state == WideState.WITHDRAWN
    assert second.pk != first.pk


def test_what_waited_ends_where_the_campaign_is_decided_otherwise(campaign: Campaign, settings: Any) -> None:
    act = _ask(settings, campaign, person("rita"))
    settings.WIDE_ACT_ITEMS = 1_000
    decide(person("rob"), campaign, Outcome.CLEAR)
    act.refresh_from_db()
    assert (act.state, act.answer_note) == ("refused", "It was decided otherwise")


def test_a_refusal_says_why_and_ends_it(campaign: Campaign, settings: Any) -> None:
    act, rob = _ask(settings, campaign, person("rita")), person("rob")
    with pytest.raises(WideActInvalid, match="why"):
        act_refuse(actor=rob, key=str(act.key), note=" ", now=timezone.now())
    assert act_refuse(actor=rob, key=str(act.key), note="These are quotes.", now=timezone.now()).state == "refused"
    with pytest.raises(WideActInvalid):
        campaigns.campaign_confirm(actor=rob, act_key=str(act.key), now=timezone.now())


def test_what_was_asked_never_changes_and_an_answer_is_final(campaign: Campaign, settings: Any) -> None:
    act = _ask(settings, campaign, person("rita"))
    for change in ({"n_items": 1}, {"act": {}}, {"radius": {}}):
        with pytest.raises(DatabaseError), transaction.atomic():
            WideAct.objects.filter(pk=act.pk).update(**change)
    act_refuse(actor=person("rob"), key=str(act.key), note="These are quotes.", now=timezone.now())
    with pytest.raises(DatabaseError), transaction.atomic():
        WideAct.objects.filter(pk=act.pk).update(answer_note="other")
    with pytest.raises(DatabaseError), transaction.atomic():
        WideAct.objects.filter(pk=act.pk).delete()


# --- a lease, exceptions, taking back ----------------------------------------------------------------------------


def test_of_two_who_take_a_campaign_one_gets_it_until_its_lease_is_over(campaign: Campaign, settings: Any) -> None:
    rita, rob, now = person("rita"), person("rob"), timezone.now()
    campaigns.campaign_claim(actor=rita, campaign_key=str(campaign.key), now=now)
    campaigns.campaign_claim(actor=rita, campaign_key=str(campaign.key), now=now)
    with pytest.raises(CampaignInvalid):
        campaigns.campaign_claim(actor=rob, campaign_key=str(campaign.key), now=now)
    with pytest.raises(CampaignInvalid, match="else works"):
        decide(rob, campaign)
    later = now + timedelta(seconds=settings.LEASE_SECONDS + 1)
    assert campaigns.campaign_claim(actor=rob, campaign_key=str(campaign.key), now=later).lease_holder == rob
    campaigns.campaign_release(actor=rob, campaign_key=str(campaign.key))
    assert decide(rita, campaign).state == "decided"


def test_a_member_that_is_left_out_is_judged_by_itself_and_no_decision_reaches_it(campaign: Campaign) -> None:
    rita, member = person("rita"), campaign.members.order_by("pk").last()
    assert member
    assert member.item.state == "held"
    left = campaigns.campaign_leave_out(
        actor=rita, campaign_key=str(campaign.key), item_key=str(member.item.key),
        expected_decision=campaign_basis_of(campaign).token, now=timezone.now(),
    )  # fmt: skip
    left.item.refresh_from_db()
    assert left.item.state == "cleared"
    decide(rita, campaign)
    apply_promised()
    left.item.refresh_from_db()
    assert left.item.state == "cleared"
    others = CampaignMember.objects.exclude(pk=left.pk)
    assert set(others.values_list("item__state", flat=True)) == {"blocked"}


def test_a_page_from_before_an_exception_decides_nothing(campaign: Campaign) -> None:
    rita, token = person("rita"), campaign_basis_of(campaign).token
    member = campaign.members.order_by("pk").first()
    assert member
    campaigns.campaign_leave_out(
        actor=rita,
        campaign_key=str(campaign.key),
        item_key=str(member.item.key),
        expected_decision=token,
        now=timezone.now(),
    )
    with pytest.raises(DecisionChanged):
        decide(rita, campaign, expected_decision=token)


def test_a_campaigns_decision_is_undone_as_one_by_what_is_in_force_now(campaign: Campaign) -> None:
    rita = person("rita")
    decide(rita, campaign)
    apply_promised()
    campaign.refresh_from_db()
    undone = campaigns.campaign_undo(
        actor=rita, campaign_key=str(campaign.key), note="These were quotes.", now=timezone.now()
    )
    apply_promised()
    assert undone.undone_by == rita
    assert undone.state == "decided"
    assert set(campaign.members.values_list("item__state", flat=True)) == {"cleared"}
    blocked = campaign.members.values_list("item__decisions__outcome", flat=True)
    assert Outcome.BLOCK in set(blocked)  # what was decided stays in the record


def test_who_neither_decided_it_nor_is_a_senior_undoes_nothing(campaign: Campaign) -> None:
    decide(person("rita"), campaign)
    undo = {"campaign_key": str(campaign.key), "note": "No.", "now": timezone.now()}
    with pytest.raises(PermissionDenied):
        campaigns.campaign_undo(actor=person("rob"), **undo)
    with pytest.raises(CampaignInvalid, match="why"):
        campaigns.campaign_undo(actor=person("sue", "senior"), **{**undo, "note": ""})
    campaigns.campaign_undo(actor=person("sam", "senior"), **undo)
    with pytest.raises(CampaignInvalid, match="no decision"):
        campaigns.campaign_undo(actor=person("sid", "senior"), **undo)


def test_a_wide_undo_waits_for_a_second_person(campaign: Campaign, settings: Any) -> None:
    rita = person("rita")
    decide(rita, campaign)
    apply_promised()
    settings.WIDE_ACT_ITEMS = 5
    undo = campaigns.campaign_undo(actor=rita, campaign_key=str(campaign.key), note="Quotes.", now=timezone.now())
    assert undo.undone_at is None
    act = WideAct.objects.get()
    done = campaigns.campaign_undo_confirm(actor=person("rob"), act_key=str(act.key), now=timezone.now())
    assert (done.undone_by, done.undo_note) == (rita, "Quotes.")
