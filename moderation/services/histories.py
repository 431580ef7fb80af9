"""Beginning another history by hand: the last step of every restore."""

from django.db import transaction
from django.utils import timezone

from moderation.models.history import History
from moderation.services.audit import Actor, audit_write


@transaction.atomic
def history_begin(*, actor: Actor) -> History:
    """Give the database another history: every process drops what it has read, every client its cache. Safe to repeat."""
    history, _ = History.objects.select_for_update().get_or_create(pk=1)
    fresh = History()
    history.key, history.began_at = fresh.key, timezone.now()
    history.save()
    audit_write(actor=actor, action="history.begun", object_type="history", object_key=str(history.key))
    return history
