"""Which version decides for whom: buckets of creators, and never a milder version than the one that should decide."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pgtrigger
import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from policies import live as live_policies
from policies.decision.rollout import MAX_SHADOWS, N_BUCKETS, Rollout, bucket_of
from policies.errors import PolicyError, PolicyUnavailable
from policies.live import policy_for, rollout
from policies.models import Approval, PolicyVersion, VersionState
from policies.services.versions import (
    system_user,
    version_activate,
    version_adjust,
    version_approve,
    version_create,
    version_retire,
    version_stage,
    version_submit,
)
from tests.support.owner import owner
from tests.support.policy_builders import seed_policy, small_document

CREATORS = [f"creator-{n}" for n in range(20_000)]


@pytest.fixture(autouse=True)
def forgotten() -> Any:
    live_policies.invalidate()
    yield
    live_policies.invalidate()


@pytest.fixture
def people(db: Any) -> tuple[User, User]:
    return User.objects.create_user("author"), User.objects.create_user("approver")


def approved(people: tuple[User, User], title: str = "Small") -> PolicyVersion:
    version = version_create(actor=people[0], document=small_document(title=title))
    version_submit(actor=people[0], version=version)
    return version_approve(actor=people[1], version=version)


def in_canary(people: tuple[User, User], percent: int = 10) -> PolicyVersion:
    version_activate(actor=people[1], version=approved(people, "Active"))
    version = approved(people, "Canary")
    version_stage(actor=people[1], version=version, state=VersionState.CANARY, canary_percent=percent)
    live_policies.invalidate()
    return version


def test_buckets_are_even() -> None:
    counts = Counter(bucket_of(creator, "a-version") for creator in CREATORS)
    assert set(counts) == set(range(N_BUCKETS))
    expected = len(CREATORS) / N_BUCKETS
    assert sum((n - expected) ** 2 / expected for n in counts.values()) < 150  # chi-square, 99 degrees of freedom


def test_a_creator_stays_in_its_bucket_and_versions_deal_anew() -> None:
    assert bucket_of("mira", "v") == bucket_of("mira", "v")
    both = sum(bucket_of(c, "one") < 10 and bucket_of(c, "two") < 10 for c in CREATORS)
    assert both / len(CREATORS) == pytest.approx(0.01, abs=0.004)


def test_a_larger_share_keeps_all_who_were_in() -> None:
    active, canary = seed_policy(1), seed_policy(2)
    small, large = (Rollout(active, canary.key, percent, canary) for percent in (5, 30))
    assert all(large.is_in_canary(c) for c in CREATORS[:2_000] if small.is_in_canary(c))


def test_the_canary_decides_for_its_creators_and_the_active_version_for_all_others(people: tuple[User, User]) -> None:
    version = in_canary(people, 30)
    keys = Counter(policy_for(creator).title for creator in CREATORS[:2_000])
    assert 500 < keys["Canary"] < 700
    assert rollout().canary_key == str(version.key)


def test_a_canary_that_cannot_be_read_lets_nothing_of_its_creators_through(people: tuple[User, User]) -> None:
    version = in_canary(people, 50)
    with owner(), pgtrigger.ignore("policies.Threshold:frozen_after_draft"):
        version.thresholds.filter(category_id="hate").update(block_at=1.0)
    live_policies.invalidate()
    inside = next(c for c in CREATORS if bucket_of(c, str(version.key)) < 50)
    outside = next(c for c in CREATORS if bucket_of(c, str(version.key)) >= 50)
    with pytest.raises(PolicyUnavailable):
        policy_for(inside)
    assert policy_for(outside).title == "Active"


def test_a_shadow_that_cannot_be_read_is_left_out(people: tuple[User, User]) -> None:
    version_activate(actor=people[1], version=approved(people))
    shadows = [approved(people, f"Shadow {n}") for n in range(2)]
    for version in shadows:
        version_stage(actor=people[1], version=version, state=VersionState.SHADOW)
    with owner(), pgtrigger.ignore("policies.Threshold:frozen_after_draft"):
        shadows[0].thresholds.update(block_at=1.0)
    live_policies.invalidate()
    assert [policy.title for policy in rollout().shadows] == ["Shadow 1"]


def test_knowing_all_versions_in_use_costs_one_query_a_second(
    people: tuple[User, User], django_assert_num_queries: Any
) -> None:
    in_canary(people)
    assert rollout().canary
    with django_assert_num_queries(0):
        policy_for("mira")


def test_the_share_of_a_canary_can_be_changed_while_it_is_one(people: tuple[User, User]) -> None:
    version = in_canary(people, 10)
    version_adjust(actor=people[1], version=version, canary_percent=25, note="all is well")
    version.refresh_from_db()
    assert version.canary_percent == 25
    last = Approval.objects.filter(version=version).last()
    assert last
    assert (last.verb, last.note) == (Approval.Verb.ADJUST, "from 10 to 25 percent. all is well")


@pytest.mark.parametrize("percent", [0, 10, 100])
def test_a_share_that_does_not_fit_or_is_the_same_is_refused(people: tuple[User, User], percent: int) -> None:
    version = in_canary(people, 10)
    with pytest.raises(PolicyError) as error:
        version_adjust(actor=people[1], version=version, canary_percent=percent)
    assert error.value.field == "canary_percent"


def test_only_a_canary_has_a_share_to_change(people: tuple[User, User]) -> None:
    with pytest.raises(PolicyError, match="not in canary"):
        version_adjust(actor=people[1], version=approved(people), canary_percent=5)


def test_there_is_one_canary(people: tuple[User, User]) -> None:
    in_canary(people)
    second = approved(people, "Second")
    with pytest.raises(PolicyError, match="another version is in canary"):
        version_stage(actor=people[1], version=second, state=VersionState.CANARY, canary_percent=5)
    with pytest.raises(IntegrityError, match="one_canary"), transaction.atomic():
        PolicyVersion.objects.filter(pk=second.pk).update(state=VersionState.CANARY, canary_percent=5)


def test_there_are_few_shadows(people: tuple[User, User]) -> None:
    for n in range(MAX_SHADOWS):
        version_stage(actor=people[1], version=approved(people, f"Shadow {n}"), state=VersionState.SHADOW)
    with pytest.raises(PolicyError, match="in shadow already"):
        version_stage(actor=people[1], version=approved(people, "One more"), state=VersionState.SHADOW)


def test_activating_a_version_puts_the_canary_of_another_back_in_shadow(people: tuple[User, User]) -> None:
    canary = in_canary(people)
    version_activate(actor=people[1], version=approved(people, "Newer"))
    canary.refresh_from_db()
    assert (canary.state, canary.canary_percent) == (VersionState.SHADOW, 0)


def test_a_canary_that_is_activated_is_no_canary_any_more(people: tuple[User, User]) -> None:
    canary = in_canary(people)
    version_activate(actor=people[1], version=canary)
    live_policies.invalidate()
    assert (rollout().active.title, rollout().canary_key) == ("Canary", "")


def test_a_version_leaves_shadow_or_canary_for_good_with_a_reason(people: tuple[User, User]) -> None:
    canary = in_canary(people)
    with pytest.raises(PolicyError, match="say why"):
        version_retire(actor=people[1], version=canary, note=" ")
    version_retire(actor=people[1], version=canary, note="too strict")
    canary.refresh_from_db()
    assert canary.state == VersionState.RETIRED
    with pytest.raises(PolicyError, match="neither in shadow nor in canary"):
        version_retire(actor=people[1], version=canary, note="again")


def test_machines_act_in_the_name_of_an_account_that_nobody_can_use(db: Any) -> None:
    first = system_user()
    assert first == system_user()
    assert not first.is_active
    assert not first.has_usable_password()
