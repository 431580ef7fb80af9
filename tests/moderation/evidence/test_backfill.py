"""Evidence of before the store, and evidence made in bulk: both are what living uploads would have left."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from io import StringIO
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np
import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from moderation.decisions.record import decision_by_machine
from moderation.detection.types import Finding
from moderation.evidence import store as evidence_store
from moderation.evidence.backfill import evidence_backfill
from moderation.evidence.store import load_population
from moderation.models import Clearance, ClearanceRevision, Decision, Item, ItemEvidence, Job
from moderation.models.decision import DecisionStage
from moderation.simulation.queries import human_labels
from moderation.verdict.judge import digest_of, evidence_batch, replay
from policies.choices import Outcome
from policies.decision.decide import EvidenceBatch, decide
from policies.live import active_policy
from tests.support import fill_evidence
from tests.support.owner import owner
from tests.support.people import escalating_caption, ready, text_item
from tests.support.stored_cases import STRANGE, policies, random_case
from tests.support.stored_judgements import judged, machine

pytestmark = pytest.mark.django_db(transaction=True)
COLUMNS = [f.attname for f in ItemEvidence._meta.concrete_fields if f.attname not in {"txid", "decision_id"}]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    ready()
    evidence_store.forget()
    yield
    evidence_store.forget()


def forget_rows() -> None:
    """Bring the database to where it was before evidence was stored."""
    with owner(without_triggers=True) as cursor:
        cursor.execute("DELETE FROM moderation_itemevidence")


def rows() -> dict[int, dict[str, Any]]:
    return {row["item_id"]: row for row in ItemEvidence.objects.values(*COLUMNS)}


def test_the_store_can_be_made_again_from_decisions() -> None:
    items = [text_item("a", escalating_caption()), text_item("b"), text_item("c")]
    machine(items[1], judged(items[1], Finding("terms", "1", "hate", 0.61, {"source": "ocr"}), missing=("links",)))
    strange = judged(
        items[2], Finding("links", "1", STRANGE, 0.4), Finding("hashes", "1", "hate", 1.0, hard=Outcome.BLOCK)
    )
    machine(items[2], strange)
    rng, version = random.Random(4), policies()[0]
    for i in range(20):
        item = text_item(f"r-{i}")
        judgement = random_case(rng, [version]).under(active_policy())
        decision_by_machine(
            item=item,
            judgement=judgement,
            policy=active_policy(),
            stage=DecisionStage.DEEP,
            is_final=True,
            now=timezone.now(),
        )
    before = {pk: {**row, "is_final": True} for pk, row in rows().items()}
    forget_rows()
    out = StringIO()
    call_command("evidence_backfill", stdout=out)
    assert "23 items" in out.getvalue()
    after = {pk: {**row, "is_final": True} for pk, row in rows().items()}
    assert after == before
    call_command("evidence_backfill", stdout=(again := StringIO()))
    assert "0 items" in again.getvalue()


def test_it_goes_on_where_it_was_broken_off() -> None:
    for name in "abcde":
        text_item(name)
    forget_rows()
    first = evidence_backfill(limit=2)
    assert (first.n_stored, ItemEvidence.objects.count()) == (2, 2)
    assert first.last_pk is not None
    assert evidence_backfill(after=first.last_pk, limit=10).last_pk is None
    assert ItemEvidence.objects.count() == 5


def test_evidence_without_findings_counts_as_it_was_fused() -> None:
    item = text_item("a")
    judgement = judged(item, Finding("links", "1", "spam_scam", 0.75))
    decision = Decision.objects.get(item=item)
    evidence = {**judgement.evidence, "unlabelled": 3}
    Decision.objects.create(
        item=item, outcome=Outcome.HOLD, stage=DecisionStage.DEEP, decided_by="test", evidence=evidence,
        evidence_digest=digest_of(evidence), policy_version_id=decision.policy_version_id, supersedes=decision,
    )  # fmt: skip
    forget_rows()
    evidence_backfill()
    same(load_population(timezone.now()).batch_for(active_policy()), evidence_batch([evidence], active_policy()))


def same(one: EvidenceBatch, other: EvidenceBatch) -> None:
    for name in EvidenceBatch.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.slow
def test_items_made_in_bulk_are_as_if_they_had_been_uploaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fill_evidence, "CHUNK", 700)
    monkeypatch.setattr(fill_evidence, "N_CREATORS", 50)
    url = urlunsplit(urlsplit(os.environ["DATABASE_OWNER_URL"])._replace(path=f"/{connection.settings_dict['NAME']}"))
    fill_evidence.fill_evidence(url, 2_000)
    policy, decisions = active_policy(), list(Decision.objects.filter(actor=None).order_by("item_id"))
    assert len(decisions) == Item.objects.count() == 2_000
    assert all(d.evidence_digest == digest_of(d.evidence) for d in decisions)
    batch = load_population(timezone.now()).batch_for(policy)
    same(batch, evidence_batch([d.evidence for d in decisions], policy))
    assert decide(batch, policy).outcome.tolist() == [d.outcome for d in decisions]
    for decision in decisions[:100]:
        again = replay(decision.evidence, policy)
        assert (again.outcome, again.decided_by, again.category) == (
            decision.outcome,
            decision.decided_by,
            decision.category,
        )
        if decision.outcome == Outcome.RESTRICT:
            assert (again.min_age, list(again.territories)) == (decision.min_age, decision.territories_blocked)
    served = Item.objects.filter(current_decision__outcome__lte=Outcome.RESTRICT)
    assert (
        Clearance.objects.filter(is_granted=True).count() == served.count() == ClearanceRevision.objects.count() > 1_000
    )
    for clearance in Clearance.objects.select_related("item__current_decision")[:200]:
        assert clearance.decision_id == clearance.item.current_decision_id
    assert set(Decision.objects.values_list("outcome", flat=True)) >= {0, 1, 2, 3, 4}
    labels = human_labels(load_population(timezone.now()), since=None)
    assert set(labels.sampled.tolist()) == {0, 2}
    assert len(labels.item_pk) == Job.objects.filter(state="decided").count() > 20
    text_item("after", escalating_caption())  # the sequences are where they should be
