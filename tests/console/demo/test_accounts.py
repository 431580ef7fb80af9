"""Who can log in to the demo: made once, kept on every later start, known to nobody else on the machine."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import RequestFactory
from pytest_django import Settings

from console.demo.accounts import PEOPLE, accounts_make
from console.identity.roles import ROLES
from console.models import SCOPES, ApiKey, hash_secret


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return where the accounts are written."""
    return tmp_path / "demo.json"


@pytest.mark.django_db
def test_it_makes_a_person_for_every_role_and_a_key_with_every_scope(file: Path) -> None:
    accounts_make(url="http://here:1", path=file)
    document = json.loads(file.read_text())
    assert set(document) == {"url", "api_key", "users"}
    assert {u["role"] for u in document["users"]} == set(ROLES)
    assert sum(u["role"] == "reviewer" for u in document["users"]) == 3
    for user in document["users"]:
        assert set(user) == {"username", "password", "role"}
        request = RequestFactory().get("/")
        assert authenticate(request, username=user["username"], password=user["password"]) is not None
        assert [g.name for g in User.objects.get(username=user["username"]).groups.all()] == [user["role"]]
    key = ApiKey.objects.get(secret_hash=hash_secret(document["api_key"]))
    assert set(key.scopes) == set(SCOPES)


@pytest.mark.django_db
def test_a_second_run_changes_nothing_but_the_address(file: Path) -> None:
    first = accounts_make(url="http://here:1", path=file)
    second = accounts_make(url="http://here:2", path=file)
    assert (second.users, second.api_key) == (first.users, first.api_key)
    assert json.loads(file.read_text())["url"] == "http://here:2"
    assert User.objects.filter(username__in=PEOPLE).count() == len(PEOPLE)
    assert ApiKey.objects.filter(is_active=True).count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("damage", ["", "{", "[]", '{"url": "x"}', '{"url": "x", "api_key": "gh_gone", "users": []}'])
def test_a_lost_or_damaged_file_is_made_anew_and_the_old_key_ends(file: Path, damage: str) -> None:
    old = accounts_make(url="http://here:1", path=file)
    file.write_text(damage)
    new = accounts_make(url="http://here:1", path=file)
    assert new.api_key != old.api_key
    assert not ApiKey.objects.get(secret_hash=hash_secret(old.api_key)).is_active
    assert authenticate(RequestFactory().get("/"), username="reviewer", password=new.users[0]["password"]) is not None


@pytest.mark.django_db
def test_only_the_owner_can_read_the_file(file: Path) -> None:
    file.write_text("{}")
    file.chmod(0o644)
    accounts_make(url="http://here:1", path=file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.django_db
def test_the_command_refuses_outside_the_demo(settings: Settings) -> None:
    settings.DEMO_ENABLED = False
    with pytest.raises(CommandError, match="DEMO_ENABLED"):
        call_command("demo_users")
    assert not User.objects.filter(username__in=PEOPLE).exists()


@pytest.mark.django_db
def test_a_folder_that_cannot_be_written_is_said_and_makes_nobody(settings: Settings, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    settings.VAR_DIR = blocked
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("demo_users")
    assert not User.objects.filter(username__in=PEOPLE).exists()
