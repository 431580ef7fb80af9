"""What people do with campaigns: one decision, given to every member through the service that decides items."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from moderation.exceptions import CampaignInvalid
from moderation.models import Campaign, CampaignMember, OutboxMessage
from moderation.models.campaign import CampaignState
from moderation.services.audit import audit_write
from moderation.services.decisions import PersonVerdict, decision_in_campaign
from moderation.services.outbox import message_add, message_done
from policies.choices import Outcome
from policies.selectors import compiled_active

log = structlog.get_logger(__name__)

TOPIC_APPLY = "moderation.tasks.campaign_apply"
#: Members that are settled between two looks at the campaign.
_BATCH = 200


class CampaignNotSettled(Exception):
    """Some members could not be given the decision; the message is tried again."""


@transaction.atomic
def campaign_decide(
    *,
    actor: User,
    campaign_key: str,
    outcome: Outcome,
    category: str,
    note: str,
    min_age: int,
    territories: Sequence[str],
    now: datetime,
) -> Campaign:
    """Decide a campaign, once, for all its members and for those that still join.

    1. lock the campaign; it has to be open still,
    2. ESCALATE passes it to seniors and decides nothing,
    3. record the decision, audit it, and promise to give it to the members.

    The decision is a floor: a member whose own evidence is judged more severely keeps its own verdict. CLEAR lifts the
    campaign's hold and clears nothing else.

    Args:
        outcome: CLEAR, RESTRICT, BLOCK, or ESCALATE to a senior.
        category: slug of the policy it rests on; required but for CLEAR, as is the note.

    Raises:
        PermissionDenied, DecisionInvalid.
        CampaignInvalid: it was decided meanwhile, or is for seniors only.
    """
    if not actor.has_perm("moderation.review_jobs"):
        raise PermissionDenied("Only reviewers decide campaigns.")
    campaign = Campaign.objects.select_for_update(no_key=True).get(key=campaign_key)
    if campaign.state != CampaignState.OPEN:
        raise CampaignInvalid("Somebody decided this campaign while you looked at it; nothing was changed.")
    if campaign.is_for_seniors and not actor.has_perm("moderation.overturn_decisions"):
        raise CampaignInvalid("This campaign was passed to seniors; they decide it.")
    PersonVerdict(outcome, category, note, min_age, tuple(territories)).check(compiled_active())
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


def _pass_on(actor: User, campaign: Campaign, category: str, note: str) -> Campaign:
    campaign.is_for_seniors = True
    campaign.save(update_fields=["is_for_seniors"])
    _audit(actor, "campaign.escalated", campaign, category=category, note=note.strip()[:200])
    return campaign


def _audit(actor: User | str, action: str, campaign: Campaign, **data: object) -> None:
    audit_write(actor=actor, action=action, object_type="campaign", object_key=campaign.key, **data)


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

    Each member in a transaction of its own: the work can end anywhere and go on from there, or run twice at once, and one
    item that fails keeps no other from being decided.
    """
    n_failed = done_to = 0
    while batch := list(_unsettled(campaign, done_to)[:_BATCH]):
        n_failed += sum(not _settled(member, campaign) for member in batch)
        done_to = batch[-1].pk
    if n_failed == 0:
        Campaign.objects.filter(pk=campaign.pk, applied_at=None).update(applied_at=timezone.now())
    return n_failed


def _unsettled(campaign: Campaign, after: int) -> QuerySet[CampaignMember]:
    return (
        CampaignMember.objects.select_related("item")
        .filter(campaign=campaign, settled_at=None, pk__gt=after)
        .order_by("pk")
    )


def _settled(member: CampaignMember, campaign: Campaign) -> bool:
    try:
        member_settle(member=member, campaign=campaign, now=timezone.now())
    except Exception as error:  # whatever it is, the other members must not wait for it
        log.exception("campaign_member_failed", item=member.item_id, error=type(error).__name__)
        return False
    return True


@transaction.atomic
def member_settle(*, member: CampaignMember, campaign: Campaign, now: datetime) -> None:
    """Decide one member under its campaign's decision; one that is settled stays so."""
    decision = decision_in_campaign(item=member.item, now=now)
    n = CampaignMember.objects.filter(pk=member.pk, settled_at=None).update(settled_at=now, decision=decision)
    if n and decision:
        audit_write(
            actor=campaign.decided_by or "system",
            action="item.decided_with_campaign",
            object_type="item",
            object_key=member.item.external_id,
            campaign=str(campaign.key),
            decision=str(decision.key),
            outcome=Outcome(decision.outcome).name,
        )
