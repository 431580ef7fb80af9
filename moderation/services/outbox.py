"""The outbox: work promised in a transaction, carried by the broker, finished in the transaction of its result.

A message's life: pending -> sent -> (claimed) -> done, or dead after OUTBOX_MAX_ATTEMPTS begun attempts.
Attempts are counted when work begins, so a message that kills its worker is bounded as well.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from moderation.exceptions import DeadLetterInvalid
from moderation.models import Item, OutboxMessage
from moderation.models.item import DeepState, ItemState
from moderation.routing import UNEXAMINED_QUEUE
from moderation.services.audit import audit_write
from moderation.services.job_opening import job_open
from policies.exceptions import PolicyUnavailable
from policies.selectors import compiled_active

log = structlog.get_logger(__name__)
State = OutboxMessage.State

#: Sends (task name, message key); raises on a broker that is away.
Sender = Callable[[str, str], None]
_BATCH = 100


def message_add(*, topic: str, item: Item | None, payload: dict[str, Any] | None = None) -> OutboxMessage:
    """Promise a task, inside the caller's transaction; an unfinished promise of the same kind is returned instead.

    Work on no item is of the same kind where its payload is the same.
    """
    same = {"item": item} if item else {"item": None, "payload": payload or {}}
    message, _ = OutboxMessage.objects.get_or_create(
        **same, topic=topic, state__in=[State.PENDING, State.SENT], defaults={"payload": payload or {}}
    )
    return message


def relay_once(*, send: Sender, now: datetime) -> int:
    """Send what is due; return how many were sent.

    1. lock due rows that nobody else relays (SKIP LOCKED: any number of relays may run),
    2. send each; a broker that fails ends the round and leaves the rest pending,
    3. mark it sent, due again later in case the broker loses it.
    """
    with transaction.atomic():
        due = _due(now).select_for_update(skip_locked=True).order_by("available_at")[:_BATCH]
        sent = list(_send_all(due, send))
        OutboxMessage.objects.filter(pk__in=sent).update(
            state=State.SENT, available_at=now + timedelta(seconds=settings.OUTBOX_RESEND_AFTER_SECONDS)
        )
    return len(sent)


def _due(now: datetime) -> Any:
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)
    return OutboxMessage.objects.filter(free, state__in=[State.PENDING, State.SENT], available_at__lte=now)


def _send_all(messages: Any, send: Sender) -> Iterator[int]:
    for message in messages:
        try:
            send(message.topic, str(message.key))
        except Exception as error:  # whatever the broker's client raises, the row stays and is sent later
            log.warning("outbox_send_failed", topic=message.topic, error=type(error).__name__)
            return
        yield message.pk


def message_begin(*, key: str, now: datetime) -> OutboxMessage | None:
    """Claim a message for work and count the attempt; None when it is finished, dead, or being worked on.

    Concurrency: one guarded UPDATE decides; a duplicate delivery finds no row.
    """
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)
    claimed = OutboxMessage.objects.filter(
        free, key=key, state__in=[State.PENDING, State.SENT], attempts__lt=settings.OUTBOX_MAX_ATTEMPTS
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
        _alarm(row)
    return is_dead


def _alarm(message: OutboxMessage) -> None:
    """Make a dead letter seen: on the item, as a job for a person, in the audit log and in the logs."""
    item = Item.objects.select_for_update(of=("self",)).filter(pk=message.item_id or 0).first()
    if item is not None:
        Item.objects.filter(pk=item.pk).update(deep_state=DeepState.FAILED)
        _give_to_person(item)
    audit_write(
        actor="system", action="message.died", object_type="message", object_key=message.key, topic=message.topic
    )
    log.error("dead_letter", topic=message.topic, message=str(message.key), attempts=message.attempts)


def _give_to_person(item: Item) -> None:
    """Open a job for an item that machines could not finish; without a policy the dead letter alone must do."""
    if item.withdrawn_at or item.state != ItemState.HELD:
        return
    try:
        policy = compiled_active()
    except PolicyUnavailable:
        return
    job_open(
        item=item,
        policy=policy,
        category="",
        score=0.5,
        reason="Could not be examined",
        queue_slug=UNEXAMINED_QUEUE,
        now=timezone.now(),
    )


@transaction.atomic
def dead_letter_redrive(*, actor: AbstractBaseUser, message_key: str, now: datetime) -> OutboxMessage:
    """Give a dead letter a fresh set of attempts.

    Raises:
        DeadLetterInvalid: it is not dead, or a newer message already does the same work.
    """
    message = OutboxMessage.objects.select_for_update().filter(key=message_key, state=State.DEAD).first()
    if message is None:
        raise DeadLetterInvalid("This is no dead letter any more; reload the list.")
    twin = OutboxMessage.objects.filter(
        item_id=message.item_id or 0, topic=message.topic, state__in=[State.PENDING, State.SENT]
    )
    if message.item_id and twin.exists():
        raise DeadLetterInvalid("The same work is already under way for this item.")
    message.state, message.attempts, message.available_at = State.PENDING, 0, now
    message.save(update_fields=["state", "attempts", "available_at"])
    Item.objects.filter(pk=message.item_id or 0).update(deep_state=DeepState.QUEUED)
    audit_write(actor=actor, action="message.redriven", object_type="message", object_key=message.key)
    return message
