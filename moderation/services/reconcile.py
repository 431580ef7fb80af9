"""The net under the net: finds items that wait although no message promises work on them."""

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from moderation.models import Item, OutboxMessage
from moderation.models.item import DeepState, ItemState
from moderation.services.outbox import TOPIC_EXAMINE, message_add

log = structlog.get_logger(__name__)

#: Anything younger is still within the transaction and first delivery that made it.
GRACE = timedelta(seconds=60)


def items_reconcile(*, now: datetime, limit: int = 500) -> int:
    """Promise work again for items that lost theirs; return how many.

    Normally none: item and message are written together. One that turns up is logged as the bug it is.
    """
    under_way = OutboxMessage.objects.filter(item=OuterRef("pk"), state__in=["pending", "sent", "dead"])
    waiting = Q(state=ItemState.PENDING) | Q(deep_state=DeepState.QUEUED)
    lost = Item.objects.filter(waiting, ~Exists(under_way), created_at__lt=now - GRACE, withdrawn_at__isnull=True)
    for item in lost[:limit]:
        with transaction.atomic():
            message_add(topic=TOPIC_EXAMINE, item=item, rank_at=item.created_at)
        log.error("item_without_promise", item=str(item.key))
    return len(lost[:limit])
