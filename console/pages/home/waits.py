"""What waits for one person beside their role's part of the home page: one look tells which of it there is to read."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists

from console.access import OVERTURN, REDRIVE, REVIEW, may
from console.http import HtmxRequest
from console.pages.review.undo import feedback_context
from moderation.items.visibility import dead_letters_visible
from moderation.review.feedback import overtaken_unread, overturns_unread
from moderation.review.lead_calls import lead_calls_open, lead_calls_waiting
from moderation.review.queries import answers_back


def waits_context(request: HtmxRequest) -> dict[str, Any]:
    """Return what came back to a person, the calls to whoever leads, and how many letters are dead."""
    user = request.user
    has = _look(user)
    context: dict[str, Any] = {"answers": answers_back(user) if has["answers"] else ()}
    if has["feedback"]:
        context |= feedback_context(request)
    if has["calls"]:
        context["calls"] = lead_calls_open(user)
    if has["dead"]:
        context["n_dead"] = dead_letters_visible(user).count()
    return context


def _look(user: User) -> dict[str, bool]:
    """Return what there is of each, as far as the person's role has it, in one query."""
    looks: dict[str, Any] = {}
    if may(user, REVIEW):
        looks["answers"] = Exists(answers_back(user))
        looks["feedback"] = Exists(overturns_unread(user)) | Exists(overtaken_unread(user))
    if may(user, OVERTURN):
        looks["calls"] = Exists(lead_calls_waiting(user))
    if may(user, REDRIVE):
        looks["dead"] = Exists(dead_letters_visible(user))
    rows = list(User.objects.filter(pk=user.pk).values(**looks)) if looks else []
    found: dict[str, Any] = dict(rows[0]) if rows else {}
    return {name: bool(found.get(name)) for name in ("answers", "feedback", "calls", "dead")}
