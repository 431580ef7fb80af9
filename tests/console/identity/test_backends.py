"""What a person may do: their own permissions and those of their groups, in one query; nobody is signed in by it."""

from __future__ import annotations

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AnonymousUser, Permission, User
from pytest_django import DjangoAssertNumQueries

from console.backends import PermissionBackend
from console.identity.roles import ROLES
from tests.support import scenes


def test_it_reads_groups_and_own_permissions_in_one_query(
    ready: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    scenes.person("reviewer", "rev").user_permissions.add(Permission.objects.get(codename="read_audit"))
    user = User.objects.get(username="rev")
    with django_assert_num_queries(1):
        assert user.has_perm("moderation.read_audit")
        assert user.has_perm("moderation.review_jobs")
        assert not user.has_perm("policies.edit_versions")
    assert user.get_all_permissions() == {*ROLES["reviewer"], "moderation.read_audit"}


def test_nobody_else_may_anything(ready: None) -> None:
    backend = PermissionBackend()
    user = scenes.person("admin")
    assert backend.get_all_permissions(AnonymousUser()) == set()
    assert backend.get_all_permissions(user, obj=user) == set()
    user.is_active = False
    assert backend.get_all_permissions(user) == set()
    root = User.objects.create_superuser("root")
    assert backend.get_all_permissions(root) >= set(ROLES["admin"])


def test_it_signs_nobody_in(ready: None) -> None:
    scenes.person("reviewer", "rev")
    backend: BaseBackend = PermissionBackend()
    assert backend.authenticate(None, username="rev", password=scenes.PASSWORD) is None
