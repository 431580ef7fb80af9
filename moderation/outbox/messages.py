"""The life of an outbox message while it is worked on. Work is promised by promise.py and handed to the broker by relay.py.

A message's life: pending -> sent -> (claimed) -> done, or dead after OUTBOX_MAX_ATTEMPTS begun attempts.
Attempts are counted when work begins, so a message that kills its worker is bounded as well.
Work of the deep pass waits here in the order of its ranks; the broker holds only the next few of each queue.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from moderation.models import OutboxMessage
from moderation.outbox.dead_letters import alarm

log = structlog.get_logger(__name__)
State = OutboxMessage.State


def claimable(now: datetime) -> Q:
    return Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)


def message_begin(*, key: str, now: datetime) -> OutboxMessage | None:
    """Claim a message for work and count the attempt; None when it is finished, dead, or being worked on.

    Concurrency: one guarded UPDATE decides; a duplicate delivery finds no row.
    """
    claimed = OutboxMessage.objects.filter(
        claimable(now), key=key, state__in=[State.PENDING, State.SENT], attempts__lt=settings.OUTBOX_MAX_ATTEMPTS
    ).update(attempts=F("attempts") + 1, claimed_until=now + timedelta(seconds=settings.OUTBOX_CLAIM_SECONDS))
    message = OutboxMessage.objects.select_related("item").filter(key=key).first()
    if claimed:
        return message
    if message and message.attempts >= settings.OUTBOX_MAX_ATTEMPTS and _is_free(message, now):
        message_fail(message=message, error=message.last_error or "the worker died each time", now=now)
    return None


def _is_free(message: OutboxMessage, now: datetime) -> bool:
    return message.claimed_until is None or message.claimed_until < now


@contextmanager
def claim_kept(message: OutboxMessage) -> Iterator[None]:
    """Renew the claim every third of its length while the body runs, so that only a dead worker loses it."""
    stop = threading.Event()
    keeper = threading.Thread(target=_keep_claim, args=(message.pk, stop), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stop.set()
        keeper.join(timeout=5)


def _keep_claim(pk: int, stop: threading.Event) -> None:
    seconds = settings.OUTBOX_CLAIM_SECONDS
    try:
        while not stop.wait(seconds / 3):
            until = timezone.now() + timedelta(seconds=seconds)
            try:
                OutboxMessage.objects.filter(pk=pk).exclude(state=State.DONE).update(claimed_until=until)
            except Exception as error:  # the database may be restarting: try again at the next beat
                log.warning("outbox_claim_not_renewed", error=type(error).__name__)
                connection.close()
    finally:
        connection.close()


def message_done(*, message: OutboxMessage, now: datetime) -> None:
    """Finish a message, inside the transaction of its result."""
    OutboxMessage.objects.filter(pk=message.pk).update(state=State.DONE, done_at=now, claimed_until=None, last_error="")


@transaction.atomic
def message_fail(*, message: OutboxMessage, error: str, now: datetime) -> bool:
    """Put a failed message back with back-off, or make it a dead letter; return whether it is dead.

    1. lock the message; one that was finished meanwhile stays finished,
    2. below the limit: due again after 2, 8, 32, ... seconds,
    3. at the limit: dead, the item is marked failed, and the alarm is logged and counted.
    """
    row = OutboxMessage.objects.select_for_update().get(pk=message.pk)
    if row.state not in {State.PENDING, State.SENT}:
        return row.state == State.DEAD
    row.last_error, row.claimed_until = error[:500], None
    is_dead = row.attempts >= settings.OUTBOX_MAX_ATTEMPTS
    row.state = State.DEAD if is_dead else State.PENDING
    row.available_at = now + timedelta(seconds=2 * 4 ** max(row.attempts - 1, 0))
    row.save(update_fields=["last_error", "claimed_until", "state", "available_at"])
    if is_dead:
        alarm(row)
    return is_dead
