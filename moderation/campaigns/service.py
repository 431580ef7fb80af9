"""What people do with campaigns: one decision, given to every member through the service that decides items."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from moderation.audit.log import audit_write
from moderation.campaigns.members import members_decide
from moderation.campaigns.queries import bystanders_of
from moderation.db.inserts import rows_together
from moderation.decisions.basis import bystander_basis_from, campaign_basis_of
from moderation.decisions.locking import item_locked
from moderation.decisions.record import PersonVerdict
from moderation.exceptions import CampaignInvalid, DecisionChanged
from moderation.items.floor_queries import floor_of
from moderation.items.visibility import campaigns_visible, members_visible
from moderation.models import (
    Campaign,
    CampaignBystander,
    CampaignMember,
    Decision,
    DecisionDraft,
    Item,
    OutboxMessage,
)
from moderation.models.campaign import CampaignState
from moderation.models.wide_act import WideKind
from moderation.outbox.messages import message_done
from moderation.outbox.promise import TOPIC_REEXAMINE, message_add, messages_hasten
from moderation.wide.acts import act_ask, act_confirm, act_lock, act_subject, acts_end
from moderation.wide.radius import Radius, radius_of
from policies.choices import Outcome
from policies.live import active_policy

log = structlog.get_logger(__name__)

TOPIC_APPLY = "moderation.tasks.campaign_apply"
#: Members that are settled in one transaction: nobody waits for a row for longer than a moment.
_BATCH = 200
#: Shared: many settle at once. `campaign_undo` locks for itself, and waits.
_STANDS = "SELECT 1 FROM moderation_campaign WHERE id = %s FOR SHARE"
_SETTLED = """
    UPDATE moderation_campaignmember m SET settled_at = %(now)s, decision_id = given.decision
    FROM unnest(%(members)s::bigint[], %(decisions)s::bigint[]) given (member, decision)
    WHERE m.id = given.member AND m.settled_at IS NULL RETURNING m.id
