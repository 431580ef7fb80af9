"""How somebody looks at media, kept for each category: their own choice, for their own eyes."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
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


def viewing_save(
    *,
    actor: User,
    category: str,
    is_sharp: bool,
    is_colour: bool,
    has_sound: bool,
    veils_words: bool,
    blur: int,
    grey: int,
    volume: int,
) -> ViewingChoice:
    """Keep how a person looks at media of a category, in place of what they had chosen before.

    Args:
        blur, grey, volume: within the ranges of `ViewingChoice`, or the database refuses.
    """
    values = {
        "is_sharp": is_sharp,
        "is_colour": is_colour,
        "has_sound": has_sound,
        "veils_words": veils_words,
        "blur": blur,
        "grey": grey,
        "volume": volume,
    }
    return ViewingChoice.objects.update_or_create(person_id=actor.pk, category=category, defaults=values)[0]
