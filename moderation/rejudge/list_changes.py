"""What follows for stored items when a list changes: looked through at once, and again when nobody can hold the old list.

The first look takes all there is, the newest first, for what the change concerns. The second takes what was judged since by
processes that had not heard of it: each holds a list for LISTS_MAX_AGE_SECONDS at most, and stores no verdict that is older
than JUDGEMENT_MAX_SECONDS. What either finds is judged again by all that is in force (service.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone
from prometheus_client import Counter

from moderation.db.transactions import have_ended, mark_now
from moderation.models import EmergencyTerm, Item, ListChange, OutboxMessage
from moderation.models.decision import DecisionStage
from moderation.models.lists import ListKind
from moderation.outbox.messages import message_done
from moderation.outbox.promise import message_add
from moderation.rejudge.list_subjects import select_concerned
from moderation.rejudge.service import Judge, items_judge_again
from moderation.verdict.list_ages import SETTLED_AFTER_SECONDS

log = structlog.get_logger(__name__)

TOPIC_LOOK = "moderation.tasks.list_change_look"
TOPIC_SETTLE = "moderation.tasks.list_change_settle"
LIST_CHANGED = Counter("list_changes_total", "Items that a change of a list changed", ["kind", "look"])
#: Items looked through at a time.
_BATCH = 500
_STAGES = {ListKind.TERMS: DecisionStage.EMERGENCY}


class NotSettledYet(Exception):
    """A transaction of before still runs; the message is tried again."""


@transaction.atomic
def list_changed(
    *, kind: ListKind, subject: Mapping[str, Any], now: datetime, concerns_stored: bool = True
) -> ListChange:
    """Note that a list changes and promise both looks, inside the transaction of the change.

    Args:
        subject: what changed, as `list_subjects` reads it.
        concerns_stored: False where what is stored stays as it is, and only the second look is needed.
    """
    looked_at = None if concerns_stored else now
    change = ListChange.objects.create(kind=kind, subject=dict(subject), created_at=now, looked_at=looked_at)
    payload = {"change": str(change.key)}
    if concerns_stored:
        message_add(topic=TOPIC_LOOK, item=None, payload=payload)
    settle = message_add(topic=TOPIC_SETTLE, item=None, payload=payload)
    due = now + timedelta(seconds=SETTLED_AFTER_SECONDS)
    OutboxMessage.objects.filter(pk=settle.pk).update(available_at=due)
    return change


def list_change_look(message: OutboxMessage) -> None:
    """Look through all that is stored for the message's change, the newest first.

    Raises:
        ListsUnavailable, policies.errors.PolicyUnavailable: it goes on from where it was at the next attempt.
    """
    change = _change_of(message)
    if change.looked_at is None:
        _look(change, select_stored(), "first")
        ListChange.objects.filter(pk=change.pk, looked_at=None).update(looked_at=timezone.now())
        _tell_term(change)
    message_done(message=message, now=timezone.now())


def list_change_settle(message: OutboxMessage) -> None:
    """Look through what was stored since the message's change by whoever may have held the old list.

    1. wait for every transaction that runs now: what they judged may have been judged with it,
    2. look through all that transactions from the change on have judged.

    Raises:
        NotSettledYet: a transaction goes on and on.
        ListsUnavailable, policies.errors.PolicyUnavailable.
    """
    change = _change_of(message)
    if not have_ended(mark_now(), wait_seconds=SETTLED_AFTER_SECONDS):
        raise NotSettledYet("A transaction that began before has not ended.")
    _look(change, select_stored().filter(stored_evidence__txid__gte=change.since_txid), "second")
    now = timezone.now()
    with transaction.atomic():
        ListChange.objects.filter(pk=change.pk).update(settled_at=now)
        message_done(message=message, now=now)


def _tell_term(change: ListChange) -> None:
    """Note on an emergency term in force what it did to what was stored, for its page: by all its changes, put in force or kept."""
    if change.kind == ListKind.TERMS:
        key = change.subject["term"]
        changes = ListChange.objects.filter(kind=ListKind.TERMS, subject__term=key)
        n_caught = changes.aggregate(n=Sum("n_changed"))["n"]
        change.refresh_from_db()
        terms = EmergencyTerm.objects.filter(key=key, ended_at=None)
        terms.update(n_rechecked=change.n_looked_at, n_caught=n_caught)


def _change_of(message: OutboxMessage) -> ListChange:
    return ListChange.objects.get(key=message.payload["change"])


def select_stored() -> QuerySet[Item]:
    """Return what changes of lists are looked for in."""
    return Item.objects.filter(withdrawn_at__isnull=True, current_decision__isnull=False)


def _look(change: ListChange, items: QuerySet[Item], look: str) -> None:
    """Judge again what of `items` the change concerns; in the first look, remembering how far it is."""
    judges, concerned = Judge(), select_concerned(change)
    stage = _STAGES.get(ListKind(change.kind), DecisionStage.LISTS)
    is_first = look == "first"
    for rows in newest_batches(items, change.cursor if is_first else None):
        found = concerned(rows)
        n_changed = items_judge_again(item_pks=found, stage=stage, judge_with=judges)
        LIST_CHANGED.labels(change.kind, look).inc(n_changed)
        _note(change, len(rows), n_changed, rows[-1].pk if is_first else None)
    log.info("list_looked_through", kind=change.kind, change=str(change.key), look=look)


def newest_batches(items: QuerySet[Item], before: int | None) -> Iterator[Sequence[Item]]:
    """Yield items by the batch, the newest first: they are shown the most."""
    items = items.select_related("media", "cover").order_by("-pk")
    while rows := list((items.filter(pk__lt=before) if before is not None else items)[:_BATCH]):
        yield rows
        before = rows[-1].pk


def _note(change: ListChange, n_looked_at: int, n_changed: int, cursor: int | None) -> None:
    with connection.cursor() as statement:
        statement.execute(_NOTE, [n_looked_at, n_changed, cursor, change.pk])


_NOTE = """
    UPDATE moderation_listchange SET n_looked_at = n_looked_at + %s, n_changed = n_changed + %s,
        cursor = coalesce(%s, cursor) WHERE id = %s
"""
