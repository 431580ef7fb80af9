"""One's own last decisions, and taking one back."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from console.access import REVIEW, requires
from console.http import HtmxRequest, redirect_to, render_page
from console.pages.forms import category_names
from moderation.exceptions import UndoRefused
from moderation.items.visibility import item_visible
from moderation.models import Decision, Overturn, WaitingDecision
from moderation.models.review import JobState
from moderation.review import feedback
from moderation.review.acts import acts_of, first_words
from moderation.review.undo import undo
from policies.choices import Outcome


@require_GET
@requires(REVIEW)
def undo_list(request: HtmxRequest) -> HttpResponse:
    """List one's own last decisions, with what each did and whether it still stands."""
    return _page(request)


@require_POST
@requires(REVIEW)
def undo_take(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Take a decision back and go to its job; a second press goes there again and takes nothing else back."""
    try:
        job = undo(actor=request.user, key=str(key), now=timezone.now())
    except UndoRefused as error:
        return _page(request, refused=str(error), status=409)
    if job is None:
        messages.success(request, "Taken back. There is no job in it for you now.")
        return redirect_to(request, "undo_list")
    messages.success(request, "Taken back. The job is yours again, with what you had typed.")
    return redirect_to(request, "job_page", job.key)


@require_POST
@requires(REVIEW)
def overturn_read(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Put aside what a senior changed; a repeat changes nothing."""
    if not Overturn.objects.filter(key=key, person=request.user).exists():
        raise Http404
    feedback.overturn_seen(actor=request.user, key=str(key), now=timezone.now())
    return redirect_to(request, "home")


@require_POST
@requires(REVIEW)
def overtaken_read(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Put aside that a decision did not take effect; a repeat changes nothing."""
    if not WaitingDecision.objects.filter(key=key, actor=request.user).exists():
        raise Http404
    feedback.overtaken_seen(actor=request.user, key=str(key), now=timezone.now())
    return redirect_to(request, "home")


def feedback_context(request: HtmxRequest) -> dict[str, Any]:
    """Return what came back to the person, for the pages where they begin."""
    person = request.user
    overturns = feedback.overturns_unread(person)
    overtaken = feedback.overtaken_unread(person)
    return {
        "own_overturns": [(row, first_words(person, row.decision.item)) for row in overturns],
        "own_overtaken": [(row, first_words(person, row.item)) for row in overtaken],
    }


def _page(request: HtmxRequest, refused: str = "", status: int = 200) -> HttpResponse:
    context = {
        "acts": acts_of(request.user),
        "names": category_names(),
        "refused": refused,
        "now": timezone.now(),
        "seconds": settings.CLEARING_WAITS_SECONDS,
    }
    return render_page(request, "review/undo.html", context, status=status)


def say_decided(made: Decision | WaitingDecision, subject: str) -> str:
    """Return what its maker is told of a decision: whether it counts already, and how it is taken back."""
    if isinstance(made, WaitingDecision):
        seconds = round((made.due_at - made.created_at).total_seconds())
        verb = "Cleared" if made.outcome == Outcome.CLEAR else "Restricted"
        return f"{verb} in {seconds} s: {subject}. Press u to take it back."
    return f"Decided {subject}."


def say_overtaken(request: HtmxRequest) -> str:
    """Return what a person is told, wherever they went on, of their decision that did not take effect; "" where there is none."""
    row = feedback.overtaken_unread(request.user).first()
    if row is None:
        return ""
    named = f": {row.item.external_id}" if item_visible(request.user, row.item) else ""
    back = "It comes back to you; press" if named and row.job and row.job.state == JobState.OPEN else "Press"
    return f"What you cleared did not take effect{named}. {row.why} {back} u to see."
