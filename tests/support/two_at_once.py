"""Two acts on one item at once: the second waits for the lock of the first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from moderation.decisions.record import item_overturn
from moderation.models import Decision, Item
from policies.choices import Outcome
from tests.support.people import person, seen


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


def wait_for_lock() -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute(_WAITING)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits for the item")


_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
