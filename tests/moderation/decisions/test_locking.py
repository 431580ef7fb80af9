"""Who waits for an item while somebody decides it sees that decision, not none."""

from __future__ import annotations

import pytest

from moderation.exceptions import DecisionChanged
from moderation.models import Clearance, Decision
from policies.choices import Outcome
from tests.support.judged_items import machine
from tests.support.people import ready, seen, text_item
from tests.support.two_at_once import beside, senior_blocks

pytestmark = pytest.mark.django_db(transaction=True)


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
