"""Hands what is due to the broker, in the order of ranks; the broker holds only the next few of each deep queue."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Count

from moderation.models import OutboxMessage
from moderation.outbox.messages import claimable
from moderation.outbox.queues import QUEUES

log = structlog.get_logger(__name__)
State = OutboxMessage.State

#: Sends (task name, message key, queue or "" for the task's own); raises on a broker that is away.
Sender = Callable[[str, str, str], None]
_BATCH = 100


def relay_once(*, send: Sender, now: datetime) -> int:
    """Send what is due; return how many were sent.

    1. lock due rows that nobody else relays (SKIP LOCKED: any number of relays may run),
    2. of each deep queue only as many as its window has room for, the first by rank: what waits with the broker can no
       longer be overtaken, and is sent again and again while it waits,
    3. send each; a broker that fails ends the round and leaves the rest pending,
    4. mark it sent, due again later in case the broker loses it.
    """
    with transaction.atomic():
        due = [*_due(now).filter(queue="").select_for_update(skip_locked=True).order_by("available_at")[:_BATCH]]
        for queue, room in _rooms(now).items():
            ready = _due(now).filter(queue=queue).select_for_update(skip_locked=True)
            due += ready.order_by("rank_at", "pk")[:room]
        sent = list(_send_all(due, send))
        OutboxMessage.objects.filter(pk__in=sent).update(
            state=State.SENT, available_at=now + timedelta(seconds=settings.OUTBOX_RESEND_AFTER_SECONDS)
        )
    return len(sent)


def _rooms(now: datetime) -> dict[str, int]:
    """Return how many more messages of each deep queue may go to the broker. What is being worked on has left it."""
    carried = OutboxMessage.objects.filter(claimable(now), state=State.SENT, queue__in=QUEUES, available_at__gt=now)
    counts = dict(carried.values_list("queue").annotate(n=Count("pk")))
    rooms = {queue: settings.DEEP_WINDOW - counts.get(queue, 0) for queue in QUEUES}
    return {queue: room for queue, room in rooms.items() if room > 0}


def _due(now: datetime) -> Any:
    return OutboxMessage.objects.filter(claimable(now), state__in=[State.PENDING, State.SENT], available_at__lte=now)


def _send_all(messages: Any, send: Sender) -> Iterator[int]:
    for message in messages:
        try:
            send(message.topic, str(message.key), message.queue)
        except Exception as error:  # whatever the broker's client raises, the row stays and is sent later
            log.warning("outbox_send_failed", topic=message.topic, error=type(error).__name__)
            return
        yield message.pk
