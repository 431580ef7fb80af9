"""The home page: what waits for this person in each of their roles, one role at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from console.access import DASHBOARDS, EDIT_POLICIES, MANAGE_PEOPLE, OVERTURN, REDRIVE, REVIEW, may, requires
from console.http import HtmxRequest, redirect_to, render_page
from console.pages.home import admin, analyst, lead, policy, reviewer, senior
from console.pages.home.waits import waits_context
from moderation.exceptions import ModerationError
from moderation.items.visibility import messages_visible
from moderation.outbox.backpressure import is_pressed
from moderation.outbox.queries import deep_queues
from moderation.review.moving import jobs_move


@dataclass(frozen=True, slots=True)
class Home:
    """One role's part of the page: who has it, and what it shows. Its template is home/parts/<slug>.html."""

    slug: str
    title: str
    permission: str
    section: Callable[[User, datetime], dict[str, Any]]

    @property
    def template(self) -> str:
        """Where it is written."""
        return f"home/parts/{self.slug}.html"


#: In the order in which the first that somebody may see is theirs.
HOMES = (
    Home("admin", "Administration", MANAGE_PEOPLE, admin.section),
    Home("senior", "Senior", OVERTURN, senior.section),
    Home("lead", "Lead", OVERTURN, lead.section),
    Home("review", "Review", REVIEW, reviewer.section),
    Home("policy", "Policy", EDIT_POLICIES, policy.section),
    Home("analyst", "Analysis", DASHBOARDS, analyst.section),
)


@require_GET
@requires()
def home(request: HtmxRequest) -> HttpResponse:
    """Show what each role needs first."""
    now = timezone.now()
    theirs = [one for one in HOMES if may(request.user, one.permission)]
    asked = request.GET.get("as", "")
    chosen = next((one for one in theirs if one.slug == asked), theirs[0] if theirs else None)
    context: dict[str, Any] = {"now": now, "homes": theirs, "chosen": chosen}
    if chosen:
        context |= chosen.section(request.user, now)
    context |= waits_context(request)
    if may(request.user, REDRIVE) or may(request.user, DASHBOARDS):
        context["is_pressed"] = _is_late(request.user, now)
    return render_page(request, "home/home.html", context, fragment="live")


def _is_late(user: User, now: datetime) -> bool:
    """Return whether a deep queue is late, by the work that a person may know of; looked at closely only where one is."""
    return is_pressed() and any(queue.is_pressed for queue in deep_queues(now, messages_visible(user)))


#: Where the lead was.
_LEAD = "/?as=lead"


@require_POST
@requires(OVERTURN)
def lead_move(request: HtmxRequest) -> HttpResponse:
    """Move open jobs of one queue into another."""
    form = lead.MoveForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose two queues and how many jobs.")
        return redirect_to(request, _LEAD)
    try:
        n = jobs_move(actor=request.user, now=timezone.now(), **form.cleaned_data)
        messages.success(request, f"{n} job{'' if n == 1 else 's'} moved. Their due times stay.")
    except ModerationError as error:
        messages.error(request, str(error))
    return redirect_to(request, _LEAD)
