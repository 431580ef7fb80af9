"""The policy that decides: kept in memory, followed within a second, and never a former one when the new is unreadable."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pgtrigger
import pytest
from django.contrib.auth.models import User
from django.db import OperationalError

from policies import live as live_policies
from policies.errors import PolicyUnavailable
from policies.live import RECHECK_SECONDS, active_policy, compile_version, invalidate, version_list
from policies.models import PolicyVersion
from policies.services.versions import version_activate, version_approve, version_create, version_submit
from tests.support.owner import owner
from tests.support.policy_builders import seed_document, small_document


class Clock:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def forgotten() -> Any:
    invalidate()
    yield
    invalidate()


@pytest.fixture
def people(db: Any) -> tuple[User, User]:
    return User.objects.create_user("author"), User.objects.create_user("approver")


def activated(people: tuple[User, User], document: dict[str, Any]) -> PolicyVersion:
    version = version_create(actor=people[0], document=document)
    version_submit(actor=people[0], version=version)
    version_approve(actor=people[1], version=version)
    return version_activate(actor=people[1], version=version)


def test_it_refuses_to_decide_without_an_active_version(db: Any) -> None:
    with pytest.raises(PolicyUnavailable):
        active_policy()


def test_it_gives_the_active_version(people: tuple[User, User]) -> None:
    version = activated(people, seed_document(1))
    policy = active_policy()
    assert (policy.number, policy.key, policy.digest) == (version.number, str(version.key), version.digest)


def test_it_asks_the_database_at_most_once_a_second(people: tuple[User, User], django_assert_num_queries: Any) -> None:
    activated(people, small_document())
    clock = Clock()
    first = active_policy(clock=clock)
    with django_assert_num_queries(0):
        assert active_policy(clock=clock) is first
    clock.now += RECHECK_SECONDS
    with django_assert_num_queries(1):
        assert active_policy(clock=clock) is first


def test_it_follows_an_activation_within_a_second(people: tuple[User, User]) -> None:
    activated(people, small_document())
    clock = Clock()
    first = active_policy(clock=clock)
    second = activated(people, small_document(title="Second"))
    assert active_policy(clock=clock) is first  # another process, say: nobody told this one
    clock.now += RECHECK_SECONDS
    assert active_policy(clock=clock).key == str(second.key)


def test_it_hears_of_an_activation_in_its_own_process(
    people: tuple[User, User], django_capture_on_commit_callbacks: Any
) -> None:
    activated(people, small_document())
    first = active_policy()
    with django_capture_on_commit_callbacks(execute=True):
        second = activated(people, small_document(title="Second"))
    assert active_policy() is not first
    assert active_policy().key == str(second.key)


def test_it_does_not_fall_back_on_what_it_knew(people: tuple[User, User]) -> None:
    activated(people, small_document())
    clock = Clock()
    active_policy(clock=clock)
    clock.now += RECHECK_SECONDS
    broken = mock.patch.object(PolicyVersion.objects, "filter", side_effect=OperationalError("gone"))
    with broken, pytest.raises(PolicyUnavailable):
        active_policy(clock=clock)
    with broken, pytest.raises(PolicyUnavailable):
        active_policy(clock=clock)
    assert active_policy(clock=clock).title == "Small"


def test_it_refuses_a_version_that_was_tampered_with(people: tuple[User, User]) -> None:
    version = activated(people, small_document())
    with owner(), pgtrigger.ignore("policies.Threshold:frozen_after_draft"):
        version.thresholds.filter(category_id="hate").update(block_at=1.0)
    with pytest.raises(PolicyUnavailable, match="not what was published"):
        active_policy()


def test_it_compiles_a_draft_as_it_is_now(people: tuple[User, User]) -> None:
    version = version_create(actor=people[0], document=small_document())
    before = compile_version(version).digest
    version.thresholds.filter(category_id="hate").update(block_at=0.99)
    assert compile_version(version).digest != before


def test_it_keeps_few_compiled_versions(people: tuple[User, User]) -> None:
    for i in range(live_policies._MAX_COMPILED + 2):
        version = version_create(actor=people[0], document=small_document(title=f"V{i}"))
        version = version_submit(actor=people[0], version=version)
        compile_version(version)
    assert len(live_policies._active.compiled) == live_policies._MAX_COMPILED


def test_it_lists_versions_with_their_people_in_one_query(
    people: tuple[User, User], django_assert_num_queries: Any
) -> None:
    for _ in range(3):
        version_create(actor=people[0], document=small_document())
    with django_assert_num_queries(1):
        assert [(v.number, v.author.username, v.approver) for v in version_list()] == [
            (n, "author", None) for n in (3, 2, 1)
        ]
