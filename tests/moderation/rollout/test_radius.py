"""What an activation would touch is said before it, and is what it then does; a wide one waits for a second person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from moderation.decisions.record import PersonVerdict, decision_by_person
from moderation.exceptions import WideActInvalid
from moderation.models import Activation, Item, WideAct
from moderation.models.decision import DecisionStage
from moderation.rollout.activation import activation_start, activations_resume
from moderation.rollout.radius import version_radius
from moderation.rollout.requests import activation_ask, activation_confirm
from policies.choices import Outcome
from policies.models import PolicyVersion, VersionState
from tests.support.people import escalating_caption, ready, seen, text_item
from tests.support.rolling import approved, fresh, people, raise_score, thresholds

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _seeded(settings: Any) -> Iterator[None]:
    ready()
    yield
    fresh()


def _scored(external_id: str, score: float, category: str = "violence") -> Item:
    item = text_item(external_id, creator=f"of-{external_id}")
    raise_score(item, score, category)
    item.refresh_from_db()
    return item


def _second() -> User:
    return User.objects.create_user("second", is_superuser=True)


def test_what_is_said_before_is_what_the_activation_then_does() -> None:
    for i in range(3):
        _scored(f"gone-{i}", 0.2)
    for i in range(2):
        _scored(f"narrow-{i}", 0.2, "hate")
    text_item("held-1", escalating_caption())
    text_item("stays")
    near = _scored("near", 0.08)

    def edit(document: dict[str, Any]) -> None:
        thresholds("violence", block=0.1)(document)
        thresholds("hate", restrict_16=0.1, block=0.95)(document)

    version = approved(edit)
    said = version_radius(version)
    activation_start(actor=people()[1], version=version, note="as said", now=timezone.now())
    assert activations_resume(budget_seconds=120)
    done = Activation.objects.get()
    assert (said.n_revoked, said.n_narrowed, said.n_widened) == (done.n_revoked, done.n_narrowed, done.n_widened)
    assert (said.n_revoked, said.n_narrowed, said.n_other) == (3, 2, 1)
    assert said.radius.whole.n_items == 6
    assert said.is_whole
    assert said.near == (near.pk,)  # a little more and it would be blocked


def test_what_people_decided_is_said_to_stay() -> None:
    item = _scored("a-person-said-so", 0.2)
    with transaction.atomic():
        locked = Item.objects.select_for_update(of=("self",)).select_related("current_decision").get(pk=item.pk)
        decision_by_person(
            actor=people()[1], item=locked, verdict=PersonVerdict(Outcome.CLEAR), stage=DecisionStage.REVIEW,
            now=timezone.now(), expected_decision=seen(locked),
        )  # fmt: skip
    said = version_radius(approved(thresholds("violence", block=0.1)))
    assert (said.n_revoked, said.n_kept, said.radius.whole.n_items) == (0, 1, 0)


def test_where_not_everything_was_looked_at_it_says_at_least(settings: Any) -> None:
    settings.WIDE_LOOK_ITEMS = 2
    for i in range(3):
        _scored(f"gone-{i}", 0.2)
    said = version_radius(approved(thresholds("violence", block=0.1)))
    assert (said.n_looked_at, said.is_whole, said.n_revoked) == (2, False, 2)
    assert said.radius.whole.is_at_least
    assert said.radius.is_wide


def test_a_wide_activation_is_done_by_whoever_confirms_it_in_the_name_of_who_asked(settings: Any) -> None:
    settings.WIDE_ACT_ITEMS = 2
    for i in range(2):
        _scored(f"gone-{i}", 0.2)
    version, approver = approved(thresholds("violence", block=0.1)), people()[1]
    act = activation_ask(actor=approver, version=version, note="a wave", now=timezone.now())
    assert isinstance(act, WideAct)
    assert PolicyVersion.objects.get(pk=version.pk).state == VersionState.IN_REVIEW
    with pytest.raises(WideActInvalid, match="somebody else"):
        activation_confirm(actor=approver, act_key=str(act.key), now=timezone.now())
    started = activation_confirm(actor=_second(), act_key=str(act.key), now=timezone.now())
    assert started.started_by == approver
    assert PolicyVersion.objects.get(pk=version.pk).state == VersionState.ACTIVE


def test_a_rollback_that_only_restricts_acts_at_once_and_one_that_lets_through_waits(settings: Any) -> None:
    settings.WIDE_ACT_ITEMS = 1
    _scored("between", 0.2)
    strict, approver = approved(thresholds("violence", block=0.1)), people()[1]
    lax = PolicyVersion.objects.get(state=VersionState.ACTIVE)
    activation_start(actor=approver, version=strict, now=timezone.now())
    assert activations_resume(budget_seconds=120)
    back = activation_ask(actor=approver, version=lax, note="too strict", now=timezone.now())
    assert isinstance(back, WideAct)  # it would be served again
    assert back.kind == "rollback"
    activation_confirm(actor=_second(), act_key=str(back.key), now=timezone.now())
    assert activations_resume(budget_seconds=120)
    assert Item.objects.get().state == "cleared"
    again = activation_ask(
        actor=approver, version=PolicyVersion.objects.get(pk=strict.pk), note="not strict enough", now=timezone.now()
    )
    assert isinstance(again, Activation)
