"""Home of seniors: what is asked of them, what was overturned lately, and jobs that have waited too long."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from moderation.review import senior_queries
from moderation.wide.queries import acts_waiting

_MOST_ACTS = 12


def section(user: User, now: datetime) -> dict[str, Any]:
    """Return what a senior sees first; four queries."""
    return {
        "questions": senior_queries.questions_open(user),
        "overturns": senior_queries.overturns_lately(user, now),
        "aged": senior_queries.jobs_aged(user, now),
        "acts": list(acts_waiting(user)[:_MOST_ACTS]),
        "overturn_days": senior_queries.OVERTURN_DAYS,
    }
