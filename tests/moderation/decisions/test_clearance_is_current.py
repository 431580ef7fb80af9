"""A clearance that is granted rests on the current decision of an item that was not withdrawn, at every commit."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from moderation.models import Clearance, Decision, Item
from policies.choices import Outcome
from tests.support.clearances import cleared, decide, item_make, permit, revoke

pytestmark = pytest.mark.django_db(transaction=True)
REFUSED = "does not rest on its current decision"


def moved_on(item: Item) -> None:
    """Give an item a newer decision, and leave its clearance."""
    Item.objects.filter(pk=item.pk).update(current_decision=decide(item, Outcome.CLEAR))


def withdrawn(item: Item) -> None:
    Item.objects.filter(pk=item.pk).update(withdrawn_at=timezone.now())


def undecided(item: Item) -> None:
    Item.objects.filter(pk=item.pk).update(current_decision=None, state="pending")


@pytest.mark.parametrize("change", [moved_on, withdrawn, undecided])
def test_an_item_cannot_move_on_without_its_clearance(change: Callable[[Item], None]) -> None:
    item = cleared("a")
    with pytest.raises(IntegrityError, match=REFUSED), transaction.atomic():
        change(item)
    with transaction.atomic():
        change(item)
        Clearance.objects.filter(item=item).update(is_granted=False)
    assert not Clearance.objects.get(item=item).is_granted


def test_a_clearance_cannot_be_granted_on_a_former_decision() -> None:
    item = cleared("a")
    former = Clearance.objects.get(item=item).decision
    revoke(item)
    with pytest.raises(IntegrityError, match=REFUSED):
        Clearance.objects.filter(item=item).update(is_granted=True, decision=former)
    permit(item)
    assert Clearance.objects.get(item=item).is_granted


def test_a_clearance_cannot_be_granted_to_an_item_that_was_withdrawn_or_never_decided() -> None:
    item = cleared("a")
    with transaction.atomic():
        Clearance.objects.filter(item=item).update(is_granted=False)
        withdrawn(item)
    with pytest.raises(IntegrityError, match=REFUSED):
        Clearance.objects.filter(item=item).update(is_granted=True)
    other = item_make("b")
    decision = decide(other, Outcome.CLEAR)
    with pytest.raises(IntegrityError, match=REFUSED):
        Clearance.objects.create(
            item=other, decision=decision, policy_version=decision.policy_version, is_granted=True, revision=0, txid=0,
            changed_at=timezone.now(), valid_until=timezone.now(),
        )  # fmt: skip


def test_only_what_stands_at_the_commit_counts() -> None:
    item = cleared("a")
    with transaction.atomic():
        moved_on(item)
        Clearance.objects.filter(item=item).update(valid_until=timezone.now())  # still on the former decision
        moved_on(item)
        newest = Decision.objects.filter(item=item).latest("pk")
        Clearance.objects.filter(item=item).update(decision=newest)
    assert Clearance.objects.get(item=item).decision == newest


def test_two_writers_who_do_not_see_each_other_do_not_break_it_together() -> None:
    """One grants on the decision that stands, the other moves the item on and sees no clearance: one of them has to lose."""
    item = item_make("a")
    decision = decide(item, Outcome.CLEAR)
    Item.objects.filter(pk=item.pk).update(current_decision=decision, state="cleared")
    newer = decide(item, Outcome.CLEAR)
    names = {"dbname", "user", "password", "host", "port"}
    params = {name: value for name, value in connection.get_connection_params().items() if name in names}
    failed: list[str] = []

    def commit(writer: psycopg.Connection) -> None:
        try:
            writer.commit()
        except psycopg.errors.CheckViolation as error:
            failed.append(str(error))

    with psycopg.connect(**params) as mover, psycopg.connect(**params) as granter:
        mover.execute("UPDATE moderation_item SET current_decision_id = %s WHERE id = %s", (newer.pk, item.pk))
        granter.execute(
            "INSERT INTO moderation_clearance (item_id, decision_id, policy_version_id, is_granted, min_age,"
            " territories_blocked, valid_until, revision, txid, changed_at)"
            " VALUES (%s, %s, %s, true, 0, '{}', now(), 0, 0, now())",
            (item.pk, decision.pk, decision.policy_version_id),
        )
        waits = threading.Thread(target=commit, args=(granter,))
        waits.start()
        commit(mover)
        waits.join(20)
    assert len(failed) == 1
    assert REFUSED in failed[0]
    for clearance in Clearance.objects.filter(item=item, is_granted=True):
        assert clearance.decision_id == Item.objects.get(pk=item.pk).current_decision_id
