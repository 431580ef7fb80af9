"""Promises work inside the transaction that makes it necessary: nothing that is committed is forgotten."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from moderation.db.inserts import row_add
from moderation.models import Item, OutboxMessage
from moderation.outbox.queues import FIRST_QUEUE

State = OutboxMessage.State

TOPIC_EXAMINE = "moderation.tasks.item_examine"
TOPIC_REEXAMINE = "moderation.tasks.item_reexamine"
TOPIC_DETECT = "moderation.tasks.detector_run"
TOPIC_RERUN = "moderation.tasks.file_rerun"
#: What a creator was told from a job; `part` is the kind. Notices are to carry it to the platform.
TOPIC_CREATOR_ACT = "moderation.tasks.creator_act"
TOPIC_RENEW = "moderation.tasks.item_renew"
#: Promised by a trigger of the table of decisions, which knows it by this name.
TOPIC_REKEY = "moderation.tasks.media_rekey"
#: Where messages wait that say nothing else.
_QUEUE_OF = {TOPIC_EXAMINE: FIRST_QUEUE}


def message_add(
    *,
    topic: str,
    item: Item | None,
    payload: dict[str, Any] | None = None,
    part: str = "",
    queue: str = "",
    rank_at: datetime | None = None,
) -> OutboxMessage:
    """Promise a task, inside the caller's transaction; an unfinished promise of the same kind is returned instead.

    Work on no item is of the same kind where its payload is the same.

    Args:
        part: the detector whose share of the work this is; empty for all of it.
        queue: one of the deep pass's; empty for the topic's own.
        rank_at: deep work goes by this moment, earliest first; now by default.
    """
    same = {"item": item} if item else {"item": None, "payload": payload or {}}
    made = {"payload": payload or {}, "queue": queue or _QUEUE_OF.get(topic, ""), "rank_at": rank_at or timezone.now()}
    message, _ = OutboxMessage.objects.get_or_create(
        **same, topic=topic, part=part, state__in=[State.PENDING, State.SENT], defaults=made
    )
    return message


def message_on_arrival(*, topic: str, item: Item, rank_at: datetime, available_at: datetime) -> None:
    """Promise a task for a new item, inside the transaction that makes it: nothing of the same kind can be there yet.

    Args:
        available_at: it is not begun before.
    """
    queue = _QUEUE_OF.get(topic, "")
    row_add(OutboxMessage(topic=topic, item=item, queue=queue, rank_at=rank_at, available_at=available_at))


def messages_hasten(*, topic: str, item_pks: Sequence[int], now: datetime) -> None:
    """Let what was put off for items begin now, inside the caller's transaction."""
    put_off = OutboxMessage.objects.filter(item__in=item_pks, topic=topic, state=State.PENDING, attempts=0)
    put_off.filter(available_at__gt=now).update(available_at=now)


def item_joined(*, item: Item) -> OutboxMessage | None:
    """Promise the decision on an item when the last of its detectors has ended, well or not; inside the caller's transaction.

    The caller holds the item's lock and has ended its own message, so of two that end at once the second sees both.
    """
    if OutboxMessage.objects.filter(item=item, topic=TOPIC_DETECT, state__in=[State.PENDING, State.SENT]).exists():
        return None
    return message_add(topic=TOPIC_EXAMINE, item=item, rank_at=item.created_at)
