"""A canary decides for its creators, is counted beside its control, and is taken back by itself where it differs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pgtrigger
import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from moderation.decisions.record import PersonVerdict, decision_by_person
from moderation.detection import ensemble
from moderation.models import Activation, AuditEvent, CanaryTally, Item, RollbackNotice
from moderation.models.activation import ActivationKind
from moderation.models.decision import LIVE_STAGES, DecisionStage
from moderation.rollout.activation import activation_start, activations_resume
from moderation.rollout.canary import CANARY_ROLLBACKS, canary_count, canary_guard
from moderation.rollout.queries import canary_current, canary_report, rollback_notices
from moderation.rollout.service import (
    canary_adjust,
    canary_start,
    rollback_acknowledge,
    shadow_start,
    version_withdraw,
)
from policies.choices import Outcome
from policies.decision.rollout import bucket_of
from policies.errors import PolicyError
from policies.models import Approval, PolicyVersion, VersionState
from tests.support.owner import owner
from tests.support.people import escalating_caption, ready, seen, text_item
from tests.support.rolling import Edit, approved, fresh, people, thresholds

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def seeded(settings: Any) -> Iterator[None]:
    ready()
    yield
    fresh()


@pytest.fixture(autouse=True)
def soon(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few items be enough, so that a test need not submit thousands, and no detector be left out."""
    monkeypatch.setattr(ensemble, "_COSTLY_MS", 1e9)
    settings.CANARY_MIN_ITEMS = 5
    settings.CANARY_ALPHA_PERMILLE = 200


def in_canary(edit: Edit | None = None, percent: int = 50) -> PolicyVersion:
    version = canary_start(actor=people()[1], version=approved(edit), percent=percent, now=timezone.now())
    fresh()
    return version


def creators(version: PolicyVersion, *, inside: bool, percent: int = 50) -> Iterator[str]:
    return (
        name for n in range(100_000)
        if (bucket_of(name := f"creator-{n}", str(version.key)) < percent) == inside
    )  # fmt: skip


def submit(version: PolicyVersion, n: int, caption: str = "Bread") -> list[Item]:
    """Submit n items by creators of the canary and n by others."""
    inside, outside = creators(version, inside=True), creators(version, inside=False)
    return [
        text_item(f"{side}-{i}-{Item.objects.count()}", caption, creator=next(names))
        for i in range(n)
        for side, names in (("in", inside), ("out", outside))
    ]


def later() -> Any:
    """Return the moment at which all that was submitted is just old enough to be counted."""
    return timezone.now() + timedelta(seconds=10)


def test_what_is_decided_under_the_canary_carries_its_version() -> None:
    version = in_canary(thresholds("violence", block=0.5))
    for item in submit(version, 3, escalating_caption()):
        is_inside = item.external_id.startswith("in-")
        assert item.state == ("blocked" if is_inside else "held")
        assert item.current_decision
        assert (item.current_decision.policy_version == version) == is_inside


def test_both_arms_are_counted_in_stretches_that_follow_each_other() -> None:
    version = in_canary(thresholds("violence", block=0.5))
    submit(version, 3, escalating_caption())
    canary_count(version=version, now=later())
    submit(version, 2)
    canary_count(version=version, now=later() + timedelta(seconds=30))
    report = canary_report(version)
    assert report
    assert (report.canary.n, report.canary.n_blocked, report.canary.n_escalated) == (5, 3, 0)
    assert (report.control.n, report.control.n_blocked, report.control.n_escalated) == (5, 0, 3)
    stretches = list(CanaryTally.objects.filter(is_canary=True).order_by("since_at"))
    assert stretches[0].until_at == stretches[1].since_at


def test_verdicts_that_people_overturn_are_counted() -> None:
    version = in_canary(thresholds("violence", block=0.5))
    blocked = [item for item in submit(version, 2, escalating_caption()) if item.state == "blocked"]
    with transaction.atomic():
        item = Item.objects.select_for_update(of=("self",)).select_related("current_decision").get(pk=blocked[0].pk)
        decision_by_person(
            actor=people()[1], item=item, verdict=PersonVerdict(Outcome.CLEAR), stage=DecisionStage.SENIOR,
            now=timezone.now(), expected_decision=seen(item),
        )  # fmt: skip
    canary_count(version=version, now=later())
    report = canary_report(version)
    assert report
    assert (report.canary.n_final, report.canary.n_overturned) == (2, 1)
    assert (report.control.n_final, report.control.n_overturned) == (0, 0)


def test_a_canary_that_differs_is_taken_back_without_a_person() -> None:
    version = in_canary(thresholds("violence", block=0.5))
    items = submit(version, 9, escalating_caption())
    before = CANARY_ROLLBACKS.labels("block")._value.get()
    notice = canary_guard(now=later())
    assert notice
    version.refresh_from_db()
    assert (version.state, version.canary_percent) == (VersionState.SHADOW, 0)
    step = Approval.objects.filter(version=version).last()
    assert step
    assert (step.verb, step.actor.username) == (Approval.Verb.GUARD, "system")
    assert "block rate 100.0% of 9 items" in step.note
    assert AuditEvent.objects.get(action="canary.rolled_back").actor_name == "system"
    assert CANARY_ROLLBACKS.labels("block")._value.get() == before + 1
    assert [n.rate for n in rollback_notices()] == ["block"]
    # and what it decided comes back under the active version
    assert Activation.objects.get().kind == ActivationKind.CANARY_END
    assert activations_resume(budget_seconds=120)
    for item in items:
        item.refresh_from_db()
        assert item.state == "held"
        assert item.jobs.filter(state="open").count() == 1


