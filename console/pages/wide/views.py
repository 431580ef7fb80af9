"""Acts on many items at once that wait for a second person: listed, looked at, confirmed or refused."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from console.access import APPROVE_POLICIES, MANAGE_BANKS, REVIEW, act_visible, pace, requires
from console.http import HtmxRequest, redirect_to, render_page
from console.pages.policies.forms import sentence_of
from console.pages.wide.context import limits, weigh
from console.pages.wide.kinds import KINDS
from moderation.exceptions import ModerationError
from moderation.live.lists import ListsUnavailable
from moderation.models import WideAct
from moderation.wide import acts
from moderation.wide.queries import acts_visible, reach_stored
from moderation.wide.radius import has_grown
from policies.errors import PolicyError, PolicyUnavailable

#: Answered acts that the list shows.
_MAX_ANSWERED = 30
#: A look at an act looks through stored content.
_LOOKS_PER_MINUTE = 30


@require_GET
@requires(REVIEW, APPROVE_POLICIES, MANAGE_BANKS)
def act_list(request: HtmxRequest) -> HttpResponse:
    """List what waits for a second person, and what was answered lately."""
    known = acts_visible(request.user)
    context = {
        "waiting": [(act, KINDS[act.kind].words(act)) for act in known.filter(state="waiting")],
        "answered": [(act, KINDS[act.kind].words(act)) for act in known.exclude(state="waiting")[:_MAX_ANSWERED]],
        **limits(),
    }
    return render_page(request, "wide/list.html", context)


@require_GET
@requires(REVIEW, APPROVE_POLICIES, MANAGE_BANKS)
@pace("act_page", _LOOKS_PER_MINUTE)
def act_page(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Show one act: what was asked for, what it reached then, and what it reaches now."""
    act = act_visible(request.user, key)
    kind = KINDS[act.kind]
    context = {
        "act": act,
        "words": kind.words(act),
        "address": kind.address(act),
        "then": reach_stored(request.user, act),
        "growth": settings.WIDE_GROWTH_PERCENT,
        "is_own": act.asked_by_id == request.user.pk,
        **limits(),
    }
    if act.is_waiting:
        context |= _now(request, act)
    return render_page(request, "wide/act.html", context)


def _now(request: HtmxRequest, act: WideAct) -> dict[str, object]:
    """Return what an act that waits reaches now; where nobody can tell, that."""
    kind = KINDS[act.kind]
    try:
        radius = kind.weigh(act)
    except (ListsUnavailable, PolicyError, PolicyUnavailable) as error:
        return {"problem": str(error)}
    weighed = weigh(request.user, radius, protects=kind.protects, needs_second=True)
    return {"weighed": weighed, "has_grown": has_grown(radius, n_items=act.n_items, n_views=act.n_views)}


@require_POST
@requires(REVIEW, APPROVE_POLICIES, MANAGE_BANKS)
@pace("act_page", _LOOKS_PER_MINUTE)
def act_confirm(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Confirm an act as the second person: it is done now."""
    act = act_visible(request.user, key)
    try:
        KINDS[act.kind].confirm(request.user, str(act.key))
    except PolicyError as error:
        messages.error(request, f"Nothing was changed. {sentence_of(error)}")
    except (ModerationError, ListsUnavailable, PolicyUnavailable) as error:
        messages.error(request, f"Nothing was changed. {error}")
    else:
        messages.success(request, "Confirmed, and done.")
    return redirect_to(request, "act_page", key)


@require_POST
@requires(REVIEW, APPROVE_POLICIES, MANAGE_BANKS)
def act_refuse(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Refuse an act, or take back one's own."""
    act = act_visible(request.user, key)
    try:
        done = acts.act_refuse(
            actor=request.user, key=str(act.key), note=request.POST.get("note", "")[:300], now=timezone.now()
        )
        messages.success(request, f"{done.get_state_display()}. Nothing was changed.")
    except ModerationError as error:
        messages.error(request, str(error))
    return redirect_to(request, "act_page", key)
