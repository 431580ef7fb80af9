"""Campaigns: waves of near-identical captions that people decide on as one thing."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from console.access import EXPLORE, OVERTURN, REVIEW, campaign_visible, may, paced, requires
from console.forms import DecisionForm, categories, category_names
from console.http import HtmxRequest, redirect_to, render_page
from moderation import campaign_selectors
from moderation.exceptions import CampaignInvalid, DecisionInvalid
from moderation.models import Campaign
from moderation.services import campaigns
from policies.choices import Outcome

#: A look at a large campaign reads all its members, so not as often as one can click.
_PAGES_PER_MINUTE = 120
_DECISIONS_PER_MINUTE = 30


@require_GET
@requires(REVIEW)
@paced("campaign_list", _PAGES_PER_MINUTE)
def campaign_list(request: HtmxRequest) -> HttpResponse:
    """List the campaigns that wait for people, and those decided last."""
    waiting = campaign_selectors.campaigns_counted(request.user, campaign_selectors.campaigns_waiting())
    decided = campaign_selectors.campaigns_counted(request.user, campaign_selectors.campaigns_decided())
    captions = campaign_selectors.captions_of(request.user, [*waiting, *decided])
    context = {
        "waiting": [(campaign, captions.get(campaign.first_item_id, "")) for campaign in waiting],
        "decided": [(campaign, captions.get(campaign.first_item_id, "")) for campaign in decided],
        "names": category_names(),
        "now": timezone.now(),
    }
    return render_page(request, "campaigns.html", context)


@require_GET
@requires(REVIEW)
@paced("campaign_page", _PAGES_PER_MINUTE)
def campaign_page(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Show one campaign: its spellings, its spread over time, and the decision, made or to be made."""
    return _page(request, campaign_visible(key))


@require_POST
@requires(REVIEW)
@paced("campaign_decide", _DECISIONS_PER_MINUTE)
def campaign_decide(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Decide a campaign for all its members, then show it decided."""
    campaign = campaign_visible(key)
    form = DecisionForm(request.POST, names=category_names())
    if not form.is_valid():
        return _page(request, campaign, form, status=422)
    try:
        campaigns.campaign_decide(actor=request.user, campaign_key=str(key), now=timezone.now(), **form.verdict())
    except DecisionInvalid as error:
        form.add_error(form.field_of(error), str(error))
        return _page(request, campaign, form, status=422)
    except CampaignInvalid as error:
        form.add_error(None, str(error))
        return _page(request, campaign_visible(key), form, status=409)
    passed_on = form.verdict()["outcome"] == Outcome.ESCALATE
    messages.success(request, "Passed to seniors." if passed_on else "Decided. The members follow within seconds.")
    return redirect_to(request, "campaign_page", key)


def _page(
    request: HtmxRequest, campaign: Campaign, form: DecisionForm | None = None, status: int = 200
) -> HttpResponse:
    context = campaign_context(request, campaign, form)
    return render_page(request, "campaign.html", context, fragment="campaign", status=status)


def campaign_context(request: HtmxRequest, campaign: Campaign, form: DecisionForm | None) -> dict[str, Any]:
    """Return what a campaign's page shows."""
    known = categories()
    names = category_names(known)
    chosen = form["category"].value() if form else campaign.category
    return {
        "campaign": campaign,
        "page": campaign_selectors.campaign_page(request.user, campaign),
        "names": names,
        "guidelines": sorted((c for c in known if c.guideline), key=lambda c: c.slug != chosen),
        "chosen": chosen,
        "is_overdue": campaign.outcome is None and campaign.due_at < timezone.now(),
        "may_decide": campaign.outcome is None and (not campaign.is_for_seniors or may(request.user, OVERTURN)),
        "may_explore": may(request.user, EXPLORE),
        "form": form or DecisionForm(names=names, initial={"category": campaign.category}),
    }
