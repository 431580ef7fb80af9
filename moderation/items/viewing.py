"""How somebody looks at media of a category, as a column of the pages that show them; kept by moderation.review.viewing."""

from collections.abc import Mapping
from typing import Any

from django.db.models import OuterRef, Subquery
from django.db.models.functions import JSONObject

from moderation.models import ViewingChoice

_CHOSEN = ("is_sharp", "is_colour", "has_sound", "veils_words", "blur", "grey", "volume")


def viewing_column(person_id: int, category: str) -> Subquery:
    """Return how a person looks at media of a category as a column; `viewing_in` reads it.

    Args:
        category: where the row has its category.
    """
    own = ViewingChoice.objects.filter(person_id=person_id, category=OuterRef(category))
    return Subquery(own.values(json=JSONObject(**{name: name for name in _CHOSEN})))


def viewing_in(column: Mapping[str, Any] | None, category: str) -> ViewingChoice:
    """Return what `viewing_column` found, of no person in particular; veiled in every way where it found nothing."""
    return ViewingChoice(category=category, **(column or {}))
