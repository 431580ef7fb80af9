"""Who waits for an item while somebody decides it sees that decision, not none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from moderation.exceptions import DecisionChanged
from moderation.models import Clearance, Decision, Item
from moderation.services.decisions import item_overturn
from policies.choices import Outcome
from tests.moderation.people import person, ready, seen, text_item
from tests.moderation.test_decisions import machine

pytestmark = pytest.mark.django_db(transaction=True)

_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def senior_blocks(item: Item, name: str = "sue", **changes: Any) -> Decision:
    fields: dict[str, Any] = {
        "outcome": Outcome.BLOCK,
        "category": "violence",
        "note": "a threat",
        "min_age": 0,
        "territories": (),
    }
    fields["expected_decision"] = seen(item)
    actor = person(name, "senior")
    return item_overturn(actor=actor, item_key=str(item.key), now=timezone.now(), **{**fields, **changes})


def wait_for_lock() -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute(_WAITING)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits for the item")


def beside(act: Callable[[], object], other: Callable[[], object]) -> Future[object]:
    """Return what `other` led to, begun while `act` was done and not committed."""
    answer: Future[object] = Future()

    def run() -> None:
        try:
            answer.set_result(other())
        except Exception as error:
            answer.set_exception(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        act()
        thread.start()
        wait_for_lock()
    thread.join()
    return answer


def test_a_machine_that_waited_does_not_overrule_the_person_it_waited_for() -> None:
    ready()
    item = text_item("one")
    verdict = beside(lambda: senior_blocks(item), lambda: machine(item)).result()
    item.refresh_from_db()
    assert item.state == "blocked"
    assert verdict == item.current_decision
    assert Clearance.objects.get(item=item).is_granted is False


def test_a_senior_who_waited_is_told_that_somebody_decided_meanwhile() -> None:
    ready()
    item = text_item("one")
    before = seen(item)
    second = beside(
        lambda: senior_blocks(item),
        lambda: senior_blocks(item, "sam", outcome=Outcome.CLEAR, category="", note="fine", expected_decision=before),
    )
    assert isinstance(second.exception(), DecisionChanged)
    assert Decision.objects.filter(item=item).count() == 2
