"""Keeps how somebody looks at media of a category: their own choice, for their own eyes."""

from django.contrib.auth.models import User

from moderation.models import ViewingChoice


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
