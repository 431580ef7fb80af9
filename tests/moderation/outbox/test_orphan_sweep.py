"""The net under the net: an item that waits without a promise gets one, once, and it is said how many did."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from moderation import tasks
from moderation.models import Item, OutboxMessage
from moderation.models.item import DeepState, ItemState
from moderation.outbox.orphan_sweep import GRACE, items_reconcile
from moderation.outbox.promise import TOPIC_EXAMINE, message_add
from policies.choices import Outcome
from tests.support.clearances import decide, item_make


def waiting(external_id: str, *, age: timedelta = 2 * GRACE, **changes: object) -> Item:
    """Return an item that waits since some time."""
    item = item_make(external_id, created_at=timezone.now() - age)
    Item.objects.filter(pk=item.pk).update(**changes)
    return item


def held(external_id: str, deep_state: DeepState) -> Item:
    """Return an item that was decided long ago, with what the slow models do about it."""
    item = waiting(external_id)
    decision = decide(item, Outcome.HOLD)
    Item.objects.filter(pk=item.pk).update(state=ItemState.HELD, current_decision=decision, deep_state=deep_state)
    return item


@pytest.mark.django_db
class TestReconcile:
    """items_reconcile."""

    def test_it_returns_how_many_it_promised_and_promises_each_once(self) -> None:
        lost = [waiting("a"), held("b", DeepState.QUEUED)]
        assert items_reconcile(now=timezone.now()) == 2
        promised = OutboxMessage.objects.filter(topic=TOPIC_EXAMINE)
        assert {message.item_id for message in promised} == {item.pk for item in lost}
        assert {message.rank_at for message in promised} == {item.created_at for item in lost}
        assert items_reconcile(now=timezone.now()) == 0
        assert promised.count() == 2

    def test_the_task_returns_it_too(self) -> None:
        waiting("a")
        assert tasks.items_reconcile() == 1
        assert tasks.items_reconcile() == 0

    def test_it_leaves_alone_what_waits_for_nothing_or_has_a_promise(self) -> None:
        message_add(topic=TOPIC_EXAMINE, item=waiting("promised"))
        waiting("young", age=GRACE / 2)
        held("decided", DeepState.DONE)
        waiting("withdrawn", withdrawn_at=timezone.now())
        dead = message_add(topic=TOPIC_EXAMINE, item=waiting("dead"))
        OutboxMessage.objects.filter(pk=dead.pk).update(state=OutboxMessage.State.DEAD)
        assert items_reconcile(now=timezone.now()) == 0

    def test_it_takes_no_more_at_a_time_than_it_is_told(self) -> None:
        for name in "abc":
            waiting(name)
        assert [items_reconcile(now=timezone.now(), limit=2) for _ in range(3)] == [2, 1, 0]


@pytest.mark.django_db(transaction=True)
def test_two_at_the_same_time_promise_an_item_once() -> None:
    for name in "abcdef":
        waiting(name)

    def reconcile(_: int) -> int:
        try:
            return items_reconcile(now=timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(reconcile, range(4)))
    assert sum(counts) == 6
    assert OutboxMessage.objects.filter(topic=TOPIC_EXAMINE).count() == 6