"""


class CampaignNotSettled(Exception):
    """Some members could not be given the decision; the message is tried again."""


@transaction.atomic
def campaign_decide(
    *,
    actor: User,
    campaign_key: str,
    expected_decision: str,
    outcome: Outcome,
    category: str,
    note: str,
    min_age: int,
    territories: Sequence[str],
    now: datetime,
) -> Campaign:
    """Decide a campaign, once, for all its members and for those that still join.

    1. lock the campaign; it has to be open still, nobody else's, and be what the person's page showed,
    2. ESCALATE passes it to seniors and decides nothing,
    3. where it reaches far, note it for a second person (`campaign_confirm`), and decide nothing yet,
    4. record the decision, audit it, and promise to give it to the members.

    The decision is a floor: a member whose own evidence is judged more severely keeps its own verdict. CLEAR lifts the
    campaign's hold and clears nothing else.

    Args:
        expected_decision: token of the `CampaignBasis` that the person's page was made from.
        outcome: CLEAR, RESTRICT, BLOCK, or ESCALATE to a senior.
        category: slug of the policy it rests on; required but for CLEAR, as is the note.

    Raises:
        PermissionDenied, DecisionInvalid.
        DecisionChanged: captions joined since, its floor changed, or a member was decided by itself.
        CampaignInvalid: it was decided meanwhile, is for seniors only, or somebody else works on it.
        WideActInvalid: somebody else asked for a decision that waits for a second person.
    """
    if not actor.has_perm("moderation.review_jobs"):
        raise PermissionDenied("Only reviewers decide campaigns.")
    campaign = _lock(actor, campaign_key)
    _check_open(actor, campaign, now)
    if expected_decision != campaign_basis_of(campaign, actor).token:
        raise DecisionChanged
    verdict = PersonVerdict(outcome, category, note, min_age, tuple(territories))
    verdict.check(active_policy())
    DecisionDraft.objects.filter(person=actor, campaign=campaign).delete()  # it is sent
    if outcome == Outcome.ESCALATE:
        return _pass_on(actor, campaign, category, note)
    radius = campaign_radius(campaign)
    if radius.is_wide:
        act = {**asdict(verdict), "outcome": int(outcome), "territories": list(territories)}
        act_ask(actor=actor, kind=WideKind.CAMPAIGN, subject=str(campaign.key), act=act, radius=radius, now=now)
        return campaign
    return _record(actor, campaign, verdict, now)


@transaction.atomic
def campaign_confirm(*, actor: User, act_key: str, now: datetime) -> Campaign:
    """Give a campaign the decision that somebody else asked for, as the second person.

    1. lock the campaign, then the request; the campaign has to be open still,
    2. see how far it reaches now,
    3. record the decision in the name of who asked, and who confirmed it beside.

    Raises:
        PermissionDenied, DecisionInvalid, CampaignInvalid.
        WideActInvalid: the actor asked for it, it waits no more, or it reaches further than the asker saw.
    """
    asked = act_subject(key=act_key, kind=WideKind.CAMPAIGN)
    campaign = _lock(actor, asked)
    act = act_lock(actor=actor, key=act_key, kinds=(WideKind.CAMPAIGN,))
    _check_open(actor, campaign, now, is_second=True)
    said = act.act
    verdict = PersonVerdict(
        Outcome(said["outcome"]), said["category"], said["note"], said["min_age"], tuple(said["territories"])
    )
    verdict.check(active_policy())
    act_confirm(actor=actor, act=act, radius=campaign_radius(campaign), now=now)
    return _record(act.asked_by, campaign, verdict, now)


def _check_open(actor: User, campaign: Campaign, now: datetime, *, is_second: bool = False) -> None:
    if campaign.state != CampaignState.OPEN:
        raise CampaignInvalid("Somebody decided this campaign while you looked at it; nothing was changed.")
    if campaign.is_for_seniors and not actor.has_perm("moderation.overturn_decisions"):
        raise CampaignInvalid("This campaign was passed to seniors; they decide it.")
    if not is_second and campaign.is_held_by_other(actor.pk, now):
        raise CampaignInvalid("Somebody else works on this campaign; nothing was changed.")


def campaign_radius(campaign: Campaign) -> Radius:
    """Return what a campaign's decision touches: its members, without those that were left out."""
    return radius_of(Item.objects.filter(campaign_member__campaign=campaign, campaign_member__left_out_at=None))


def _record(actor: User, campaign: Campaign, verdict: PersonVerdict, now: datetime) -> Campaign:
    campaign.state, campaign.outcome = CampaignState.DECIDED, verdict.outcome
    campaign.min_age, campaign.territories_blocked = verdict.min_age, sorted(verdict.territories)
    campaign.decision_category, campaign.note = verdict.category, verdict.note.strip()
    campaign.decided_by, campaign.decided_at = actor, now
    campaign.live_until = now + timedelta(minutes=settings.CAMPAIGN_LIVE_MINUTES)
    campaign.lease_holder = campaign.lease_expires_at = None
    campaign.save()
    acts_end(actor=actor, kind=WideKind.CAMPAIGN, subject=str(campaign.key), now=now)
    message_add(topic=TOPIC_APPLY, item=None, payload={"campaign": str(campaign.key)})
    outcome = Outcome(verdict.outcome).name
    _audit(actor, "campaign.decided", campaign, outcome=outcome, category=verdict.category, n_items=campaign.n_items)
    return campaign


# --- taking it back ----------------------------------------------------------------------------------------------


@transaction.atomic
def campaign_undo(*, actor: User, campaign_key: str, note: str, now: datetime) -> Campaign:
    """Take back a campaign's decision as one: its floor is lifted, and its members are judged by what is in force now.

    1. lock the campaign; it was decided, and restricts or blocks,
    2. where it reaches far, note it for a second person (`campaign_undo_confirm`), and undo nothing yet,
    3. note who undid it and why; from now on nothing joins it, and each member is judged again, by a task: never a replay.

    What people decided on single members stays.

    Raises:
        PermissionDenied: the actor neither decided it nor is a senior.
        CampaignInvalid: there is nothing to undo, or nothing says why.
        WideActInvalid: somebody else asked for it already.
    """
    campaign = _lock(actor, campaign_key)
    _check_undo(actor, campaign, note)
    radius = campaign_radius(campaign)
    if radius.is_wide:
        subject, act = str(campaign.key), {"note": note.strip()[:300]}
        act_ask(actor=actor, kind=WideKind.CAMPAIGN_UNDO, subject=subject, act=act, radius=radius, now=now)
        return campaign
    return _undo(actor, campaign, note, now)


