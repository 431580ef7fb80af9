"""Home of administrators: people and roles, keys that end, letters to nowhere, health."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User

from console.api.health import health_checks
from console.identity import people
from console.identity.api_keys import keys as keys_known
from console.identity.roles import ROLES
from moderation.review.queries import backlog_visible

#: To ask the gate is to follow it from then on, which a process that serves no feed need not; the page comes from the database.
_NOT_ASKED = ("gate", "database")
#: What the parts of a deployment are called by people.
_PARTS = {
    "broker": "Queue of tasks", "policy": "Active policy", "banks": "Hash banks", "deep": "Slow models", "decoders": "Media decoders",
}  # fmt: skip
#: Keys that end within so long are named.
_SOON = timedelta(days=30)


def section(user: User, now: datetime) -> dict[str, Any]:
    """Return what an administrator sees first; five queries."""
    known = [person for person in people.people() if person.is_active]
    roles = Counter(group.name for person in known for group in person.groups.all())
    keys = [key for key in keys_known() if key.is_valid(now)]
    return {
        "n_people": len(known),
        "n_without_role": sum(not person.groups.all() for person in known),
        "n_invited": sum(not person.has_usable_password() for person in known),
        "by_role": [(role, roles[role]) for role in ROLES],
        "n_keys": len(keys),
        "keys_ending": [key for key in keys if key.expires_at and key.expires_at < now + _SOON],
        "backlog": backlog_visible(user),
        "health": [(_PARTS.get(name, name), check) for name, check in health_checks(but=_NOT_ASKED).items()],
    }
