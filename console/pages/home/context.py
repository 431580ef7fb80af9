"""The numbers of the home page. Reads only."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Count, Q

from moderation.items.visibility import decisions_visible
from moderation.models.decision import PERSON_STAGES
from policies.choices import Outcome


@dataclass(frozen=True, slots=True)
class Today:
    """Decisions since midnight UTC: all, by people, by this person, and per outcome in Outcome order."""

    n_decisions: int
    n_by_people: int
    n_mine: int
    by_outcome: list[tuple[Outcome, int]]


def today(user: User, now: datetime) -> Today:
    """Return what was decided since midnight UTC, in one query; without the restricted partition for those outside it."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    decisions = decisions_visible(user).filter(created_at__gte=midnight)
    counts = decisions.aggregate(
        n=Count("pk"),
        people=Count("pk", filter=Q(stage__in=PERSON_STAGES)),
        mine=Count("pk", filter=Q(actor=user)),
        **{f"o{outcome.value}": Count("pk", filter=Q(outcome=outcome)) for outcome in Outcome},
    )
    by_outcome = [(outcome, counts[f"o{outcome.value}"]) for outcome in Outcome]
    return Today(counts["n"], counts["people"], counts["mine"], by_outcome)
