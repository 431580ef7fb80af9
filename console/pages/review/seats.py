"""One's own seat: languages, opt-outs, a limit; and, for seniors, who is trained for which queues."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from console.access import OVERTURN, REVIEW, requires
from console.http import HtmxRequest, redirect_to, render_page
from console.pages.forms import category_names
from console.pages.review.forms import SeatForm, TrainForm
from moderation.items.visibility import queues_visible
from moderation.models import Reviewer
from moderation.review import seats
from moderation.review.queries import reviewers_listed


@require_GET
@requires(REVIEW)
def seat_page(request: HtmxRequest) -> HttpResponse:
    """Show what one has said about one's own seat; nobody else is shown this page's answers."""
    mine = Reviewer.objects.filter(user=request.user).first()
    initial = {
        "languages": ", ".join(mine.languages) if mine else "",
        "opted_out": mine.opted_out if mine else [],
        "grave_per_day": mine.grave_per_day if mine else None,
    }
    return _page(request, SeatForm(initial=initial, names=category_names()))


@require_POST
@requires(REVIEW)
def seat_save(request: HtmxRequest) -> HttpResponse:
    """Store what one has said."""
    form = SeatForm(request.POST, names=category_names())
    if not form.is_valid():
        return _page(request, form, status=422)
    seats.seat_save(actor=request.user, now=timezone.now(), **form.cleaned_data)
    messages.success(request, "Saved. It counts from your next claim.")
    return redirect_to(request, "seat_page")


@require_GET
@requires(OVERTURN)
def seat_list(request: HtmxRequest) -> HttpResponse:
    """List who reviews, what they read and what they are trained for; what they do not want to see is theirs alone."""
    queues = list(queues_visible(request.user))
    known = {queue.slug for queue in queues}
    rows = [(reviewer, [slug for slug in reviewer.queues if slug in known]) for reviewer in reviewers_listed()]
    context = {"rows": rows, "queues": queues}
    return render_page(request, "review/seats.html", context)


@require_POST
@requires(OVERTURN)
def seat_train(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Say which queues somebody is trained for."""
    reviewer = Reviewer.objects.select_related("user").filter(key=key).first()
    if reviewer is None:
        raise Http404
    form = TrainForm(request.POST, slugs=queues_visible(request.user).values_list("slug", flat=True))
    if not form.is_valid():
        messages.error(request, "There is no such queue; nothing was changed.")
        return redirect_to(request, "seat_list")
    try:
        seats.seat_train(
            actor=request.user, username=reviewer.user.get_username(), now=timezone.now(), **form.cleaned_data
        )
    except User.DoesNotExist:
        raise Http404 from None
    messages.success(request, "Noted. It counts from their next claim.")
    return redirect_to(request, "seat_list")


def _page(request: HtmxRequest, form: SeatForm, status: int = 200) -> HttpResponse:
    return render_page(request, "review/seat.html", {"form": form}, status=status)
