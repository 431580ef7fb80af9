"""Two at once, on two connections: content against publication, activation against activation."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction

from policies.document.schema import parse_document
from policies.errors import PolicyError
from policies.live import active_policy, invalidate
from policies.models import AgeRule, PolicyVersion
from policies.services.versions import version_activate, version_approve, version_create, version_submit
from tests.support.policy_builders import small_document

pytestmark = pytest.mark.django_db(transaction=True)


def in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Start work on a connection of its own; its result or exception is put into the list."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(work())
        except (DatabaseError, PolicyError) as error:
            outcome.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


def draft(author: User) -> PolicyVersion:
    return version_create(actor=author, document=small_document())


def test_it_makes_content_wait_for_a_running_submission() -> None:
    author = User.objects.create_user("author")
    version = draft(author)
    with transaction.atomic():
        version_submit(actor=author, version=version)
        late = lambda: AgeRule.objects.create(version=version, min_age=16, reason="late")  # noqa: E731
        thread, outcome = in_thread(late)
        thread.join(0.5)
        assert thread.is_alive()  # it cannot tell yet whether the version is still a draft
    thread.join(10)
    assert isinstance(outcome[0], DatabaseError)
    assert not AgeRule.objects.exists()


def test_it_makes_a_submission_wait_for_running_content() -> None:
    author = User.objects.create_user("author")
    version = draft(author)
    with transaction.atomic():
        AgeRule.objects.create(version=version, min_age=16, reason="in time")
        thread, outcome = in_thread(lambda: version_submit(actor=author, version=version))
        thread.join(0.5)
        assert thread.is_alive()
    thread.join(10)
    invalidate()
    assert outcome[0].digest != ""
    version_approve(actor=User.objects.create_user("approver"), version=version)
    version_activate(actor=author, version=version)
    # The digest was taken with the row in it, or this would be refused.
    assert active_policy().context_age.max() >= 16
    assert parse_document(small_document()).ages == ()


def test_it_activates_two_versions_one_after_the_other() -> None:
    author, approver = User.objects.create_user("author"), User.objects.create_user("approver")
    versions = [draft(author) for _ in range(2)]
    for version in versions:
        version_submit(actor=author, version=version)
        version_approve(actor=approver, version=version)
    first, second = (PolicyVersion.objects.get(pk=version.pk) for version in versions)
    with transaction.atomic():
        version_activate(actor=approver, version=first)
        thread, outcome = in_thread(lambda: version_activate(actor=approver, version=second))
        thread.join(0.5)
        assert thread.is_alive()
    thread.join(10)
    assert outcome[0].state == "active"
    assert dict(PolicyVersion.objects.values_list("number", "state")) == {1: "retired", 2: "active"}
