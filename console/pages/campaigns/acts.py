"""What people do with a campaign besides deciding it: take it, give it back, leave a member out, undo its decision."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from console.access import REVIEW, campaign_visible, pace, requires
from console.http import HtmxRequest, redirect_to, render_page
from console.pages.campaigns.context import campaign_context, keep_typed, read_campaign
from console.pages.changed import CampaignChanged
from moderation.campaigns import service as campaigns
from moderation.exceptions import CampaignInvalid, DecisionChanged, WideActInvalid
from moderation.live.lists import ListsUnavailable
from moderation.models import Campaign

_ACTS_PER_MINUTE = 120


@require_POST
@requires(REVIEW)
@pace("campaign_act", _ACTS_PER_MINUTE)
def campaign_claim(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Lease a campaign to this person."""

    def claim(campaign: Campaign) -> str:
        campaigns.campaign_claim(actor=request.user, campaign_key=str(campaign.key), now=timezone.now())
        return "It is yours: nobody else decides it while you work on it."

    return _act(request, key, claim)


@require_POST
@requires(REVIEW)
def campaign_release(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Give a campaign back undecided."""

    def release(campaign: Campaign) -> str:
        campaigns.campaign_release(actor=request.user, campaign_key=str(campaign.key))
        return "Given back. Anybody may take it now."

    return _act(request, key, release)


@require_POST
@requires(REVIEW)
@pace("campaign_act", _ACTS_PER_MINUTE)
def campaign_leave_out(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Make a member an exception of its campaign."""

    def leave_out(campaign: Campaign) -> str:
        member = campaigns.campaign_leave_out(
            actor=request.user,
            campaign_key=str(campaign.key),
            item_key=request.POST.get("item", ""),
            expected_decision=request.POST.get("expected_decision", ""),
            now=timezone.now(),
        )
        return f"{member.item.external_id} is left out: its own evidence decides on it."

    return _act(request, key, leave_out)


@require_POST
@requires(REVIEW)
@pace("campaign_act", _ACTS_PER_MINUTE)
def campaign_undo(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Take a campaign's decision back as one."""

    def undo(campaign: Campaign) -> str:
        note = request.POST.get("note", "")
        done = campaigns.campaign_undo(
            actor=request.user, campaign_key=str(campaign.key), note=note, now=timezone.now()
        )
        if done.undone_at is None:
            return "A second person has to confirm this; until then nothing is undone."
        return "Undone. Its members are judged again within seconds, by what is in force now."

    return _act(request, key, undo)


def _act(request: HtmxRequest, key: UUID, act: Callable[[Campaign], str]) -> HttpResponse:
    """Do something to a campaign and show its page again: what was typed into the decision stays."""
    campaign, problem, said = campaign_visible(request.user, key), "", ""
    try:
        said = act(campaign)
    except (CampaignInvalid, DecisionChanged, ListsUnavailable, WideActInvalid) as error:
        problem = str(error)
    if not request.htmx:
        if problem:
            messages.error(request, problem)
        else:
            messages.success(request, said)
        return redirect_to(request, "campaign_page", key)
    changed = CampaignChanged(problem) if problem else None
    context = campaign_context(request, *read_campaign(request, key), keep_typed(request), changed)
    context |= {"said": said, "not_added": bool(problem)}
    status = 409 if problem else 200
    return render_page(request, "campaigns/campaign.html", context, fragment="campaign", status=status)