@transaction.atomic
def campaign_undo_confirm(*, actor: User, act_key: str, now: datetime) -> Campaign:
    """Take back a campaign's decision that somebody else asked to undo, as the second person.

    Raises:
        PermissionDenied, CampaignInvalid, WideActInvalid: as `campaign_confirm`.
    """
    asked = act_subject(key=act_key, kind=WideKind.CAMPAIGN_UNDO)
    campaign = _lock(actor, asked)
    act = act_lock(actor=actor, key=act_key, kinds=(WideKind.CAMPAIGN_UNDO,))
    _check_undo(act.asked_by, campaign, act.act["note"])
    act_confirm(actor=actor, act=act, radius=campaign_radius(campaign), now=now)
    return _undo(act.asked_by, campaign, act.act["note"], now)


def _check_undo(actor: User, campaign: Campaign, note: str) -> None:
    is_own = campaign.decided_by_id == actor.pk and actor.has_perm("moderation.review_jobs")
    if not (is_own or actor.has_perm("moderation.overturn_decisions")):
        raise PermissionDenied("Who decided a campaign may undo it, and seniors.")
    if campaign.outcome is None or campaign.undone_at is not None:
        raise CampaignInvalid("There is no decision to undo; nothing was changed.")
    if campaign.outcome == Outcome.CLEAR:
        raise CampaignInvalid("Clear lifted the hold and decided nothing itself; overturn single items instead.")
    if not note.strip():
        raise CampaignInvalid("Say why it is undone; whoever decided it reads it.")


def _undo(actor: User, campaign: Campaign, note: str, now: datetime) -> Campaign:
    campaign.undone_at, campaign.undone_by, campaign.undo_note = now, actor, note.strip()[:300]
    campaign.live_until, campaign.applied_at = now, None
    campaign.save(update_fields=["undone_at", "undone_by", "undo_note", "live_until", "applied_at"])
    campaign.members.update(settled_at=None, decision=None)
    acts_end(actor=actor, kind=WideKind.CAMPAIGN_UNDO, subject=str(campaign.key), now=now)
    message_add(topic=TOPIC_APPLY, item=None, payload={"campaign": str(campaign.key)})
    _audit(actor, "campaign.undone", campaign, n_items=campaign.n_items)
    return campaign


# --- one campaign, one person ------------------------------------------------------------------------------------


def campaign_claim(*, actor: User, campaign_key: str, now: datetime) -> Campaign:
    """Lease an undecided campaign to the actor for as long as a job; their own lease begins anew.

    Concurrency: a guarded UPDATE; of two who claim at once one gets it.

    Raises:
        PermissionDenied.
        CampaignInvalid: somebody else works on it, it was decided, or is for seniors only.
    """
    if not actor.has_perm("moderation.review_jobs"):
        raise PermissionDenied("Only reviewers decide campaigns.")
    with transaction.atomic():
        free = Q(lease_expires_at=None) | Q(lease_expires_at__lte=now) | Q(lease_holder=actor)
        known = campaigns_visible(actor).filter(free, key=campaign_key, state=CampaignState.OPEN)
        if not actor.has_perm("moderation.overturn_decisions"):
            known = known.filter(is_for_seniors=False)
        until = now + timedelta(seconds=settings.LEASE_SECONDS)
        if not known.update(lease_holder=actor, lease_expires_at=until):
            raise CampaignInvalid("Somebody else works on this campaign, or it was decided; nothing was changed.")
        campaign = Campaign.objects.get(key=campaign_key)
        _audit(actor, "campaign.claimed", campaign)
    return campaign


def campaign_release(*, actor: User, campaign_key: str) -> None:
    """Give a campaign back undecided. Safe to repeat."""
    with transaction.atomic():
        mine = Campaign.objects.filter(key=campaign_key, lease_holder=actor, state=CampaignState.OPEN)
        if mine.update(lease_holder=None, lease_expires_at=None):
            _audit(actor, "campaign.released", Campaign.objects.get(key=campaign_key))


