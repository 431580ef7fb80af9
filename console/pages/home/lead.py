"""Home of those who lead a shift: how queues stand and will stand, who is on what, and moving jobs."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.models import User

from moderation.review.moving import MOST_MOVED
from moderation.review.outlook import HORIZONS, jobs_held, outlooks
from policies.choices import SENIOR_QUEUE


class MoveForm(forms.Form):
    """Which jobs are moved where."""

    source = forms.SlugField()
    target = forms.SlugField()
    n = forms.IntegerField(min_value=1, max_value=MOST_MOVED)


def section(user: User, now: datetime) -> dict[str, Any]:
    """Return what a lead sees first; five queries."""
    found = outlooks(user, now)
    movable = [o.depth for o in found if not o.depth.is_restricted and o.depth.slug != SENIOR_QUEUE]
    return {
        "outlooks": found,
        "horizons": HORIZONS,
        "held": jobs_held(user, now),
        "movable": movable,
        "most_moved": MOST_MOVED,
    }
