"""API keys: issued, rotated with an overlap, revoked, expired; by page and by command; and what a call with each gets."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from console.api import authentication
from console.identity import api_keys
from console.models import ApiKey, hash_secret
from moderation.models import AuditEvent
from tests.support import scenes
from tests.support.sign_in import signed_in

ADDRESS = "/api/v1/items/nobody"


@pytest.fixture
def admin(ready: None) -> User:
    return scenes.person("admin")


@pytest.fixture
def browser(admin: User) -> Client:
    return signed_in(admin)


def status(secret: str) -> int:
    """Return what a call with a key gets: 404 where the key is let in, since there is no such item."""
    return Client().get(ADDRESS, headers={"Authorization": f"Api-Key {secret}"}).status_code


def issue(**given: Any) -> tuple[ApiKey, str]:
    values = {"actor": "command", "name": "a client", "scopes": ["items:read"], "now": timezone.now(), **given}
    return api_keys.key_issue(**values)


def actions() -> list[str]:
    return list(AuditEvent.objects.filter(object_type="api_key").order_by("pk").values_list("action", flat=True))


# --- what a call gets --------------------------------------------------------------------------------------------


def test_a_key_works_until_it_expires(db: None) -> None:
    key, secret = issue(expires_at=timezone.now() + timedelta(hours=1))
    assert status(secret) == 404
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() - timedelta(milliseconds=1))
    assert status(secret) == 401


def test_a_revoked_key_is_refused_from_the_next_call_on(db: None) -> None:
    key, secret = issue()
    assert status(secret) == 404  # it is known to this process now
    api_keys.key_revoke(actor="command", key=key, now=timezone.now())
    assert status(secret) == 401


def test_a_known_key_that_expires_while_the_database_is_away_is_refused(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, secret = issue(expires_at=timezone.now() + timedelta(hours=1))
    assert status(secret) == 404
    assert authentication._recall(hash_secret(secret)) == key
    _found_at, known = authentication._known[hash_secret(secret)]
    known.expires_at = timezone.now()
    assert authentication._recall(hash_secret(secret)) is None


def test_the_last_use_is_written_at_most_once_a_minute(db: None) -> None:
    key, secret = issue()
    counted = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            assert status(secret) == 404
        counted.append(len(queries))
    assert counted[1] < counted[0]  # the second call does not even try
    key.refresh_from_db()
    first = key.last_used_at
    assert first is not None
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=first - timedelta(seconds=61))
    assert status(secret) == 404
    key.refresh_from_db()
    assert key.last_used_at is not None
    assert key.last_used_at > first


def test_refused_calls_count_as_no_use(db: None) -> None:
    key, secret = issue()
    api_keys.key_revoke(actor="command", key=key, now=timezone.now())
    assert status(secret) == 401
    key.refresh_from_db()
    assert key.last_used_at is None


# --- rotation ----------------------------------------------------------------------------------------------------


def test_both_keys_work_for_the_overlap_and_then_the_new_one_alone(db: None) -> None:
    old, old_secret = issue(scopes=["items:read", "feed:read"])
    ApiKey.objects.filter(pk=old.pk).update(rate_per_minute=77)
    now = timezone.now()
    new, new_secret = api_keys.key_rotate(actor="command", key=old, overlap=timedelta(hours=1), now=now)
    assert (status(old_secret), status(new_secret)) == (404, 404)
    old.refresh_from_db()
    assert (old.expires_at, new.replaces) == (now + timedelta(hours=1), old)
    assert (new.name, new.scopes, new.rate_per_minute) == (old.name, old.scopes, 77)
    ApiKey.objects.filter(pk=old.pk).update(expires_at=timezone.now())
    assert (status(old_secret), status(new_secret)) == (401, 404)


def test_without_an_overlap_the_old_key_is_refused_at_once(db: None) -> None:
    old, old_secret = issue()
    api_keys.key_rotate(actor="command", key=old, overlap=timedelta(0), now=timezone.now())
    assert status(old_secret) == 401


def test_a_rotation_never_lengthens_a_keys_life(db: None) -> None:
    soon = timezone.now() + timedelta(minutes=5)
    old, _ = issue(expires_at=soon)
    api_keys.key_rotate(actor="command", key=old, overlap=timedelta(days=7), now=timezone.now())
    old.refresh_from_db()
    assert old.expires_at == soon


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=31)])
def test_an_overlap_has_bounds(db: None, overlap: timedelta) -> None:
    key, _ = issue()
    with pytest.raises(api_keys.ApiKeyInvalid, match="at most 30 days"):
        api_keys.key_rotate(actor="command", key=key, overlap=overlap, now=timezone.now())
    assert ApiKey.objects.count() == 1


def test_a_key_is_replaced_once_and_only_while_it_works(db: None) -> None:
    key, _ = issue()
    now = timezone.now()
    new, _ = api_keys.key_rotate(actor="command", key=key, overlap=timedelta(hours=1), now=now)
    with pytest.raises(api_keys.ApiKeyInvalid, match="replaced already"):
        api_keys.key_rotate(actor="command", key=key, overlap=timedelta(hours=1), now=now)
    api_keys.key_revoke(actor="command", key=new, now=now)
    with pytest.raises(api_keys.ApiKeyInvalid, match="does not work any more"):
        api_keys.key_rotate(actor="command", key=new, overlap=timedelta(hours=1), now=now)


def test_every_step_is_in_the_audit_log_without_the_secret(db: None) -> None:
    key, secret = issue()
    new, new_secret = api_keys.key_rotate(actor="command", key=key, overlap=timedelta(0), now=timezone.now())
    for _ in range(2):
        api_keys.key_revoke(actor="command", key=new, now=timezone.now())
    assert actions() == ["api_key.issued", "api_key.rotated", "api_key.issued", "api_key.revoked"]
    logged = str(list(AuditEvent.objects.values()))
    assert not {secret, new_secret, hash_secret(secret), hash_secret(new_secret)} & set(re.findall(r"[\w-]+", logged))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": " "}, "name"), ({"scopes": []}, "scopes"), ({"scopes": ["items:delete"]}, "scopes"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "expires_at"),
    ],
)  # fmt: skip
def test_bad_keys_are_refused(db: None, given: dict[str, Any], field: str) -> None:
    with pytest.raises(api_keys.ApiKeyInvalid) as refused:
        issue(**given)
    assert refused.value.field == field
    assert not ApiKey.objects.exists()
    assert actions() == []


def test_services_ask_for_the_permission_too(ready: None) -> None:
    senior = scenes.person("senior")
    key, _ = issue()
    for act in (
        lambda: issue(actor=senior),
        lambda: api_keys.key_rotate(actor=senior, key=key, overlap=timedelta(0), now=timezone.now()),
        lambda: api_keys.key_revoke(actor=senior, key=key, now=timezone.now()),
    ):
        with pytest.raises(PermissionDenied):
            act()


# --- the page ----------------------------------------------------------------------------------------------------


def form(admin: User, **changes: Any) -> dict[str, Any]:
    return {"name": "Uploads", "scopes": ["items:write"], "days": "90", "owner": admin.pk, **changes}


def test_a_key_is_shown_once(admin: User, browser: Client) -> None:
    answer = browser.post(reverse("key_issue"), form(admin))
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    key = ApiKey.objects.get()
    secret = answer.context["secret"]
    assert hash_secret(secret) == key.secret_hash
    assert secret in answer.content.decode()
    assert (key.owner, key.scopes) == (admin, ["items:write"])
    assert key.expires_at is not None
    assert timedelta(days=89) < key.expires_at - timezone.now() < timedelta(days=91)
    later = browser.get(reverse("key_list")).content.decode()
    assert secret not in later
    assert key.prefix in later


@pytest.mark.parametrize("wrong", [{"name": ""}, {"scopes": []}, {"scopes": ["x"]}, {"owner": ""}, {"days": "2"}])
def test_what_is_wrong_is_told_and_nothing_typed_is_lost(admin: User, browser: Client, wrong: dict[str, Any]) -> None:
    answer = browser.post(reverse("key_issue"), form(admin, **wrong))
    assert answer.status_code == 422
    assert not ApiKey.objects.exists()
    if "name" not in wrong:
        assert 'value="Uploads"' in answer.content.decode()


def test_a_page_rotates_and_revokes(admin: User, browser: Client) -> None:
    old, old_secret = issue(actor=admin)
    answer = browser.post(reverse("key_rotate", args=[old.key]), {"hours": "24"})
    assert answer.status_code == 200
    secret = answer.context["secret"]
    assert (status(secret), status(old_secret)) == (404, 404)
    browser.post(reverse("key_revoke", args=[old.key]))
    assert (status(secret), status(old_secret)) == (404, 401)
    assert {row.actor for row in AuditEvent.objects.filter(object_type="api_key")} == {admin}
    page = browser.get(reverse("key_list"))
    assert [key.prefix for key in page.context["works"]] == [secret[:8]]
    assert [key.pk for key in page.context["over"]] == [old.pk]


def test_an_unknown_overlap_changes_nothing(browser: Client) -> None:
    key, _ = issue()
    browser.post(reverse("key_rotate", args=[key.key]), {"hours": "9999"})
    assert ApiKey.objects.count() == 1


def test_the_page_asks_as_little_for_many_keys_as_for_few(browser: Client) -> None:
    counted = []
    for _ in range(2):
        for _ in range(5):
            key, _ = issue()
            api_keys.key_rotate(actor="command", key=key, overlap=timedelta(hours=1), now=timezone.now())
        with CaptureQueriesContext(connection) as queries:
            browser.get(reverse("key_list"))
        counted.append(len(queries))
    assert counted[0] == counted[1] <= 12


# --- commands ----------------------------------------------------------------------------------------------------


def run(command: str, *args: str) -> str:
    out = StringIO()
    call_command(command, *args, stdout=out)
    return out.getvalue().strip()


def test_commands_issue_list_rotate_and_revoke(admin: User) -> None:
    secret = run("apikey_issue", "by command", "--scope", "items:read", "--owner", admin.username, "--days", "30")
    assert status(secret) == 404
    line = run("apikey_list")
    assert all(part in line for part in ("by command", secret[:8], "works", admin.username, "items:read"))
    assert secret not in line
    key = ApiKey.objects.get()
    newer = run("apikey_rotate", str(key.key), "--overlap-hours", "0")
    assert (status(secret), status(newer)) == (401, 404)
    new = ApiKey.objects.get(replaces=key)
    assert new.prefix in run("apikey_revoke", str(new.key))
    assert status(newer) == 401
    assert "revoked" in run("apikey_list")


@pytest.mark.parametrize(
    "arguments",
    [
        ["apikey_revoke", "gh_nothing"], ["apikey_revoke", str(uuid.UUID(int=7))], ["apikey_rotate", "nothing"], ["apikey_revoke", ""],
        ["apikey_issue", "x", "--scope", "items:read", "--owner", "nobody"], ["apikey_issue", "x", "--scope", "items:read", "--days", "0"],
    ],
)  # fmt: skip
def test_commands_say_what_is_wrong(db: None, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)
    assert not ApiKey.objects.exists()


def test_a_prefix_that_several_keys_have_names_none(db: None) -> None:
    for n in range(2):
        ApiKey.issue(name=f"k-{n}", scopes=["items:read"], secret=f"gh_same_{n:030d}")
    with pytest.raises(CommandError, match="2 keys begin so"):
        run("apikey_revoke", "gh_same_")
    assert ApiKey.objects.filter(is_active=True).count() == 2