@transaction.atomic
def campaign_leave_out(
    *, actor: User, campaign_key: str, item_key: str, expected_decision: str, now: datetime
) -> CampaignMember:
    """Make a member an exception: the campaign's floor does not hold for it, and what is in force now decides on it.

    1. lock the campaign, then the item; it is undecided still, nobody else's, and what the person's page showed,
    2. note the exception, judge the item again by its own evidence, audit.

    Raises:
        PermissionDenied.
        CampaignInvalid: it is no member, or left out already, or the campaign was decided.
        DecisionChanged: what the page showed was overtaken.
        ListsUnavailable: they cannot be read, and something would be milder.
    """
    if not actor.has_perm("moderation.review_jobs"):
        raise PermissionDenied("Only reviewers leave items out of campaigns.")
    campaign = _lock(actor, campaign_key)
    _check_open(actor, campaign, now)
    if expected_decision != campaign_basis_of(campaign, actor).token:
        raise DecisionChanged
    member = None
    with suppress(ValidationError):
        members = CampaignMember.objects.filter(members_visible(actor), campaign=campaign, left_out_at=None)
        member = members.select_related("item").filter(item__key=item_key).first()
    if member is None:
        raise CampaignInvalid("This item is no member of the campaign any more; nothing was changed.")
    item_locked(pk=member.item_id)
    member.left_out_at, member.left_out_by = now, actor
    member.save(update_fields=["left_out_at", "left_out_by"])
    members_decide(item_pks=[member.item_id], now=now)
    _audit(actor, "campaign.left_out", campaign, item=member.item.external_id)
    return member


def _lock(actor: User, key: str) -> Campaign:
    """Return a campaign that the actor may know of, locked.

    Raises:
        CampaignInvalid: there is none, or it was decided into the restricted partition meanwhile.
    """
    campaign = campaigns_visible(actor).select_for_update(no_key=True).filter(key=key).first()
    if campaign is None:
        raise CampaignInvalid("There is no such campaign for you any more; nothing was changed.")
    return campaign


def _pass_on(actor: User, campaign: Campaign, category: str, note: str) -> Campaign:
    campaign.is_for_seniors = True
    campaign.save(update_fields=["is_for_seniors"])
    _audit(actor, "campaign.escalated", campaign, category=category, note=note.strip()[:200])
    return campaign


def _audit(actor: User | str, action: str, campaign: Campaign, **data: object) -> None:
    audit_write(actor=actor, action=action, object_type="campaign", object_key=campaign.key, **data)


@transaction.atomic
def campaign_admit(
    *, actor: User, campaign_key: str, item_key: str, expected_decision: str, now: datetime
) -> CampaignMember:
    """Make an item that only looks like a campaign one of its members; its floor holds from then on.

    1. lock the campaign, then the item; it has to be named beside the campaign, and in none,
    2. both have to be what the person's page showed: the floor may block the item at once,
    3. join, decide the item under the floor, audit.

    Args:
        expected_decision: token of the `BystanderBasis` that the person's page was made from.

    Raises:
        PermissionDenied.
        CampaignInvalid: it is not beside this campaign, or is a member already.
        DecisionChanged: the campaign or the item was decided since, or the item was reported.
    """
    if not actor.has_perm("moderation.review_jobs"):
        raise PermissionDenied("Only reviewers add items to campaigns.")
    campaign = _lock(actor, campaign_key)
    beside = _beside_locked(actor, campaign, item_key)
    item = beside.item
    if CampaignMember.objects.filter(item=item).exists():
        raise CampaignInvalid("This item belongs to a campaign already; nothing was changed.")
    if expected_decision != bystander_basis_from(campaign_basis_of(campaign, actor), beside).token:
        raise DecisionChanged
    member = CampaignMember.objects.create(
        campaign=campaign, item=item, creator_id=item.creator_id, joined_at=now, admitted_by=actor
    )
    if campaign.state == CampaignState.DECIDED:
        members_settle(members=[member], campaign=campaign, now=now)
    else:
        members_decide(item_pks=[item.pk], now=now)
    _audit(actor, "campaign.admitted", campaign, item=item.external_id)
    return member


