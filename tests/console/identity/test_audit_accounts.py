"""The audit log of accounts: who signed in, who was refused, and every change of people, roles, factors, keys and tasks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret, hotp_value, yield_hotp_counters_from_time
from allauth.socialaccount.models import SocialAccount, SocialApp
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from console.models import ApiKey
from moderation.audit import actors
from moderation.audit.log import audit_settle
from moderation.models import AuditEvent, AuditTally
from tests.support import scenes
from tests.support.sign_in import signed_in


@pytest.fixture(autouse=True)
def _fresh_limits(ready: None) -> None:
    """Forget how often somebody tried: the limits outlive a test."""
    cache.clear()


def rows(**filters: Any) -> list[tuple[str, str, str]]:
    """Return (actor, action, object) of rows, oldest first."""
    found = AuditEvent.objects.filter(**filters).order_by("pk")
    return list(found.values_list("actor_name", "action", "object_key"))


def since(act: Callable[[], object]) -> list[tuple[str, str, str]]:
    """Return the rows that an act adds."""
    last = AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    act()
    return rows(pk__gt=last)


def newest() -> AuditEvent:
    return AuditEvent.objects.latest("pk")


def _sign_in(client: Client, login: str, password: str = scenes.PASSWORD) -> Any:
    return client.post(reverse("account_login"), {"login": login, "password": password})


# --- signing in --------------------------------------------------------------------------------------------------


def test_a_sign_in_and_a_sign_out_are_written_down(reviewer: User, client: Client) -> None:
    assert since(lambda: _sign_in(client, reviewer.username)) == [
        (reviewer.username, "user.signed_in", reviewer.username)
    ]
    assert newest().actor == reviewer
    assert newest().data == {"methods": ["password"], "via": "account_login"}
    assert since(lambda: client.post(reverse("account_logout"))) == [
        (reviewer.username, "user.signed_out", reviewer.username)
    ]


def test_a_wrong_password_is_written_down_once_a_minute_and_then_counted(reviewer: User, client: Client) -> None:
    for _ in range(4):
        _sign_in(client, reviewer.username.upper(), "wrong")
    assert rows(action="user.sign_in_failed") in (  # a minute may turn over in between
        [("anonymous", "user.sign_in_failed", reviewer.username)],
        [("anonymous", "user.sign_in_failed", reviewer.username)] * 2,
    )
    audit_settle(now=timezone.now() + timedelta(minutes=2))
    totals = [event.data.get("n_in_all", 1) for event in AuditEvent.objects.filter(action="user.sign_in_failed")]
    assert sum(n for n in totals if n > 1) == 4 or sum(totals) >= 4
    assert not AuditTally.objects.exists()


def test_what_was_typed_where_a_name_belongs_is_stored_as_a_keyed_hash(client: Client) -> None:
    secret = "my-real-password-typed-too-early"
    _sign_in(client, secret)
    assert newest().action == "user.sign_in_failed"
    assert newest().object_key.startswith("unknown:")
    told = " ".join(str(value) for event in AuditEvent.objects.values_list() for value in event)
    tallied = " ".join(str(value) for tally in AuditTally.objects.values_list() for value in tally)
    assert secret not in told + tallied
    assert "127.0.0.1" not in told + tallied


def test_a_flood_of_refusals_cannot_fill_the_disk(settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = False  # as if each came from another address
    for n in range(40):
        _sign_in(Client(), f"nobody-{n}", "wrong")
    n_minutes = AuditTally.objects.values("begins_at").distinct().count()
    assert AuditEvent.objects.filter(action="user.sign_in_failed").count() <= 6 * n_minutes
    assert AuditTally.objects.count() <= 6 * n_minutes
    assert sum(AuditTally.objects.values_list("n", flat=True)) == 40
    audit_settle(now=timezone.now() + timedelta(minutes=2))
    assert AuditEvent.objects.filter(action="user.sign_in_failed").count() <= 7 * n_minutes
    assert rows(action="user.sign_in_failed", data__n_in_all__gt=1)[-1][2] == "unknown:others"


def test_who_tries_too_often_is_counted_on(reviewer: User) -> None:
    client = Client(REMOTE_ADDR="203.0.113.77")
    for _ in range(12):
        _sign_in(client, reviewer.username, "wrong")
    assert sum(AuditTally.objects.filter(object_key=reviewer.username).values_list("n", flat=True)) == 12


def test_a_wrong_password_of_somebody_signed_in_is_refused_on_record(reviewer: User, client: Client) -> None:
    client.force_login(reviewer)
    client.post(reverse("account_reauthenticate"), {"password": "wrong"})
    assert rows(action="user.sign_in_failed") == [("anonymous", "user.sign_in_failed", reviewer.username)]
    assert newest().data["via"] == "account_reauthenticate"


def test_a_settled_stretch_is_not_settled_twice(client: Client) -> None:
    _sign_in(client, "nobody", "wrong")
    _sign_in(client, "nobody", "wrong")
    late = timezone.now() + timedelta(minutes=2)
    audit_settle(now=late)
    assert since(lambda: audit_settle(now=late)) == []


# --- second factors ----------------------------------------------------------------------------------------------


def _with_factor(user: User) -> str:
    secret: str = generate_totp_secret()
    TOTP.activate(user, secret)
    return secret


def _code(secret: str) -> str:
    return str(hotp_value(secret, next(iter(yield_hotp_counters_from_time())))).zfill(6)


def test_a_second_factor_is_named_at_sign_in_and_its_refusals_count(reviewer: User, client: Client) -> None:
    secret = _with_factor(reviewer)
    _sign_in(client, reviewer.username)
    assert since(lambda: client.post(reverse("mfa_authenticate"), {"code": "000000"})) == [
        ("anonymous", "user.sign_in_failed", reviewer.username)
    ]
    assert newest().data["step"] == "second_factor"
    client.post(reverse("mfa_authenticate"), {"code": _code(secret)})
    event = AuditEvent.objects.get(action="user.signed_in")
    assert event.data["methods"] == ["password", "mfa:totp"]


def test_factors_added_and_removed_and_codes_used_are_written_down(reviewer: User) -> None:
    name = reviewer.username
    assert since(lambda: _with_factor(reviewer)) == [("unknown", "user.second_factor_added", name)]
    assert newest().data["type"] == "totp"
    codes = RecoveryCodes.activate(reviewer)
    assert newest().data["type"] == "recovery_codes"
    used = codes.get_unused_codes()[0]
    assert since(lambda: codes.validate_code(used)) == [("unknown", "user.second_factor_code_used", name)]
    assert since(lambda: codes.instance.record_usage()) == []
    assert since(Authenticator.objects.filter(type="totp").delete) == [("unknown", "user.second_factor_removed", name)]
    assert "seed" not in str(list(AuditEvent.objects.values_list("data", flat=True)))


def test_who_reads_their_recovery_codes_is_written_down(reviewer: User, client: Client) -> None:
    secret = _with_factor(reviewer)
    RecoveryCodes.activate(reviewer)
    client.force_login(reviewer)
    client.post(reverse("mfa_reauthenticate"), {"code": _code(secret)})
    assert client.get(reverse("mfa_view_recovery_codes")).status_code == 200
    assert newest().action == "user.recovery_codes_shown"


# --- accounts and roles ------------------------------------------------------------------------------------------


def test_a_password_is_written_down_however_it_is_set(reviewer: User, client: Client) -> None:
    client.force_login(reviewer)
    data = {"oldpassword": scenes.PASSWORD, "password1": "another-horse-1", "password2": "another-horse-1"}
    acts = since(lambda: client.post(reverse("account_change_password"), data))
    assert (reviewer.username, "user.password_set", reviewer.username) in acts
    own = AuditEvent.objects.get(action="user.password_set", object_key=reviewer.username)
    assert own.data["via"] == "account_change_password"
    User.objects.filter(pk=reviewer.pk).update(password="!")  # past every model and form
    assert newest().action == "user.password_set"
    assert "horse" not in str(list(AuditEvent.objects.values_list("data", flat=True)))


def test_people_made_changed_deactivated_and_deleted_are_written_down() -> None:
    made = since(lambda: User.objects.create_user("new-person", email="new@example.test", password=scenes.PASSWORD))
    assert made == [("unknown", "user.created", "new-person")]
    person = User.objects.get(username="new-person")
    person.first_name, person.is_staff = "Nora", True
    assert since(person.save) == [("unknown", "user.changed", "new-person")]
    assert newest().data == newest().data | {
        "changed": ["first_name", "is_staff"],
        "is_staff": {"was": False, "is": True},
    }
    person.is_active = False
    assert since(person.save) == [("unknown", "user.deactivated", "new-person")]
    assert since(person.delete) == [("unknown", "user.deleted", "new-person")]
    told = str(list(AuditEvent.objects.values_list("data", flat=True)))
    assert "example.test" not in told
    assert "Nora" not in told


def test_roles_given_and_taken_are_written_down_past_every_service(reviewer: User) -> None:
    senior = Group.objects.get(name="senior")
    assert since(lambda: reviewer.groups.add(senior)) == [("unknown", "user.role_added", reviewer.username)]
    assert newest().data["role"] == "senior"
    assert since(lambda: reviewer.groups.set([])) == [("unknown", "user.role_removed", reviewer.username)] * 2
    permission = Permission.objects.get(codename="read_audit")
    assert since(lambda: reviewer.user_permissions.add(permission)) == [
        ("unknown", "user.permission_added", reviewer.username)
    ]
    assert newest().data["permission"] == "moderation.read_audit"
    assert since(lambda: senior.permissions.add(permission)) == [("unknown", "role.permission_added", "senior")]
    assert since(lambda: senior.permissions.remove(permission)) == [("unknown", "role.permission_removed", "senior")]
    assert [act for _, act, _ in since(lambda: Group.objects.create(name="new").delete())] == [
        "role.created",
        "role.deleted",
    ]


def test_the_admin_site_names_who_did_it(ready: None) -> None:
    root = User.objects.create_superuser("root", password=scenes.PASSWORD)
    browser, person = signed_in(root), scenes.person("reviewer")
    acts = since(lambda: browser.post(f"/admin/auth/user/{person.pk}/delete/", {"post": "yes"}))
    assert ("root", "user.deleted", person.username) in acts
    assert AuditEvent.objects.get(action="user.deleted").actor == root
    assert AuditEvent.objects.get(action="user.deleted").data["via"] == "admin:auth_user_delete"


def test_a_row_belongs_to_the_transaction_of_its_change(django_db_setup: None, reviewer: User) -> None:
    from django.db import transaction

    def undone() -> None:
        with transaction.atomic():
            User.objects.create_user("never", password=scenes.PASSWORD)
            transaction.set_rollback(True)

    assert since(undone) == []


def test_the_actor_is_told_to_the_database_only_while_they_act(reviewer: User) -> None:
    who = actors.Acting(reviewer.pk, reviewer.username, "here")
    with actors.acting(lambda: who):
        reviewer.groups.clear()
    assert (newest().actor, newest().data["via"]) == (reviewer, "here")
    reviewer.groups.add(Group.objects.get(name="senior"))
    assert newest().actor_name == "unknown"
    assert newest().data["db_role"]


def test_addresses_and_identities_are_told_without_what_they_are(reviewer: User) -> None:
    add = lambda: EmailAddress.objects.create(user=reviewer, email="who@example.test")  # noqa: E731 # a table of acts
    assert since(add) == [("unknown", "user.email_added", reviewer.username)]
    link = lambda: SocialAccount.objects.create(user=reviewer, provider="openid", uid="x-77")  # noqa: E731
    assert since(link) == [("unknown", "user.identity_added", reviewer.username)]
    app = lambda: SocialApp.objects.create(provider="openid", name="SSO", client_id="cl-1", secret="s-1")  # noqa: E731
    assert since(app) == [("unknown", "sign_in_provider.created", "openid")]
    told = str(list(AuditEvent.objects.values_list("data", flat=True)))
    assert not any(word in told for word in ("example.test", "x-77", "cl-1", "s-1"))


# --- keys and tasks ----------------------------------------------------------------------------------------------


def test_keys_issued_and_revoked_are_written_down_without_their_secret() -> None:
    key, secret = ApiKey.issue(name="player", scopes=["feed:read"])
    assert (newest().action, newest().object_key, newest().data["name"]) == (
        "api_key.created",
        str(key.key),
        "player",
    )
    key.is_active = False
    assert since(key.save) == [("unknown", "api_key.changed", str(key.key))]
    assert newest().data["is_active"] == {"was": True, "is": False}
    assert since(ApiKey.objects.all().delete) == [("unknown", "api_key.deleted", str(key.key))]
    told = str(list(AuditEvent.objects.values_list("data", flat=True)))
    assert secret not in told
    assert key.secret_hash not in told


def test_periodic_tasks_switched_are_written_down_and_their_runs_are_not() -> None:
    every = IntervalSchedule.objects.create(every=10, period="seconds")
    task = PeriodicTask.objects.create(name="sweep", task="x.y", interval=every)
    assert (newest().action, newest().object_key) == ("periodic_task.created", "sweep")
    task.enabled = False
    assert since(task.save) == [("unknown", "periodic_task.changed", "sweep")]
    assert newest().data["enabled"] == {"was": True, "is": False}
    ran = PeriodicTask.objects.filter(pk=task.pk)
    assert since(lambda: ran.update(last_run_at=timezone.now(), total_run_count=5)) == []
    every.every = 3600
    assert [act for _, act, _ in since(every.save)] == ["interval.changed"]
    assert [act for _, act, _ in since(lambda: CrontabSchedule.objects.create(hour="3"))] == ["crontab.created"]
    assert [act for _, act, _ in since(task.delete)] == ["periodic_task.deleted"]


# --- nothing left out --------------------------------------------------------------------------------------------

#: Tables of other packages that no audit trigger watches, and why.
UNWATCHED = {
    "account_emailconfirmation": "keys of mails under way; what they confirm is a change of account_emailaddress",
    "auth_permission": "what models declare; migrations write it",
    "django_admin_log": "the admin site's own record",
    "django_celery_beat_periodictasks": "when the schedule changed last, for the beat",
    "django_content_type": "what models there are; migrations write it",
    "django_session": "sign-ins and sign-outs are rows; all else in it is a page's memory",
}
OURS = ("moderation_", "policies_", "feed_", "console_")


def test_every_table_that_our_services_do_not_write_is_watched() -> None:
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    foreign = {table for table in tables if not table.startswith(OURS)}
    assert foreign - set(actors.TABLES) == set(UNWATCHED)


def test_every_model_in_the_admin_site_is_watched_or_written_by_a_service() -> None:
    by_service = {"moderation_listeddomain"}  # its form calls the service; see moderation/admin.py
    shown = {model._meta.db_table for model in admin.site._registry}
    assert shown - set(actors.TABLES) == by_service


def test_the_actor_is_told_for_exactly_the_tables_that_have_a_trigger() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "WHERE t.tgname = 'gatehouse_audit' AND t.tgenabled = 'O'"
        )
        assert sorted(row[0] for row in cursor.fetchall()) == sorted(actors.TABLES)


def test_commands_and_workers_have_names_of_their_own() -> None:
    code = (
        "import sys; sys.argv = ['manage.py', 'shell']; import django; django.setup();"
        "from moderation.audit import actors; print(actors.acting_now().name);"
        "import console.celery; from celery import signals; signals.celeryd_init.send(None); print(actors.acting_now().name)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True,
        env={**__import__("os").environ, "DJANGO_SETTINGS_MODULE": "console.settings"},
    )  # fmt: skip
    assert done.stdout.split() == ["command:shell", "system"]
