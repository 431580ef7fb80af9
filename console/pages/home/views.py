"""The home page: what waits for this person, and today's numbers."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from console.access import DASHBOARDS, OVERTURN, REDRIVE, REVIEW, may, requires
from console.http import HtmxRequest, render_page
from console.pages.home.context import today
from console.pages.review.undo import feedback_context
from moderation.items.visibility import messages_visible
from moderation.outbox.backpressure import is_pressed
from moderation.outbox.queries import deep_queues
from moderation.review import queries as review_queries
from moderation.review.lead_calls import lead_calls_open


@require_GET
@requires()
def home(request: HtmxRequest) -> HttpResponse:
    """Show what each role needs first."""
    now = timezone.now()
    context: dict[str, Any] = {"today": today(request.user, now), "now": now}
    if may(request.user, OVERTURN):
        context["calls"] = lead_calls_open(request.user)
    if may(request.user, REVIEW):
        depths = review_queries.queue_depths(request.user, now)
        context |= {
            "depths": [d for d in depths if d.n_open or d.n_leased],
            "answers": review_queries.answers_back(request.user),
            "n_open": sum(d.n_open for d in depths),
            "n_overdue": sum(d.n_overdue for d in depths),
            **feedback_context(request),
        }
    if may(request.user, REDRIVE) or may(request.user, DASHBOARDS):
        context |= {"backlog": review_queries.backlog_visible(request.user), "is_pressed": _is_late(request.user, now)}
    return render_page(request, "home/home.html", context, fragment="live")


def _is_late(user: User, now: datetime) -> bool:
    """Return whether a deep queue is late, by the work that a person may know of; looked at closely only where one is."""
    return is_pressed() and any(queue.is_pressed for queue in deep_queues(now, messages_visible(user)))
