"""The application's database role: it can do its work, and nothing with which the record could be undone."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pgtrigger
import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction

from console.database import application_grant, excess, privileges_by_table
from console.demo.embedded import Servers, servers_in
from moderation.db.owner import RolesInvalid, as_owner
from moderation.models import AuditEvent, Clearance
from tests.support.clearances import cleared
from tests.support.owner import owner

pytestmark = pytest.mark.django_db


def kept_tables() -> list[str]:
    """Return the tables that a trigger keeps rows in, whoever asks to delete them."""
    kept = {"append_only", "no_delete", "frozen_after_draft"}
    return [
        model._meta.db_table for model in apps.get_models()
        if any(trigger.name in kept for trigger in getattr(model._meta, "triggers", ()))
    ]  # fmt: skip


# --- what it may not ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE moderation_decision CASCADE",
        "TRUNCATE moderation_outboxmessage",
        "UPDATE moderation_decision SET outcome = 0",
        "DELETE FROM moderation_auditevent",
        "UPDATE moderation_clearancerevision SET is_granted = true",
        "DELETE FROM moderation_clearance",
        "DELETE FROM moderation_history",
        "UPDATE django_migrations SET name = 'x'",
        "DROP TABLE moderation_decision",
        "ALTER TABLE moderation_decision DISABLE TRIGGER USER",
        "ALTER TABLE moderation_decision ADD COLUMN extra int",
        "ALTER TABLE moderation_clearance DROP CONSTRAINT moderation_clearance_min_age_known",
        "DROP TRIGGER pgtrigger_append_only_1e4fd ON moderation_decision",
        "CREATE TRIGGER mine BEFORE UPDATE ON moderation_item FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "CREATE RULE mine AS ON UPDATE TO moderation_item DO INSTEAD NOTHING",
        "SET session_replication_role = replica",
        "CREATE TABLE mine (n int)",
        "CREATE SCHEMA mine",
        "CREATE VIEW mine AS SELECT 1",
        "CREATE FUNCTION mine() RETURNS int AS 'SELECT 1' LANGUAGE sql",
        "CREATE OR REPLACE FUNCTION _pgtrigger_should_ignore(trigger_name name) RETURNS boolean AS 'SELECT true' LANGUAGE sql",
        "ALTER FUNCTION pgtrigger_b_stamp_e90ae() RESET ALL",
        "SELECT setval('moderation_clearance_revision_seq', 1)",
        "ALTER SEQUENCE moderation_clearance_revision_seq RESTART",
        "ALTER ROLE gatehouse_app SUPERUSER",
        "CREATE ROLE mine",
        "COPY moderation_item TO PROGRAM 'true'",
        "SELECT pg_read_file('postgresql.conf')",
        "REINDEX TABLE moderation_item",
        "VACUUM FULL moderation_item",
        "GRANT ALL ON moderation_decision TO gatehouse_app",
    ],
)  # fmt: skip
@pytest.mark.django_db(transaction=True)
def test_the_application_is_refused(statement: str) -> None:
    if statement.startswith("ALTER FUNCTION"):
        statement = f"ALTER FUNCTION {some_trigger_function()} RESET ALL"
    if statement.startswith(("VACUUM", "GRANT")):  # these only warn
        warned_of(statement)
        return
    with (
        pytest.raises(ProgrammingError, match=r"permission denied|must be owner|must be able to"),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def some_trigger_function() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT oid::regprocedure::text FROM pg_proc WHERE starts_with(proname, 'pgtrigger_') LIMIT 1")
        return str(cursor.fetchone()[0])


def warned_of(statement: str) -> None:
    notices: list[str] = []
    connection.ensure_connection()
    connection.connection.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    except ProgrammingError as error:
        notices.append(str(error))
    assert any("permission denied" in n or "no privileges were granted" in n for n in notices), notices


def test_a_setting_of_the_session_switches_no_trigger_off() -> None:
    clearance = Clearance.objects.get(item=cleared("a"))
    triggers = [f"moderation.Clearance:{trigger.name}" for trigger in Clearance._meta.triggers]  # type: ignore[attr-defined]
    with pgtrigger.ignore(*triggers):
        Clearance.objects.filter(pk=clearance.pk).update(is_granted=False, revision=1)
    clearance.refresh_from_db()
    assert clearance.revision > 1, "the stamp was switched off"
    with owner(), pgtrigger.ignore("moderation.Clearance:b_stamp"):
        Clearance.objects.filter(pk=clearance.pk).update(revision=10**9)
    clearance.refresh_from_db()
    assert clearance.revision == 10**9, "whoever owns the tables may"


def test_a_temporary_table_of_the_same_name_leads_no_trigger_astray() -> None:
    clearance = Clearance.objects.get(item=cleared("a", min_age=16))
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE moderation_decision (LIKE public.moderation_decision) ON COMMIT DROP")
        cursor.execute("INSERT INTO moderation_decision SELECT * FROM public.moderation_decision")
        cursor.execute("UPDATE moderation_decision SET min_age = 0, outcome = 0")
        with pytest.raises(Exception, match="goes beyond"), transaction.atomic():
            cursor.execute("UPDATE public.moderation_clearance SET min_age = 0 WHERE id = %s", [clearance.pk])


def test_a_temporary_table_of_the_same_name_takes_no_audit_row() -> None:
    user = User.objects.create_user("watched")
    n = AuditEvent.objects.count()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE moderation_auditevent (LIKE public.moderation_auditevent INCLUDING ALL) ON COMMIT DROP"
        )
        cursor.execute("UPDATE auth_user SET is_superuser = true WHERE id = %s", [user.pk])
        cursor.execute("SELECT count(*) FROM public.moderation_auditevent")
        assert cursor.fetchone()[0] == n + 1


def refuses_truncate(table: str) -> bool:
    try:
        with transaction.atomic(), owner() as cursor:
            cursor.execute(f"TRUNCATE {table} CASCADE")
            transaction.set_rollback(True)
    except ProgrammingError as error:
        return "Cannot truncate" in str(error)
    return False


# --- what not even the owner does by mistake ------------------------------------------------------------------------


def test_nothing_that_is_kept_can_be_emptied_by_its_owner() -> None:
    tables = kept_tables()
    assert {"moderation_decision", "moderation_finding", "moderation_auditevent", "policies_policyversion"} <= set(
        tables
    )
    assert len(tables) > 20
    emptied = [table for table in tables if not refuses_truncate(table)]
    assert emptied == []


def test_what_a_trigger_forbids_the_application_has_no_privilege_for() -> None:
    by_table = privileges_by_table()
    assert by_table["moderation_decision"] == by_table["policies_approval"] == ("SELECT", "INSERT")
    assert by_table["moderation_clearance"] == ("SELECT", "INSERT", "UPDATE")
    assert by_table["auth_user"] == ("SELECT", "INSERT", "UPDATE", "DELETE")
    with connection.cursor() as cursor:
        for table, allowed in by_table.items():
            cursor.execute(
                "SELECT array_agg(p ORDER BY p) FROM unnest(ARRAY['SELECT','INSERT','UPDATE','DELETE','TRUNCATE','TRIGGER',"
                "'REFERENCES','MAINTAIN']) p WHERE has_table_privilege(%s, p)",
                [table],
            )
            assert cursor.fetchone()[0] == sorted(allowed), table


# --- the two roles -------------------------------------------------------------------------------------------------


def test_tests_run_as_the_application_which_inherits_nothing() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_user, current_user, rolsuper FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == ("gatehouse_app", "gatehouse_app", False)
    # tests may step up, with a statement of their own; nothing else is beyond the application's due
    assert [one.what for one in excess()] == ["is a member of gatehouse"]


def test_too_much_is_named() -> None:
    with owner() as cursor:
        cursor.execute("GRANT TRUNCATE, UPDATE ON moderation_decision TO gatehouse_app")
        cursor.execute("GRANT UPDATE ON SEQUENCE moderation_clearance_revision_seq TO gatehouse_app")
        cursor.execute("GRANT CREATE ON SCHEMA public TO gatehouse_app")
    named = {one.what for one in excess()}
    assert named >= {
        "TRUNCATE on moderation_decision", "UPDATE on moderation_decision", "sets moderation_clearance_revision_seq",
        "may create in the schema",
    }  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_a_new_table_is_the_applications_to_read_and_add_to_until_it_is_granted_more() -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE public.later (n serial)")
    try:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO later DEFAULT VALUES")
            with pytest.raises(ProgrammingError, match="permission denied"):
                cursor.execute("DELETE FROM later")
    finally:
        with as_owner(), connection.cursor() as cursor:
            cursor.execute("DROP TABLE public.later")


@pytest.mark.django_db(transaction=True)
def test_the_owner_is_left_as_soon_as_its_work_is_done() -> None:
    def user() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT session_user")
            return str(cursor.fetchone()[0])

    with suppress(ZeroDivisionError), as_owner():
        assert user() == settings.DATABASE_OWNER["USER"]
        with as_owner():
            assert user() == settings.DATABASE_OWNER["USER"]
        raise ZeroDivisionError
    assert user() == settings.DATABASE_ROLE
    with transaction.atomic(), pytest.raises(RolesInvalid, match="transaction"), as_owner():
        pass


@pytest.mark.django_db(transaction=True)
def test_granting_to_oneself_or_to_nobody_is_refused() -> None:
    with as_owner(), pytest.raises(RolesInvalid, match="owner itself"):
        application_grant(settings.DATABASE_OWNER["USER"])
    with as_owner(), pytest.raises(RolesInvalid, match="CREATE ROLE nobody_here"):
        application_grant("nobody_here")


@pytest.mark.django_db(transaction=True)
def test_the_command_mends_what_was_taken_or_given_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("GRANT DELETE ON moderation_decision TO gatehouse_app")
        cursor.execute("REVOKE INSERT ON moderation_item FROM gatehouse_app")
    with pytest.raises(CommandError, match="DELETE on moderation_decision"):
        call_command("db_roles", check=True)
    with pytest.raises(CommandError, match="is a member of gatehouse") as left:  # as tests are
        call_command("db_roles")
    assert "DELETE" not in str(left.value)
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege('moderation_item', 'INSERT')")
        assert cursor.fetchone() == (True,)
    monkeypatch.setattr(settings, "DATABASE_OWNER", {})
    with pytest.raises(CommandError, match="DATABASE_OWNER_URL"):
        call_command("db_roles")


def test_the_embedded_server_has_both_roles_and_neither_is_the_others(servers: Servers) -> None:
    environment = servers.environment()
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SET ROLE gatehouse")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE public.mine (n int)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE DATABASE mine")
        assert connection.execute("SELECT current_user").fetchone() == ("gatehouse_app",)
    with psycopg.connect(environment["DATABASE_OWNER_URL"]) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("gatehouse",)


def test_data_of_before_the_two_roles_gets_the_second_one(tmp_path: Path) -> None:
    before = servers_in(tmp_path)
    file = tmp_path / "embedded.json"
    kept = json.loads(file.read_text())
    del kept["app_password"]
    file.write_text(json.dumps(kept))
    after = servers_in(tmp_path)
    assert after.postgres.password == before.postgres.password
    assert len(after.postgres.app_password) > 20
    assert servers_in(tmp_path).postgres.app_password == after.postgres.app_password
