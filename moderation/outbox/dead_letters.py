"""What work becomes that failed for good: seen by people, and given a fresh set of attempts by them."""

from datetime import datetime

import structlog
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from moderation.audit.log import audit_write
from moderation.exceptions import DeadLetterInvalid
from moderation.jobs.opening import job_open
from moderation.models import Item, OutboxMessage
from moderation.models.item import DeepState, ItemState
from moderation.outbox.promise import TOPIC_DETECT, TOPIC_REKEY, item_joined
from policies.choices import UNEXAMINED_QUEUE
from policies.errors import PolicyUnavailable
from policies.live import active_policy

log = structlog.get_logger(__name__)
State = OutboxMessage.State


def alarm(message: OutboxMessage) -> None:
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
