"""What a campaign's page shows: read in one look with what a decision is given on, and with what was typed so far."""

from typing import Any
from uuid import UUID

from django.utils import timezone

from console.access import EXPLORE, OVERTURN, campaign_visible, may
from console.http import HtmxRequest
from console.pages.changed import CampaignChanged
from console.pages.forms import DecisionForm, categories, category_names
from console.pages.looks import items_looked
from console.pages.review.drafts import draft_beside_context
from console.pages.wide.context import limits, weigh
from console.pages.wide.kinds import CAMPAIGN_PROTECTS, UNDO_PROTECTS
from moderation.campaigns import queries as campaign_queries
from moderation.decisions.basis import CampaignBasis, bystander_basis_from, campaign_basis_from
from moderation.detection.minhash import JOINS
from moderation.models import Campaign
from moderation.models.wide_act import WideKind
from moderation.wide.queries import act_waiting
from policies.choices import Outcome

#: What the form of a decision holds that people type or choose.
_TYPED = ("outcome", "category", "min_age", "territories", "note")


def keep_typed(request: HtmxRequest) -> DecisionForm:
    """Return the form of a decision that was not sent, with what was typed into it so far."""
    typed = {name: value for name in _TYPED if (value := request.POST.get(name))}
    return DecisionForm(names=category_names(), initial=typed)


def read_campaign(request: HtmxRequest, key: UUID) -> tuple[CampaignBasis, Campaign]:
    """Return what a decision is given on, and the campaign, from one look at the database.

    Raises:
        Http404: as `campaign_visible`.
    """
    campaign = campaign_visible(request.user, key)
    return campaign_basis_from(campaign), campaign


def campaign_context(
    request: HtmxRequest,
    basis: CampaignBasis,
    campaign: Campaign,
    form: DecisionForm | None = None,
    changed: CampaignChanged | None = None,
) -> dict[str, Any]:
    """Return what a campaign's page shows; where something was sent from an earlier page, what changed."""
    known = categories()
    names = category_names(known)
    drafted = draft_beside_context(request, campaign, basis.token, form, DecisionForm(names=names))
    form = drafted["form"]
    form.initial.setdefault("category", campaign.category)
    chosen = form["category"].value()
    page = campaign_queries.campaign_page(request.user, campaign)
    items_looked(request.user, page.items)
    now, is_open = timezone.now(), campaign.outcome is None
    may_undo = not is_open and (may(request.user, OVERTURN) or campaign.decided_by_id == request.user.pk)
    weighed = None
    if is_open or (may_undo and campaign.undone_at is None):
        protects = CAMPAIGN_PROTECTS if is_open else UNDO_PROTECTS
        weighed = weigh(request.user, page.radius, protects=protects, known=page.known)
    return {
        "campaign": campaign,
        "page": page,
        "beside": [(row, bystander_basis_from(basis, row).token) for row in page.beside],
        "names": names,
        "guidelines": sorted((c for c in known if c.guideline), key=lambda c: c.slug != chosen),
        "chosen": chosen,
        "is_overdue": is_open and campaign.due_at < now,
        "may_decide": is_open
        and (not campaign.is_for_seniors or may(request.user, OVERTURN))
        and not campaign.is_held_by_other(request.user.pk, now),
        "is_held": campaign.is_held_by_other(request.user.pk, now),
        "is_mine": campaign.lease_holder_id == request.user.pk and campaign.is_held_by_other(None, now),
        "may_undo": may_undo and campaign.undone_at is None and campaign.outcome != Outcome.CLEAR,
        "weighed": weighed,
        "asked": act_waiting(WideKind.CAMPAIGN if is_open else WideKind.CAMPAIGN_UNDO, str(campaign.key)),
        "joins_from": JOINS,
        **limits(),
        "may_explore": may(request.user, EXPLORE),
        **drafted,
        "expected": basis.token,
        "changed": changed,
        "typed": DecisionForm(request.POST, names=names).typed(names),
    }
