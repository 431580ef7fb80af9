"""One's own last decisions, and taking one back."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from console.access import REVIEW, requires
from console.http import HtmxRequest, redirect_to, render_page
from console.pages.forms import category_names
from moderation.exceptions import UndoRefused
from moderation.models import Decision, WaitingDecision
from moderation.review.acts import acts_of
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
