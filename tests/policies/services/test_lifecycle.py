"""The life of a version: who may do what, in which order, and what is recorded of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User

from policies.errors import PolicyError
from policies.lifecycle import TRANSITIONS, check_transition, is_allowed
from policies.models import Approval, PolicyVersion, Term, VersionState
from policies.services.versions import (
    version_activate,
    version_add_terms,
    version_approve,
    version_create,
    version_reject,
    version_rollback,
    version_stage,
    version_submit,
)
from tests.support.policy_builders import seed_document, small_document

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def author(db: Any) -> User:
    return User.objects.create_user("author")


@pytest.fixture
def approver(db: Any) -> User:
    return User.objects.create_user("approver")


def approved(author: User, approver: User, document: dict[str, Any] | None = None) -> PolicyVersion:
    version = version_create(actor=author, document=document or small_document())
    version_submit(actor=author, version=version, note="ready")
    return version_approve(actor=approver, version=version, note="read", now=NOON)


def verbs(version: PolicyVersion) -> list[str]:
    return list(Approval.objects.filter(version=version).values_list("verb", flat=True))


def state_of(version: PolicyVersion) -> str:
    return PolicyVersion.objects.get(pk=version.pk).state


def test_it_knows_every_state() -> None:
    assert set(TRANSITIONS) == set(VersionState.values)
    assert {new for news in TRANSITIONS.values() for new in news} <= set(VersionState.values)
    assert not any(is_allowed(state, "draft") for state in TRANSITIONS)


def test_it_refuses_a_step_by_name() -> None:
    with pytest.raises(PolicyError, match="from draft to active"):
        check_transition("draft", "active")
    assert not is_allowed("nonsense", "active")


def test_it_goes_from_draft_to_active(author: User, approver: User) -> None:
    version = approved(author, approver)
    version = version_stage(actor=approver, version=version, state=VersionState.SHADOW)
    version = version_stage(actor=approver, version=version, state=VersionState.CANARY, canary_percent=5)
    assert version.canary_percent == 5
    version = version_activate(actor=approver, version=version, now=NOON)
    assert (version.state, version.canary_percent, version.activated_at) == ("active", 0, NOON)
    assert verbs(version) == ["create", "submit", "approve", "shadow", "canary", "activate"]


def test_it_numbers_versions_one_after_the_other(author: User) -> None:
    assert [version_create(actor=author, document=small_document()).number for _ in range(3)] == [1, 2, 3]


def test_it_retires_the_former_version_on_activation(author: User, approver: User) -> None:
    first = version_activate(actor=approver, version=approved(author, approver))
    second = version_activate(actor=approver, version=approved(author, approver), now=NOON)
    first.refresh_from_db()
    assert (first.state, first.retired_at, state_of(second)) == ("retired", NOON, "active")
    assert verbs(first)[-1] == "retire"


def test_it_rolls_back_in_one_step(author: User, approver: User) -> None:
    first = version_activate(actor=approver, version=approved(author, approver))
    second = version_activate(actor=approver, version=approved(author, approver))
    first.refresh_from_db()
    first = version_rollback(actor=author, version=first, note="too many blocks")
    assert (first.state, first.retired_at, state_of(second)) == ("active", None, "retired")
    assert verbs(first)[-1] == "rollback"


def test_it_rolls_back_only_to_what_was_active(author: User, approver: User) -> None:
    never = approved(author, approver)
    with pytest.raises(PolicyError):
        version_rollback(actor=approver, version=never, note="x")
    rejected = version_create(actor=author, document=small_document())
    version_submit(actor=author, version=rejected)
    rejected = version_reject(actor=approver, version=rejected, note="no")
    for revive in (version_rollback, version_activate):
        with pytest.raises(PolicyError):
            revive(actor=approver, version=rejected, note="x")


def test_it_lets_nobody_approve_their_own_version(author: User) -> None:
    version = version_create(actor=author, document=small_document())
    version_submit(actor=author, version=version)
    with pytest.raises(PolicyError) as refused:
        version_approve(actor=author, version=version)
    assert refused.value.field == "approver"
    assert verbs(version) == ["create", "submit"]


def test_it_approves_once(author: User, approver: User) -> None:
    version = approved(author, approver)
    with pytest.raises(PolicyError):
        version_approve(actor=User.objects.create_user("third"), version=version)
    assert (version.approver, version.published_at) == (approver, NOON)


def test_it_approves_only_what_was_submitted(author: User, approver: User) -> None:
    version = version_create(actor=author, document=small_document())
    for step in (version_approve, version_activate):
        with pytest.raises(PolicyError):
            step(actor=approver, version=version)


def test_it_activates_nothing_that_is_not_approved(author: User, approver: User) -> None:
    version = version_create(actor=author, document=small_document())
    version_submit(actor=author, version=version)
    with pytest.raises(PolicyError, match="not approved"):
        version_activate(actor=approver, version=version)
    with pytest.raises(PolicyError, match="not approved"):
        version_stage(actor=approver, version=version, state=VersionState.SHADOW)


@pytest.mark.parametrize(("state", "percent"), [("canary", 0), ("canary", 100), ("shadow", 5), ("active", 0)])
def test_it_refuses_a_stage_that_makes_no_sense(author: User, approver: User, state: str, percent: int) -> None:
    version = approved(author, approver)
    with pytest.raises(PolicyError):
        version_stage(actor=approver, version=version, state=VersionState(state), canary_percent=percent)


def test_it_says_why_it_rejects(author: User, approver: User) -> None:
    version = version_create(actor=author, document=small_document())
    with pytest.raises(PolicyError):
        version_reject(actor=approver, version=version, note="not in review")
    version_submit(actor=author, version=version)
    with pytest.raises(PolicyError):
        version_reject(actor=approver, version=version, note=" ")
    assert version_reject(actor=approver, version=version, note="too strict").state == "retired"


def test_it_submits_once_and_seals_the_content(author: User) -> None:
    version = version_create(actor=author, document=seed_document(1))
    version = version_submit(actor=author, version=version)
    assert len(version.digest) == 64
    with pytest.raises(PolicyError):
        version_submit(actor=author, version=version)


def test_it_refuses_to_submit_what_rows_made_inconsistent(author: User) -> None:
    version = version_create(actor=author, document=small_document())
    version.routingrules.all().delete()
    with pytest.raises(PolicyError) as refused:
        version_submit(actor=author, version=version)
    assert refused.value.field == "routing"
    assert state_of(version) == "draft"


def test_it_adds_terms_to_a_draft_only(author: User) -> None:
    version = version_create(actor=author, document=small_document())
    words = [
        {"text": "some words", "category": "hate", "score": 0.7},
        {"text": "other words", "category": "hate", "score": 0.7},
    ]
    assert version_add_terms(actor=author, version=version, list_name="wave", terms=words) == 2
    version_add_terms(actor=author, version=version, list_name="wave", terms=words)
    assert Term.objects.count() == 2
    version_submit(actor=author, version=version)
    with pytest.raises(PolicyError):
        version_add_terms(actor=author, version=version, list_name="wave", terms=words)


def test_it_refuses_terms_of_categories_the_draft_does_not_have(author: User) -> None:
    version_create(actor=author, document=seed_document(1))
    version = version_create(
        actor=author,
        document=small_document(
            categories={"hate": {"name": "Hate", "severity": 4}}, thresholds=small_document()["thresholds"][:1]
        ),
    )
    with pytest.raises(PolicyError):
        version_add_terms(
            actor=author,
            version=version,
            list_name="w",
            terms=[{"text": "some words", "category": "drugs", "score": 0.7}],
        )
    assert not Term.objects.filter(list__version=version).exists()


def test_it_deletes_a_draft_with_its_content_unless_history_cites_it(author: User) -> None:
    """A draft that a service made has a record, which stays; so the draft stays as well."""
    version = version_create(actor=author, document=small_document())
    with pytest.raises(Exception, match="protected"):
        version.delete()
