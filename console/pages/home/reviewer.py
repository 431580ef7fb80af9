"""Home of those who review: their job, their day, what waits."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from console.pages.home.context import today
from moderation.review import queries as review_queries
from moderation.wide.queries import acts_waiting


def section(user: User, now: datetime) -> dict[str, Any]:
    """Return what a reviewer sees first."""
    depths = review_queries.queue_depths(user, now)
    return {
        "today": today(user, now),
        "depths": [d for d in depths if d.n_open or d.n_leased],
        "n_acts": acts_waiting(user).exclude(asked_by=user).count(),
        "n_open": sum(d.n_open for d in depths),
        "n_overdue": sum(d.n_overdue for d in depths),
    }
