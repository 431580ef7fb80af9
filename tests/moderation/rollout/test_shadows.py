"""A version in shadow judges live traffic, is compared with what was decided, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import ProgrammingError, transaction
from django.utils import timezone

from moderation.detection import ensemble
from moderation.models import Clearance, Decision, Item, ShadowVerdict
from moderation.rejudge.list_scan import contents_seen
from moderation.rollout.queries import shadow_agreement, shadow_disagreements
from moderation.rollout.service import shadow_start
from moderation.rollout.shadows import shadow_judgement, shadows_record
from policies.choices import Outcome
from policies.live import compile_version
from policies.models import PolicyVersion
from tests.support.owner import owner
from tests.support.people import escalating_caption, ready, text_item
from tests.support.rolling import Edit, approved, fresh, people, thresholds

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def seeded(db: Any, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    monkeypatch.setattr(ensemble, "_COSTLY_MS", 1e9)  # evidence is whole at once: nothing is left out
    ready()
    yield
    fresh()


def in_shadow(edit: Edit | None = None) -> PolicyVersion:
    version = shadow_start(actor=people()[1], version=approved(edit), now=timezone.now())
    fresh()
    return version


def test_it_records_what_the_shadow_says_beside_what_was_decided() -> None:
    version = in_shadow(thresholds("violence", restrict_16=0.5))
    item = text_item("held", escalating_caption())
    plain = text_item("plain")
    assert shadows_record(now=timezone.now()) == 2
    verdict = ShadowVerdict.objects.get(item=item)
    assert (verdict.version, verdict.outcome, verdict.min_age) == (version, Outcome.RESTRICT, 16)
    assert (verdict.decided_by, verdict.decision) == ("restrict_16.violence", item.current_decision)
    assert ShadowVerdict.objects.get(item=plain).outcome == Outcome.CLEAR


def test_it_changes_nothing() -> None:
    in_shadow(thresholds("violence", block=0.01))
    item = text_item("plain")
    before = (Decision.objects.count(), Clearance.objects.get(item=item).revision)
    shadows_record(now=timezone.now())
    assert (Decision.objects.count(), Clearance.objects.get(item=item).revision) == before
    assert item.current_decision
    assert item.current_decision.policy_version.number == 1


def test_a_second_round_records_nothing_twice() -> None:
    in_shadow()
    text_item("once")
    assert [shadows_record(now=timezone.now()) for _ in range(2)] == [1, 0]


def test_without_a_shadow_nothing_is_looked_for(django_assert_num_queries: Any) -> None:
    text_item("alone")
    assert shadows_record(now=timezone.now()) == 0
    with django_assert_num_queries(0):
        shadows_record(now=timezone.now())


def test_the_shadows_own_terms_are_looked_for() -> None:
    def edit(document: dict[str, Any]) -> None:
        name = next(iter(document["terms"]))
        document["terms"][name].append({"text": "grandmother", "category": "hate", "outcome": "block"})

    in_shadow(edit)
    item = text_item("new-term")
    shadows_record(now=timezone.now())
    verdict = ShadowVerdict.objects.get(item=item)
    assert (verdict.outcome, verdict.decided_by) == (Outcome.BLOCK, "hard.hate")


def test_under_the_same_content_a_shadow_agrees() -> None:
    version = in_shadow()
    for n, caption in enumerate(("Bread", escalating_caption(), "double your money, link in bio")):
        text_item(f"same-{n}", caption)
    shadows_record(now=timezone.now())
    agreement = shadow_agreement(version, now=timezone.now())
    assert (agreement.n, agreement.n_agree, agreement.n_other_age) == (3, 3, 0)
    assert shadow_disagreements(version, now=timezone.now()) == []


def test_the_table_counts_items_by_what_was_and_what_would_be() -> None:
    version = in_shadow(thresholds("violence", restrict_16=0.5))
    for n in range(2):
        text_item(f"held-{n}", escalating_caption())
    text_item("plain")
    shadows_record(now=timezone.now())
    agreement = shadow_agreement(version, now=timezone.now())
    assert agreement.matrix[Outcome.ESCALATE][Outcome.RESTRICT] == 2
    assert agreement.matrix[Outcome.CLEAR][Outcome.CLEAR] == 1
    assert (agreement.n, agreement.n_agree) == (3, 1)
    assert {slug: (n, agree) for slug, n, agree in agreement.categories}["violence"] == (2, 0)
    assert shadow_agreement(version, now=timezone.now(), category="violence").n == 2


def test_an_item_that_was_judged_twice_counts_once() -> None:
    version = in_shadow()
    item = text_item("twice")
    shadows_record(now=timezone.now())
    decision = item.current_decision
    assert decision
    second = Decision.objects.create(
        item=item, outcome=Outcome.CLEAR, stage="deep", decided_by="default.clear", evidence=decision.evidence,
        evidence_digest="0" * 64, policy_version=decision.policy_version, supersedes=decision,
    )  # fmt: skip
    Item.objects.filter(pk=item.pk).update(current_decision=second)
    Clearance.objects.filter(item=item).update(decision=second)
    shadows_record(now=timezone.now())
    assert ShadowVerdict.objects.filter(item=item).count() == 2
    assert shadow_agreement(version, now=timezone.now()).n == 1


def test_disagreements_can_be_looked_at_by_cell() -> None:
    version = in_shadow(thresholds("violence", restrict_16=0.5))
    text_item("held", escalating_caption())
    text_item("plain")
    shadows_record(now=timezone.now())
    found = shadow_disagreements(version, now=timezone.now(), was=Outcome.ESCALATE, would=Outcome.RESTRICT)
    assert [verdict.item.external_id for verdict in found] == ["held"]
    assert shadow_disagreements(version, now=timezone.now(), was=Outcome.BLOCK) == []


def test_what_is_not_looked_at_whole_waits() -> None:
    in_shadow()
    item = text_item("skipping")
    decision = item.current_decision
    assert decision
    evidence = {**decision.evidence, "missing": {**decision.evidence["missing"], "text": "skipped"}}
    second = Decision.objects.create(
        item=item, outcome=Outcome.CLEAR, stage="on_path", decided_by="default.clear", evidence=evidence,
        evidence_digest="1" * 64, policy_version=decision.policy_version, supersedes=decision,
    )  # fmt: skip
    shadows_record(now=timezone.now())
    assert not ShadowVerdict.objects.filter(decision=second).exists()


def test_a_verdict_of_a_shadow_stays_as_it_is() -> None:
    in_shadow()
    text_item("fixed")
    shadows_record(now=timezone.now())
    with owner(), pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
        ShadowVerdict.objects.update(outcome=Outcome.BLOCK)
    with owner(), pytest.raises(ProgrammingError, match="Cannot update or delete"), transaction.atomic():
        ShadowVerdict.objects.all().delete()
    with pytest.raises(ProgrammingError, match="denied"), transaction.atomic():
        ShadowVerdict.objects.update(outcome=Outcome.BLOCK)


def test_results_from_stored_findings_give_the_decision_again() -> None:
    """Under the version that decided, findings judged anew give what was decided: nothing is lost in storing them."""
    policy = compile_version(PolicyVersion.objects.get(number=1))
    for n, caption in enumerate(
        ("Bread", escalating_caption(), "double your money, link in bio", "FREE money at bit.ly/x")
    ):
        decision = text_item(f"again-{n}", caption).current_decision
        assert decision
        [content] = contents_seen([(decision.item, decision)])
        again = shadow_judgement(content, policy)
        assert (again.outcome, again.decided_by) == (decision.outcome, decision.decided_by)
        assert again.evidence["scores"] == decision.evidence["scores"]
        assert again.evidence["missing"] == decision.evidence["missing"]
