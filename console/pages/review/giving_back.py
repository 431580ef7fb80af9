"""A job that is not decided by whoever has it: given back, skipped for a reason, asked about, handed over."""

from collections.abc import Callable
from functools import wraps
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from console.access import REVIEW, JobTaken, job_mine, requires
from console.http import HtmxRequest, redirect_to
from console.pages.review.forms import AskForm, ShiftForm, SkipForm
from console.pages.review.views import answer_after_lost, answer_again, answer_taken, go_on
from moderation.exceptions import HandBackInvalid, LeaseLost
from moderation.models.job_note import SkipReason
from moderation.review import giving_back, leases


def on_held_job(view: Callable[[HtmxRequest, UUID], HttpResponse]) -> Callable[[HtmxRequest, UUID], HttpResponse]:
    """Ask whether the job is the person's before the view does anything, and tell them where it went if it is not any more."""

    @wraps(view)
    def answered(request: HtmxRequest, key: UUID) -> HttpResponse:
        try:
            job_mine(request.user, key)
            return view(request, key)
        except JobTaken as taken:
            return _whole(request, answer_taken(request, taken.job))
        except LeaseLost:
            return _whole(request, answer_after_lost(request, key))

    return answered


def _whole(request: HtmxRequest, response: HttpResponse) -> HttpResponse:
    """Let an answer take the place of the whole job, whatever part of its page asked."""
    if request.htmx:
        response["HX-Retarget"] = "#job"
    return response


def _token(request: HtmxRequest) -> str:
    return request.POST.get("lease_token", "")


@require_POST
@requires(REVIEW)
@on_held_job
def job_release(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Give the job back undecided."""
    leases.job_release(actor=request.user, job_key=str(key), lease_token=_token(request), now=timezone.now())
    messages.info(request, "You gave the job back; it is open for the next reviewer.")
    return redirect_to(request, "queue_list")


@require_POST
@requires(REVIEW)
@on_held_job
def job_skip(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Skip the job for a reason and go on to the next one."""
    form = SkipForm(request.POST)
    if not form.is_valid():
        return answer_again(request, key, skip=form)
    reason, note = form.cleaned_data["reason"], form.cleaned_data["skip_note"]
    try:
        giving_back.job_skip(
            actor=request.user,
            job_key=str(key),
            lease_token=_token(request),
            reason=reason,
            note=note,
            now=timezone.now(),
        )
    except HandBackInvalid as error:
        form.add_error("skip_note" if error.field == "question" else None, str(error))
        return answer_again(request, key, skip=form)
    messages.info(request, _SKIPPED[reason])
    return go_on(request)


_SKIPPED: dict[str, str] = {
    SkipReason.LANGUAGE: "Skipped: it goes to somebody who reads its language.",
    SkipReason.ADVICE: "Asked: a senior opens it with your question, and the answer comes back to you.",
    SkipReason.TOO_MUCH: "It went to somebody else, and nobody is told why. What you do not want to get can be set at your seat.",
    SkipReason.TECHNICAL: "Skipped: whoever has it next is told that something technical was wrong.",
}


@require_POST
@requires(REVIEW)
@on_held_job
def job_ask(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Pass the job to the seniors with a question and go on to the next one."""
    form = AskForm(request.POST)
    if not form.is_valid():
        return answer_again(request, key, ask=form)
    try:
        giving_back.job_ask(
            actor=request.user, job_key=str(key), lease_token=_token(request), now=timezone.now(), **form.cleaned_data
        )
    except HandBackInvalid as error:
        form.add_error(error.field, str(error))
        return answer_again(request, key, ask=form)
    messages.info(request, _SKIPPED[SkipReason.ADVICE])
    return go_on(request)


@require_POST
@requires(REVIEW)
def shift_end(request: HtmxRequest) -> HttpResponse:
    """Hand over: give back what one holds, with a note for whoever has it next."""
    form = ShiftForm(request.POST)
    note = form.cleaned_data["shift_note"] if form.is_valid() else form.data.get("shift_note", "")[:400]
    n_jobs = giving_back.shift_end(actor=request.user, note=note, now=timezone.now())
    messages.success(
        request,
        "Handed over: your job is open for the next reviewer. Rest well." if n_jobs else "You hold nothing. Rest well.",
    )
    return redirect_to(request, "queue_list")


@require_POST
@requires(REVIEW)
def answer_read(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Put an answer aside that one has read; a repeat changes nothing."""
    if not giving_back.question_of(request.user, str(key)):
        raise Http404
    giving_back.answer_seen(actor=request.user, key=str(key), now=timezone.now())
    return redirect_to(request, "queue_list")
