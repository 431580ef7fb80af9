"""Emergency terms: one person puts a word in force everywhere at once, another says whether it stays."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from console.access import ADD_EMERGENCY, APPROVE_POLICIES, EXPLORE, REVIEW, pace, requires
from console.http import HtmxRequest, redirect_to, render_page
from console.pages.forms import category_names
from console.pages.policies.forms import EmergencyForm, EmergencyReviewForm, sentence_of
from console.pages.wide.context import Weighed, limits, weigh_list
from console.pages.wide.kinds import TERM_PROTECTS
from moderation.emergency import service as emergency
from moderation.emergency.radius import term_radius
from moderation.emergency.service import emergency_term_check as term_check
from moderation.models import EmergencyTerm
from moderation.models.emergency import EmergencyState
from moderation.rollout.queries import emergency_terms
from moderation.verdict.judge import digest_of
from policies.choices import Outcome
from policies.errors import PolicyError, PolicyUnavailable

#: Terms that the page lists; ended ones are the last.
_MAX_LISTED = 100


@require_GET
@requires(EXPLORE, REVIEW)
def emergency_list(request: HtmxRequest) -> HttpResponse:
    """List emergency terms, those to review first, with the form for a new one."""
    return _page(request, EmergencyForm(names=category_names()))


@require_POST
@requires(ADD_EMERGENCY)
@pace("emergency_add", 10)
def emergency_add(request: HtmxRequest) -> HttpResponse:
    """Put a term in force."""
    form = EmergencyForm(request.POST, names=category_names())
    if not form.is_valid():
        return _page(request, form, status=422)
    data = form.cleaned_data | {"outcome": Outcome(form.cleaned_data["outcome"])}
    if "look" in request.POST or request.POST.get("looked", _mark(data)) != _mark(data):
        return _look(request, form, data)
    try:
        term = emergency.emergency_term_add(actor=request.user, now=timezone.now(), **data)
    except PolicyError as error:
        form.refuse(error)
        return _page(request, form, status=422)
    except PolicyUnavailable as error:
        form.add_error(None, str(error))
        return _page(request, form, status=503)
    messages.success(request, f"“{term.text}” is in force. Somebody else has to confirm it, or it ends by itself.")
    return redirect_to(request, "emergency_list")


def _look(request: HtmxRequest, form: EmergencyForm, data: dict[str, Any]) -> HttpResponse:
    """Show what a term would touch, with all that was typed; nothing is in force yet."""
    try:
        term_check(actor=request.user, **data)
    except PolicyError as error:
        form.refuse(error)
        return _page(request, form, status=422)
    except PolicyUnavailable as error:
        form.add_error(None, str(error))
        return _page(request, form, status=503)
    known = {name: data[name] for name in ("text", "category", "language", "outcome")}
    found = term_radius(**known)
    weighed = weigh_list(request.user, found, protects=TERM_PROTECTS, needs_second=False)
    return _page(request, form, weighed=weighed, looked=_mark(data))


def _mark(data: Mapping[str, Any]) -> str:
    """Return what tells terms apart: what was looked at must be what is put in force."""
    return digest_of({name: str(data[name]) for name in ("text", "category", "language", "outcome")})[:16]


@require_POST
@requires(APPROVE_POLICIES)
def emergency_review(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Confirm or reject a term of somebody else."""
    return _end(request, key, {"confirm": emergency.emergency_term_confirm, "reject": emergency.emergency_term_reject})


@require_POST
@requires(ADD_EMERGENCY)
def emergency_withdraw(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Take one's own term back."""
    return _end(request, key, {"withdraw": emergency.emergency_term_withdraw})


def _end(request: HtmxRequest, key: UUID, acts: dict[str, Callable[..., EmergencyTerm]]) -> HttpResponse:
    form = EmergencyReviewForm(request.POST, acts=list(acts))
    if not form.is_valid():
        messages.error(request, "Say whether the term is confirmed or rejected, and why in at most 300 letters.")
        return redirect_to(request, "emergency_list")
    act, note = acts[form.cleaned_data["act"]], form.cleaned_data["note"]
    try:
        term = act(actor=request.user, key=str(key), note=note, now=timezone.now())
        messages.success(request, f"“{term.text}”: {term.get_state_display().lower()}.")
    except PolicyError as error:
        messages.error(request, f"Nothing was changed. {sentence_of(error)}")
    return redirect_to(request, "emergency_list")


def _page(
    request: HtmxRequest,
    form: EmergencyForm,
    status: int = 200,
    weighed: Weighed | None = None,
    looked: str = "",
) -> HttpResponse:
    terms = list(emergency_terms()[:_MAX_LISTED])
    context = {
        "form": form,
        "names": form.names,
        "waiting": [term for term in terms if term.state == EmergencyState.LIVE],
        "confirmed": [term for term in terms if term.state == EmergencyState.CONFIRMED],
        "ended": [term for term in terms if not term.is_open],
        "weighed": weighed,
        "looked": looked,
        **limits(),
    }
    return render_page(request, "emergency/list.html", context, status=status)
