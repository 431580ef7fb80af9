"""What a reviewer does on a job beside deciding it: a help message, a warning, a call to whoever leads."""

from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from console.access import OVERTURN, REVIEW, job_mine, pace, requires
from console.http import HtmxRequest, redirect_to
from console.pages.review.act_panel import act_panel
from console.pages.review.forms import ActForm, LeadForm
from console.pages.review.giving_back import on_held_job
from console.pages.review.views import answer_again
from moderation.exceptions import ActInvalid
from moderation.models import LeadCall
from moderation.models.enforcement import ActKind
from moderation.review import creator_acts, lead_calls

_ACTS_PER_MINUTE = 20
_CALLS_PER_MINUTE = 10

Sent = Callable[[HtmxRequest, UUID], HttpResponse]


def _tell(kind: ActKind, done: str) -> Sent:
    """Return what sends one kind of message to the creator of a job's item."""

    def view(request: HtmxRequest, key: UUID) -> HttpResponse:
        form = ActForm(request.POST)
        if not form.is_valid():
            return _again(request, key, kind, form)
        try:
            creator_acts.creator_tell(
                actor=request.user, job_key=str(key), lease_token=request.POST.get("lease_token", ""), kind=kind,
                clause=form.cleaned_data["act_clause"], text=form.cleaned_data["act_text"],
                fallback=settings.LANGUAGE_CODE, now=timezone.now(),
            )  # fmt: skip
        except ActInvalid as error:
            form.add_error(f"act_{error.field}", str(error))
            return _again(request, key, kind, form)
        return _done(request, key, done)

    return view


@require_POST
@requires(REVIEW)
@pace("job_help", _ACTS_PER_MINUTE)
@on_held_job
def job_help(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Send the creator a help message."""
    return _tell(ActKind.HELP, "The help message to the creator is recorded.")(request, key)


@require_POST
@requires(REVIEW)
@pace("job_warn", _ACTS_PER_MINUTE)
@on_held_job
def job_warn(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Warn the creator."""
    return _tell(ActKind.WARNING, "The warning is recorded on the creator.")(request, key)


@require_POST
@requires(REVIEW)
@pace("job_call_lead", _CALLS_PER_MINUTE)
@on_held_job
def job_call_lead(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Tell whoever leads about the job."""
    form = LeadForm(request.POST)
    if not form.is_valid():
        return _again(request, key, "lead", form)
    lead_calls.lead_call(
        actor=request.user, job_key=str(key), lease_token=request.POST.get("lease_token", ""),
        text=form.cleaned_data["lead_text"], now=timezone.now(),
    )  # fmt: skip
    return _done(request, key, "The duty lead is told; it stands on their home page.")


@require_POST
@requires(OVERTURN)
def lead_call_seen(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Note that the person has seen to a call."""
    try:
        call = lead_calls.lead_call_see(actor=request.user, call_key=str(key), now=timezone.now())
    except LeadCall.DoesNotExist:
        raise Http404 from None
    messages.success(request, f"Noted: you have seen to the call about {call.job.item.external_id}.")
    return redirect_to(request, "home")


def _done(request: HtmxRequest, key: UUID, said: str) -> HttpResponse:
    """Show what was done in its place, so that nothing typed beside it is lost; without htmx, the page anew."""
    if not request.htmx:
        messages.success(request, said)
        return redirect_to(request, "job_page", key)
    page = job_mine(request.user, key)
    return render(request, "parts/acts.html", {"job": page.job, "acts": act_panel(page.job, page.item, done=said)})


def _again(request: HtmxRequest, key: UUID, which: str, form: Form) -> HttpResponse:
    """Show what was typed and what is wrong with it: in its place, or without htmx on the whole page."""
    if not request.htmx:
        return answer_again(request, key, refused={which: form})
    page = job_mine(request.user, key)
    panel = act_panel(page.job, page.item, refused={which: form})
    return render(request, "parts/acts.html", {"job": page.job, "acts": panel}, status=422)
