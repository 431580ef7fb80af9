"""Campaigns: waves of near-identical captions that people decide on as one thing."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from console.access import REVIEW, campaign_visible, pace, requires
from console.http import HtmxRequest, redirect_to, render_page
from console.pages.campaigns.context import campaign_context, keep_typed, read_campaign
from console.pages.changed import CampaignChanged, bystander_changed_since, campaign_changed_since
from console.pages.forms import DecisionForm, category_names
from moderation.campaigns import queries as campaign_queries
from moderation.campaigns import service as campaigns
from moderation.decisions.basis import CampaignBasis, bystander_basis_from
from moderation.exceptions import CampaignInvalid, DecisionChanged, DecisionInvalid, WideActInvalid
from moderation.items.visibility import campaigns_visible
from moderation.models import Campaign
from policies.choices import Outcome

#: A look at a large campaign reads all its members, so not as often as one can click.
_PAGES_PER_MINUTE = 120
_DECISIONS_PER_MINUTE = 30


@require_GET
@requires(REVIEW)
@pace("campaign_list", _PAGES_PER_MINUTE)
def campaign_list(request: HtmxRequest) -> HttpResponse:
    """List the campaigns that wait for people, and those decided last."""
    waiting = campaign_queries.campaigns_counted(request.user, campaign_queries.campaigns_waiting(request.user))
    decided = campaign_queries.campaigns_counted(request.user, campaign_queries.campaigns_decided(request.user))
    captions = campaign_queries.captions_of(request.user, [*waiting, *decided])
    context = {
        "waiting": [(campaign, captions.get(campaign.first_item_id, "")) for campaign in waiting],
        "decided": [(campaign, captions.get(campaign.first_item_id, "")) for campaign in decided],
        "names": category_names(),
        "now": timezone.now(),
    }
    return render_page(request, "campaigns/list.html", context)


@require_GET
@requires(REVIEW)
@pace("campaign_page", _PAGES_PER_MINUTE)
def campaign_page(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Show one campaign: its spellings, its spread over time, and the decision, made or to be made."""
    context = campaign_context(request, *read_campaign(request, key))
    return render_page(request, "campaigns/campaign.html", context, fragment="campaign")


@require_POST
@requires(REVIEW)
@pace("campaign_decide", _DECISIONS_PER_MINUTE)
def campaign_decide(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Decide a campaign for all its members, then show it decided."""
    basis, campaign = read_campaign(request, key)
    form = DecisionForm(request.POST, names=category_names())
    if not form.is_valid():
        return _again(request, basis, campaign, form)
    try:
        done = campaigns.campaign_decide(
            actor=request.user, campaign_key=str(key), now=timezone.now(), **form.verdict()
        )
    except DecisionInvalid as error:
        form.add_error(form.field_of(error), str(error))
        return _again(request, basis, campaign, form)
    except CampaignInvalid as error:
        form.add_error(None, str(error))
        return _again(request, *read_campaign(request, key), form, is_overtaken=True)
    except WideActInvalid as error:
        form.add_error(None, str(error))
        return _again(request, basis, campaign, form)
    except DecisionChanged:
        return _again(request, *read_campaign(request, key), form, is_overtaken=True)
    messages.success(request, _said(done, form))
    is_hidden = (
        not campaigns_visible(request.user).filter(key=key).exists()
    )  # their own decision moved it to the partition
    return redirect_to(request, "campaign_list") if is_hidden else redirect_to(request, "campaign_page", key)


def _said(campaign: Campaign, form: DecisionForm) -> str:
    if campaign.outcome is not None:
        return "Decided. The members follow within seconds."
    if form.verdict()["outcome"] == Outcome.ESCALATE:
        return "Passed to seniors."
    return "It reaches far, so a second person has to confirm it; until then nothing changes."


@require_POST
@requires(REVIEW)
@pace("campaign_admit", _PAGES_PER_MINUTE)
def campaign_admit(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Make an item that only looks like a campaign one of its members; what was typed into the decision stays."""
    campaign = campaign_visible(request.user, key)
    try:
        item = campaigns.campaign_admit(
            actor=request.user,
            campaign_key=str(campaign.key),
            item_key=request.POST.get("item", ""),
            expected_decision=request.POST.get("expected_decision", ""),
            now=timezone.now(),
        ).item
    except CampaignInvalid as error:
        return _not_added(request, key, CampaignChanged(str(error)))
    except DecisionChanged:
        return _not_added(request, key)
    said = f"{item.external_id} belongs to the campaign now."
    if request.htmx:
        context = campaign_context(request, *read_campaign(request, key), keep_typed(request)) | {"said": said}
        return render_page(request, "campaigns/campaign.html", context, fragment="campaign")
    messages.success(request, said)
    return redirect_to(request, "campaign_page", key)


def _not_added(request: HtmxRequest, key: UUID, changed: CampaignChanged | None = None) -> HttpResponse:
    """Show the page from which nothing was added, 409, with what changed; None is looked up by what the page showed."""
    basis, campaign = read_campaign(request, key)
    item, expected = request.POST.get("item", ""), request.POST.get("expected_decision", "")
    if changed is None:
        beside = campaign_queries.bystanders_of(request.user, campaign).get(item__key=item)
        changed = bystander_changed_since(expected, bystander_basis_from(basis, beside))
    context = campaign_context(request, basis, campaign, keep_typed(request), changed)
    context |= {"not_added": True, "new_beside": item if changed.is_item or changed.n_reports else ""}
    return render_page(request, "campaigns/campaign.html", context, fragment="campaign", status=409)


def _again(
    request: HtmxRequest,
    basis: CampaignBasis,
    campaign: Campaign,
    form: DecisionForm,
    *,
    is_overtaken: bool = False,
) -> HttpResponse:
    """Show the page with what was typed: 409 and what changed where it was overtaken, 422 where something is missing."""
    changed = campaign_changed_since(form.sent, basis)
    context = campaign_context(request, basis, campaign, form, changed)
    status = 409 if changed or is_overtaken else 422
    return render_page(request, "campaigns/campaign.html", context, fragment="campaign", status=status)
