"""The home page: what waits for this person, and today's numbers."""

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from console.access import DASHBOARDS, REDRIVE, REVIEW, may, requires
from console.http import HtmxRequest, render_page
from console.numbers import today
from moderation import selectors
from moderation.deep.pressure import is_pressed


@require_GET
@requires()
def home(request: HtmxRequest) -> HttpResponse:
    """Show what each role needs first."""
    now = timezone.now()
    context: dict[str, Any] = {"today": today(request.user, now), "now": now}
    if may(request.user, REVIEW):
        depths = selectors.queue_depths(request.user, now)
        context |= {
            "depths": [d for d in depths if d.n_open or d.n_leased],
            "n_open": sum(d.n_open for d in depths),
            "n_overdue": sum(d.n_overdue for d in depths),
        }
    if may(request.user, REDRIVE) or may(request.user, DASHBOARDS):
        context |= {"backlog": selectors.backlog_visible(request.user), "is_pressed": is_pressed()}
    return render_page(request, "home.html", context, fragment="live")
