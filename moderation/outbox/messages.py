"""The outbox: work promised in a transaction, carried by the broker, finished in the transaction of its result.

A message's life: pending -> sent -> (claimed) -> done, or dead after OUTBOX_MAX_ATTEMPTS begun attempts.
Attempts are counted when work begins, so a message that kills its worker is bounded as well.
Work of the deep pass waits here in the order of its ranks; the broker holds only the next few of each queue.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from moderation.audit.log import audit_write
from moderation.db.inserts import row_add
from moderation.exceptions import DeadLetterInvalid
from moderation.jobs.opening import job_open
from moderation.models import Item, OutboxMessage
from moderation.models.item import DeepState, ItemState
from moderation.outbox.queues import FIRST_QUEUE, QUEUES
from policies.choices import UNEXAMINED_QUEUE
from policies.errors import PolicyUnavailable
from policies.live import active_policy

log = structlog.get_logger(__name__)
State = OutboxMessage.State

#: Sends (task name, message key, queue or "" for the task's own); raises on a broker that is away.
Sender = Callable[[str, str, str], None]
_BATCH = 100

TOPIC_EXAMINE = "moderation.tasks.item_examine"
TOPIC_REEXAMINE = "moderation.tasks.item_reexamine"
TOPIC_DETECT = "moderation.tasks.detector_run"
TOPIC_RERUN = "moderation.tasks.file_rerun"
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
    carried = OutboxMessage.objects.filter(_free(now), state=State.SENT, queue__in=QUEUES, available_at__gt=now)
    counts = dict(carried.values_list("queue").annotate(n=Count("pk")))
    rooms = {queue: settings.DEEP_WINDOW - counts.get(queue, 0) for queue in QUEUES}
    return {queue: room for queue, room in rooms.items() if room > 0}


def _free(now: datetime) -> Q:
    return Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)


def _due(now: datetime) -> Any:
    return OutboxMessage.objects.filter(_free(now), state__in=[State.PENDING, State.SENT], available_at__lte=now)


def _send_all(messages: Any, send: Sender) -> Iterator[int]:
    for message in messages:
        try:
            send(message.topic, str(message.key), message.queue)
        except Exception as error:  # whatever the broker's client raises, the row stays and is sent later
            log.warning("outbox_send_failed", topic=message.topic, error=type(error).__name__)
            return
        yield message.pk


def message_begin(*, key: str, now: datetime) -> OutboxMessage | None:
    """Claim a message for work and count the attempt; None when it is finished, dead, or being worked on.

    Concurrency: one guarded UPDATE decides; a duplicate delivery finds no row.
    """
    claimed = OutboxMessage.objects.filter(
        _free(now), key=key, state__in=[State.PENDING, State.SENT], attempts__lt=settings.OUTBOX_MAX_ATTEMPTS
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
    if item is not None and message.topic != TOPIC_REKEY:  # which is no part of looking at the item
        Item.objects.filter(pk=item.pk).update(deep_state=DeepState.FAILED)
        _give_to_person(item)
        if message.topic == TOPIC_DETECT:
            item_joined(item=item)
    audit_write(
        actor="system", action="message.died", object_type="message", object_key=message.key, topic=message.topic
    )
    log.error("dead_letter", topic=message.topic, message=str(message.key), attempts=message.attempts)


def item_joined(*, item: Item) -> OutboxMessage | None:
    """Promise the decision on an item when the last of its detectors has ended, well or not; inside the caller's transaction.

    The caller holds the item's lock and has ended its own message, so of two that end at once the second sees both.
    """
    if OutboxMessage.objects.filter(item=item, topic=TOPIC_DETECT, state__in=[State.PENDING, State.SENT]).exists():
        return None
    return message_add(topic=TOPIC_EXAMINE, item=item, rank_at=item.created_at)


def _give_to_person(item: Item) -> None:
    """Open a job for an item that machines could not finish; without a policy the dead letter alone must do."""
    if item.withdrawn_at or item.state != ItemState.HELD:
        return
    try:
        policy = active_policy()
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
        item_id=message.item_id or 0, topic=message.topic, part=message.part, state__in=[State.PENDING, State.SENT]
    )
    if message.item_id and twin.exists():
        raise DeadLetterInvalid("The same work is already under way for this item.")
    message.state, message.attempts, message.available_at = State.PENDING, 0, now
    message.save(update_fields=["state", "attempts", "available_at"])
    if message.topic != TOPIC_REKEY:
        Item.objects.filter(pk=message.item_id or 0).update(deep_state=DeepState.QUEUED)
    audit_write(actor=actor, action="message.redriven", object_type="message", object_key=message.key)
    return message
