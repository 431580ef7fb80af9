"""The floors that campaigns set under their members' verdicts, and the campaigns that captions may join. Reads only."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q, QuerySet

from moderation.detection.minhash import SIGNATURE_VERSION
from moderation.models import Campaign, CampaignMember, Item
from moderation.models.campaign import CampaignState
from moderation.verdict.floor import CampaignFloor
from policies.choices import Outcome


def campaigns_live(now: datetime) -> QuerySet[Campaign]:
    """Return the campaigns that captions may join: the undecided ones, and decided ones for a time."""
    live = Q(state=CampaignState.OPEN) | Q(live_until__gt=now)
    return Campaign.objects.filter(live, signature_version=SIGNATURE_VERSION).order_by("pk")


def floor_of(campaign: Campaign) -> CampaignFloor:
    """Return the floor that a campaign sets under its members' verdicts; one whose decision was undone lifts it."""
    if campaign.undone_at is not None:
        return CampaignFloor(str(campaign.key), False, Outcome.CLEAR, campaign.category)
    if campaign.outcome is None:
        return CampaignFloor(str(campaign.key), True, Outcome.ESCALATE, campaign.category)
    category = campaign.decision_category or campaign.category
    territories = tuple(campaign.territories_blocked)
    return CampaignFloor(str(campaign.key), False, Outcome(campaign.outcome), category, campaign.min_age, territories)


def floor_under(item: Item) -> CampaignFloor | None:
    """Return the floor under an item's verdicts; None where it belongs to no campaign."""
    return floors_under([item]).get(item.pk)


def floors_under(items: Sequence[Item]) -> dict[int, CampaignFloor]:
    """Return the floors under the verdicts of items, by item; those of no campaign, or left out of one, are not among them."""
    members = CampaignMember.objects.filter(item__in=items, left_out_at=None).values_list("item_id", "campaign_id")
    owners = dict(members)
    floors = {c.pk: floor_of(c) for c in Campaign.objects.filter(pk__in=set(owners.values()))} if owners else {}
    return {item: floors[owner] for item, owner in owners.items()}
