"""Home of analysts: saved simulations, and today's decisions."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from console.pages.home.context import today
from moderation.simulation.queries import simulation_list

_MOST = 12


def section(user: User, now: datetime) -> dict[str, Any]:
    """Return what an analyst sees first; two queries."""
    return {"today": today(user, now), "runs": list(simulation_list(user)[:_MOST])}
