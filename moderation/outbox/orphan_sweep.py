"""The net under the net: finds items that wait although no message promises work on them."""

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from moderation.models import Item, OutboxMessage
from moderation.models.item import DeepState, ItemState
from moderation.outbox.promise import TOPIC_EXAMINE, message_add

log = structlog.get_logger(__name__)

#: Anything younger is still within the transaction and first delivery that made it.
GRACE = timedelta(seconds=60)


def items_reconcile(*, now: datetime, limit: int = 500) -> int:
    """Promise work again for items that lost theirs; return how many were promised.

    Normally none: item and message are written together. One that turns up is logged as the bug it is.

    Concurrency: each item is locked and looked at again, so that two of these promise it once.
    """
    waiting = _select_lost(now).values_list("pk", flat=True)[:limit]
    return sum(_promise_again(pk, now) for pk in list(waiting))


def _select_lost(now: datetime) -> QuerySet[Item]:
    under_way = OutboxMessage.objects.filter(item=OuterRef("pk"), state__in=["pending", "sent", "dead"])
    waiting = Q(state=ItemState.PENDING) | Q(deep_state=DeepState.QUEUED)
    return Item.objects.filter(waiting, ~Exists(under_way), created_at__lt=now - GRACE, withdrawn_at__isnull=True)


def _promise_again(pk: int, now: datetime) -> bool:
    with transaction.atomic():
        locked = Item.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
        # A second statement sees what the one before us committed while the lock was waited for or skipped.
        if locked is None or not _select_lost(now).filter(pk=pk).exists():
            return False
        message_add(topic=TOPIC_EXAMINE, item=locked, rank_at=locked.created_at)
    log.error("item_without_promise", item=str(locked.key))
    return True