def _beside_locked(actor: User, campaign: Campaign, item_key: str) -> CampaignBystander:
    """Lock an item that is named beside a campaign; return its row there as it stands then."""
    found, rows = None, bystanders_of(actor, campaign).select_related("item")
    with suppress(ValidationError):  # what is no key is nobody's
        found = rows.filter(item__key=item_key).first()
    if found:
        item_locked(pk=found.item_id)
        found = rows.filter(pk=found.pk).first()  # not there where the person may not know of it since
    if found is None:
        raise CampaignInvalid("This item is not among those that look like the campaign; nothing was changed.")
    return found


def campaign_apply_promised(message: OutboxMessage) -> None:
    """Give the decision of the message's campaign to its members, and finish the message.

    Raises:
        CampaignNotSettled: some members failed; the others have it.
    """
    campaign = Campaign.objects.get(key=message.payload["campaign"])
    n_failed = campaign_apply(campaign=campaign)
    if n_failed:
        raise CampaignNotSettled(f"{n_failed} members could not be decided")
    message_done(message=message, now=timezone.now())


def campaign_apply(*, campaign: Campaign) -> int:
    """Give a decided campaign's decision to every member that has not got it; return how many failed.

    A few hundred in a transaction: the work can end anywhere and go on from there, or run twice at once.
    """
    n_failed = done_to = 0
    while batch := list(_select_unsettled(campaign, done_to)[:_BATCH]):
        n_failed += _settle(batch, campaign)
        done_to = batch[-1].pk
    if n_failed == 0:
        Campaign.objects.filter(pk=campaign.pk, applied_at=None).update(applied_at=timezone.now())
    return n_failed


def _select_unsettled(campaign: Campaign, after: int) -> QuerySet[CampaignMember]:
    return (
        CampaignMember.objects.select_related("item")
        .filter(campaign=campaign, settled_at=None, pk__gt=after)
        .order_by("pk")
    )


def _settle(members: Sequence[CampaignMember], campaign: Campaign) -> int:
    """Settle members together, and where that fails each alone: one that fails keeps no other waiting. Return how many failed."""
    try:
        members_settle(members=members, campaign=campaign, now=timezone.now())
    except Exception as error:  # whatever it is, the other members must not wait for it
        if len(members) > 1:
            return sum(_settle([member], campaign) for member in members)
        log.exception("campaign_member_failed", item=members[0].item_id, error=type(error).__name__)
        return 1
    return 0


@transaction.atomic
def members_settle(*, members: Sequence[CampaignMember], campaign: Campaign, now: datetime) -> None:
    """Decide members under their campaign's decision; those that are settled stay so.

    Concurrency: the campaign is locked against being undone meanwhile, so that nobody is settled by what was taken back.

    What was left for later because the campaign held them is wanted now, where the decision holds them no longer.
    """
    items = [member.item_id for member in members]
    with connection.cursor() as cursor:
        cursor.execute(_STANDS, [campaign.pk])
    decisions = members_decide(item_pks=items, now=now)
    if not floor_of(campaign).holds:
        messages_hasten(topic=TOPIC_REEXAMINE, item_pks=items, now=now)
    keys = {member.pk: (d := decisions.get(member.item_id)) and d.pk for member in members}
    with connection.cursor() as cursor:
        cursor.execute(_SETTLED, {"members": list(keys), "decisions": list(keys.values()), "now": now})
        settled = {pk for (pk,) in cursor.fetchall()}
    with rows_together():
        for member in members:
            decision = decisions.get(member.item_id)
            if decision and member.pk in settled:
                _audit_member(member.item, decision, campaign)


def _audit_member(item: Item, decision: Decision, campaign: Campaign) -> None:
    audit_write(
        actor=campaign.decided_by or "system",
        action="item.decided_with_campaign",
        object_type="item",
        object_key=item.external_id,
        campaign=str(campaign.key),
        decision=str(decision.key),
        outcome=Outcome(decision.outcome).name,
    )
