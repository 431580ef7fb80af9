"""Decisions: whose stands, what follows from one, and that each can be replayed."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from moderation.decisions.record import item_overturn, item_withdraw
from moderation.detection.types import Finding
from moderation.exceptions import DecisionChanged, DecisionInvalid, ItemNotOpen
from moderation.models import Clearance, ClearanceRevision, Decision, Item, Job
from moderation.verdict.judge import replay
from policies.choices import Outcome
from policies.live import active_policy
from tests.support.decisions import decision_of
from tests.support.judged_items import bank_match, machine
from tests.support.owner import owner
from tests.support.people import escalating_caption, person, ready, seen, text_item

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def policy() -> None:
    ready()


def overturn(actor: Any, item: Item, outcome: Outcome = Outcome.BLOCK, **changes: Any) -> Decision:
    fields = {
        "category": "violence",
        "note": "a threat",
        "min_age": 0,
        "territories": (),
        "now": timezone.now(),
        "expected_decision": seen(item),
        **changes,
    }
    return item_overturn(actor=actor, item_key=str(item.key), outcome=outcome, **fields)


def test_a_deep_verdict_withdraws_what_the_fast_one_gave() -> None:
    item = text_item("w-1")
    assert Clearance.objects.get(item=item).is_granted
    machine(item, bank_match())
    item.refresh_from_db()
    assert item.state == "blocked"
    assert not Clearance.objects.get(item=item).is_granted


def test_the_same_evidence_is_decided_once() -> None:
    item = text_item("s-1")
    first = machine(item, bank_match())
    assert machine(item, bank_match()).pk == first.pk
    assert Decision.objects.filter(item=item).count() == 2


def test_the_database_refuses_to_decide_the_same_evidence_twice_running() -> None:
    item = text_item("s-2")
    first = decision_of(item)
    with pytest.raises(IntegrityError, match="rests on the same evidence"), transaction.atomic():
        Decision.objects.create(
            item=item, outcome=Outcome.CLEAR, stage="deep", decided_by="x", evidence_digest=first.evidence_digest,
            policy_version=first.policy_version, supersedes=first,
        )  # fmt: skip


def test_a_person_is_not_overruled_by_a_machine() -> None:
    item = text_item("p-1")
    overturn(person("sue", "senior"), item)
    machine(item)
    item.refresh_from_db()
    assert item.state == "blocked"


def test_new_hard_evidence_after_a_person_cleared_is_held_for_a_senior() -> None:
    item = text_item("p-2", escalating_caption())
    overturn(person("sue", "senior"), item, Outcome.CLEAR, category="", note="")
    assert Clearance.objects.get(item=item).is_granted
    decision = machine(item, bank_match())
    item.refresh_from_db()
    assert (item.state, decision.decided_by) == ("held", "new_hard_evidence")
    assert not Clearance.objects.get(item=item).is_granted
    assert Job.objects.get(item=item, state="open").queue.slug == "seniors"


def test_hard_evidence_that_the_person_knew_changes_nothing() -> None:
    item = text_item("p-3")
    machine(item, bank_match())
    overturn(person("sue", "senior"), item, Outcome.CLEAR, category="", note="")
    machine(item, bank_match(), Finding("terms", "test", "profanity", 0.1))
    item.refresh_from_db()
    assert item.state == "cleared"


def test_a_child_safety_match_blocks_and_waits_in_the_restricted_partition() -> None:
    item = text_item("c-1", "zz opaque placeholder")
    decision = machine(item, bank_match("child_safety"))
    assert decision.decided_by == "hard.child_safety"
    item.refresh_from_db()
    assert item.state == "blocked"


def known_file(category: str, entry: str) -> Finding:
    return Finding("hashes", "test", category, 1.0, {"bank": "known", "entry": entry}, hard=Outcome.BLOCK)


@pytest.mark.parametrize(("outcome", "min_age", "state"), [(4, 0, "blocked"), (1, 18, "restricted"), (0, 0, "cleared")])
def test_what_a_person_decided_holds_again_once_a_child_safety_match_is_gone(
    outcome: int, min_age: int, state: str
) -> None:
    item = text_item("c-2")
    overturn(person("sue", "senior"), item, Outcome(outcome), min_age=min_age)
    for entry in ("a", "b"):  # the second is new as well, and nobody's word is lost by it
        decision = machine(item, known_file("child_safety", entry))
        assert (decision.outcome, decision.category) == (Outcome.BLOCK, "child_safety")
        assert machine(item, known_file("child_safety", entry), Finding("text", "1", "hate", 0.2)) == decision
    decision = machine(item)
    item.refresh_from_db()
    assert (item.state, item.is_restricted, decision.min_age) == (state, True, min_age)


def test_what_was_held_for_other_evidence_is_let_go_beside_a_child_safety_match_that_the_person_saw() -> None:
    item, known = text_item("c-4"), known_file("child_safety", "a")
    machine(item, known)
    overturn(person("sue", "senior"), item, Outcome.CLEAR, category="", note="")
    machine(item, known, known_file("child_safety", "b"))
    machine(item, known)
    item.refresh_from_db()
    assert item.state == "cleared"


def test_other_evidence_that_is_left_when_a_child_safety_match_is_gone_waits_for_a_senior() -> None:
    item = text_item("c-3")
    overturn(person("sue", "senior"), item, Outcome.CLEAR, category="", note="")
    machine(item, known_file("child_safety", "a"), known_file("violence", "b"))
    machine(item, known_file("violence", "b"))
    item.refresh_from_db()
    assert item.state == "held"
    assert Job.objects.filter(item=item, state="open").exists()


def test_only_a_senior_overturns() -> None:
    with pytest.raises(PermissionDenied):
        overturn(person("ana"), text_item("o-1"))


def test_a_senior_who_saw_an_older_decision_is_told() -> None:
    item, sue = text_item("o-2"), person("sue", "senior")
    seen = str(decision_of(item).key)
    overturn(sue, item)
    with pytest.raises(DecisionChanged):
        overturn(sue, item, expected_decision=seen)


def test_a_withdrawn_item_cannot_be_decided() -> None:
    item = text_item("o-3")
    item_withdraw(actor="api:test", item=item, now=timezone.now())
    with pytest.raises(ItemNotOpen):
        overturn(person("sue", "senior"), item)


def test_an_invalid_verdict_is_refused_whole() -> None:
    item = text_item("o-4")
    with pytest.raises(DecisionInvalid):
        overturn(person("sue", "senior"), item, note="")
    assert Decision.objects.filter(item=item).count() == 1


def test_every_decision_can_be_replayed_from_what_it_stored() -> None:
    policy = active_policy()
    captions = ["Baking bread", escalating_caption(), escalating_caption("spam_scam"), ""]
    for n, caption in enumerate(captions):
        decision = decision_of(text_item(f"r-{n}", caption))
        again = replay(decision.evidence, policy)
        assert (again.outcome, again.decided_by, again.min_age if again.outcome.is_servable else 0) == (
            decision.outcome, decision.decided_by, decision.min_age,
        )  # fmt: skip
        assert again.digest == decision.evidence_digest


@pytest.mark.parametrize("table", ["decision", "finding", "auditevent", "clearancerevision"])
@pytest.mark.parametrize("act", ["UPDATE moderation_{} SET {} = {}", "DELETE FROM moderation_{}"])
def test_the_database_refuses_to_change_history(table: str, act: str) -> None:
    item = text_item("h-1", escalating_caption())
    machine(item)
    column = {"decision": "outcome", "finding": "score", "auditevent": "id", "clearancerevision": "min_age"}[table]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM moderation_{table}")
        assert cursor.fetchone()[0] > 0
    with pytest.raises(ProgrammingError, match="denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(act.format(table, column, column))
    with pytest.raises(ProgrammingError, match="Cannot"), transaction.atomic(), owner() as cursor:
        cursor.execute(act.format(table, column, column))


def test_the_database_refuses_a_clearance_beyond_its_decision() -> None:
    item = text_item("b-1")
    machine(item, bank_match())
    with pytest.raises(IntegrityError, match="goes beyond"), transaction.atomic():
        Clearance.objects.filter(item=item).update(is_granted=True)


def test_the_database_logs_every_change_of_a_clearance() -> None:
    item = text_item("b-2")
    before = ClearanceRevision.objects.filter(item=item).count()
    Clearance.objects.filter(item=item).update(min_age=18)
    revisions = list(ClearanceRevision.objects.filter(item=item).order_by("revision"))
    assert len(revisions) == before + 1
    assert revisions[-1].min_age == 18
    assert revisions[-1].revision == Clearance.objects.get(item=item).revision


def test_the_database_refuses_to_change_an_accepted_upload() -> None:
    item = text_item("b-3")
    with pytest.raises(ProgrammingError, match="Cannot"), transaction.atomic():
        Item.objects.filter(pk=item.pk).update(caption="something else")
    with pytest.raises(ProgrammingError, match="denied"), transaction.atomic():
        Item.objects.filter(pk=item.pk)._raw_delete("default")
    with pytest.raises(ProgrammingError, match="Cannot"), transaction.atomic(), owner():
        Item.objects.filter(pk=item.pk)._raw_delete("default")


def test_the_database_refuses_a_person_stage_without_a_person() -> None:
    item = text_item("b-4")
    with pytest.raises(IntegrityError, match="person_named"), transaction.atomic():
        Decision.objects.create(
            item=item, outcome=Outcome.BLOCK, stage="review", decided_by="x", evidence_digest="0" * 64,
            policy_version=decision_of(item).policy_version, supersedes=item.current_decision,
        )  # fmt: skip


def test_decisions_form_one_chain() -> None:
    item = text_item("b-5")
    for supersedes in (None, item.current_decision):
        fields = {
            "item": item, "outcome": Outcome.BLOCK, "stage": "activation", "decided_by": "x", "evidence_digest": "0" * 64,
            "policy_version": decision_of(item).policy_version, "supersedes": supersedes,
        }  # fmt: skip
        if supersedes is not None:
            Decision.objects.create(**fields)
        with pytest.raises(IntegrityError), transaction.atomic():
            Decision.objects.create(**fields)