def test_a_canary_that_does_the_same_stays() -> None:
    version = in_canary()
    submit(version, 10)
    submit(version, 4, escalating_caption())
    assert canary_guard(now=later()) is None
    assert canary_current() == version
    assert not RollbackNotice.objects.exists()


def test_without_a_canary_the_guard_does_nothing() -> None:
    assert canary_guard(now=timezone.now()) is None


def test_a_canary_that_cannot_be_read_is_taken_back() -> None:
    version = in_canary()
    with owner(), pgtrigger.ignore("policies.Threshold:frozen_after_draft"):
        version.thresholds.filter(category_id="hate").update(block_at=1.0)
    notice = canary_guard(now=timezone.now())
    assert notice
    assert notice.rate == "unreadable"
    version.refresh_from_db()
    assert version.state == VersionState.SHADOW


def test_a_canary_that_is_taken_back_where_all_places_in_shadow_are_taken_is_retired() -> None:
    version = in_canary(thresholds("violence", block=0.5))
    for _ in range(4):
        shadow_start(actor=people()[1], version=approved(), now=timezone.now())
    submit(version, 9, escalating_caption())
    assert canary_guard(now=later())
    version.refresh_from_db()
    assert version.state == VersionState.RETIRED


def test_a_version_that_is_put_in_canary_again_is_counted_anew() -> None:
    version = in_canary(thresholds("violence", block=0.5))
    submit(version, 9, escalating_caption())
    assert canary_guard(now=later())
    assert activations_resume(budget_seconds=120)
    canary_start(actor=people()[1], version=version, percent=50, now=timezone.now())
    Approval.objects.create(version=version, actor=people()[1], verb="canary", at=later() + timedelta(minutes=5))
    report = canary_report(version)
    assert report
    assert (report.canary.n, report.control.n) == (0, 0)


def test_a_notice_is_shown_until_somebody_has_seen_it() -> None:
    version = in_canary(thresholds("violence", block=0.5))
    submit(version, 9, escalating_caption())
    notice = canary_guard(now=later())
    assert notice
    rollback_acknowledge(actor=people()[1], key=str(notice.key), now=timezone.now())
    assert rollback_notices() == []
    assert AuditEvent.objects.filter(action="rollback.acknowledged").exists()
    with pytest.raises(PolicyError, match="already"):
        rollback_acknowledge(actor=people()[1], key=str(notice.key), now=timezone.now())


def test_a_person_can_change_the_share_and_end_a_canary() -> None:
    version = in_canary(percent=10)
    canary_adjust(actor=people()[1], version=version, percent=20, note="fine so far", now=timezone.now())
    version_withdraw(actor=people()[1], version=version, note="enough seen", now=timezone.now())
    version.refresh_from_db()
    assert version.state == VersionState.RETIRED
    assert Activation.objects.get().only_version == version
    actions = list(
        AuditEvent.objects.filter(object_type="policy_version").order_by("pk").values_list("action", flat=True)
    )
    assert actions[-3:] == ["version.canaried", "canary.adjusted", "version.withdrawn"]


def test_no_canary_begins_while_stored_items_are_decided_again() -> None:
    activation_start(actor=people()[1], version=approved(), now=timezone.now())
    with pytest.raises(PolicyError, match="being decided again"):
        canary_start(actor=people()[1], version=approved(), percent=5, now=timezone.now())


@pytest.mark.parametrize("stage", LIVE_STAGES)
def test_a_machine_cannot_decide_under_a_version_that_decides_nothing(stage: str) -> None:
    version = in_canary()
    item = text_item("refused")
    shadow_start(actor=people()[1], version=version, now=timezone.now())
    with pytest.raises(IntegrityError, match="does not decide"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO moderation_decision (key, created_at, item_id, outcome, min_age, territories_blocked, stage, decided_by,"
            " category, reasons, evidence, evidence_digest, policy_version_id, note, supersedes_id) SELECT gen_random_uuid(), now(),"
            " item_id, 0, 0, '{}', %s, 'x',"
            " '', '[]', '{}', '', %s, '', id FROM moderation_decision WHERE item_id = %s",
            [stage, version.pk, item.pk],
        )


@pytest.mark.parametrize(
    "change",
    [
        {"until_at": timezone.now() - timedelta(days=400)},
        {"n_blocked": 9},
        {"n_final": 9},
    ],
)
def test_the_database_refuses_tallies_that_cannot_be(change: dict[str, Any]) -> None:
    now = timezone.now()
    whole = {
        "version": PolicyVersion.objects.get(number=1), "is_canary": True, "since_at": now, "until_at": now + timedelta(minutes=1),
        "n": 3, "n_blocked": 1, "n_escalated": 1, "n_held": 1, "n_final": 1, "n_overturned": 0,
    }  # fmt: skip
    with pytest.raises(IntegrityError), transaction.atomic():
        CanaryTally.objects.create(**{**whole, **change})
