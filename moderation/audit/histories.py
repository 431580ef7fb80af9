"""Beginning another history by hand: the last step of every restore."""

from django.db import transaction
from django.utils import timezone

from moderation.audit.actors import acting
from moderation.audit.log import Actor, acting_of
from moderation.models.history import History


@transaction.atomic
def history_begin(*, actor: Actor) -> History:
    """Give the database another history: every process drops what it has read, every client its cache. Safe to repeat.

    A trigger writes the audit row, as it does where a process noticed the restore by itself.
    """
    history = History(began_at=timezone.now())
    with acting(lambda: acting_of(actor)):
        History.objects.update_or_create(pk=1, defaults={"key": history.key, "began_at": history.began_at})
    return history
