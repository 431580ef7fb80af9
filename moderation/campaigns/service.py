"""What people do with campaigns: one decision, given to every member through the service that decides items."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.db.models import QuerySet
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
from moderation.items.visibility import campaigns_visible
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
from moderation.outbox.messages import message_done
from moderation.outbox.promise import TOPIC_REEXAMINE, message_add, messages_hasten
from policies.choices import Outcome
from policies.live import active_policy

log = structlog.get_logger(__name__)

TOPIC_APPLY = "moderation.tasks.campaign_apply"
#: Members that are settled in one transaction: nobody waits for a row for longer than a moment.
_BATCH = 200
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

    1. lock the campaign; it has to be open still, and be what the person's page showed,
    2. ESCALATE passes it to seniors and decides nothing,
    3. record the decision, audit it, and promise to give it to the members.

    The decision is a floor: a member whose own evidence is judged more severely keeps its own verdict. CLEAR lifts the
    campaign's hold and clears nothing else.

    Args:
        expected_decision: token of the `CampaignBasis` that the person's page was made from.
        outcome: CLEAR, RESTRICT, BLOCK, or ESCALATE to a senior.
        category: slug of the policy it rests on; required but for CLEAR, as is the note.

    Raises:
        PermissionDenied, DecisionInvalid.
        DecisionChanged: captions joined since, its floor changed, or a member was decided by itself.
        CampaignInvalid: it was decided meanwhile, or is for seniors only.
    """
    if not actor.has_perm("moderation.review_jobs"):
        raise PermissionDenied("Only reviewers decide campaigns.")
    campaign = _lock(actor, campaign_key)
    if campaign.state != CampaignState.OPEN:
        raise CampaignInvalid("Somebody decided this campaign while you looked at it; nothing was changed.")
    if campaign.is_for_seniors and not actor.has_perm("moderation.overturn_decisions"):
        raise CampaignInvalid("This campaign was passed to seniors; they decide it.")
    if expected_decision != campaign_basis_of(campaign, actor).token:
        raise DecisionChanged
    PersonVerdict(outcome, category, note, min_age, tuple(territories)).check(active_policy())
    DecisionDraft.objects.filter(person=actor, campaign=campaign).delete()  # it is sent
    if outcome == Outcome.ESCALATE:
        return _pass_on(actor, campaign, category, note)
    campaign.state, campaign.outcome = CampaignState.DECIDED, outcome
    campaign.min_age, campaign.territories_blocked = min_age, sorted(territories)
    campaign.decision_category, campaign.note = category, note.strip()
    campaign.decided_by, campaign.decided_at = actor, now
    campaign.live_until = now + timedelta(minutes=settings.CAMPAIGN_LIVE_MINUTES)
    campaign.save()
    message_add(topic=TOPIC_APPLY, item=None, payload={"campaign": str(campaign.key)})
    _audit(actor, "campaign.decided", campaign, outcome=outcome.name, category=category, n_items=campaign.n_items)
    return campaign


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

    What was left for later because the campaign held them is wanted now, where the decision holds them no longer.
    """
    items = [member.item_id for member in members]
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
