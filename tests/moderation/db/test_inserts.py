"""Rows that are written by hand: as the ORM would have, and refused as the ORM's would be."""

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.db.models import Model
from django.utils import timezone

from moderation.db.inserts import Lookup, row_add, rows_together
from moderation.db.statements import columns_of, row_of, run, run_first
from moderation.intake.preflight import before_upload
from moderation.models import AuditEvent, Creator

pytestmark = pytest.mark.django_db


def _event(key: str) -> AuditEvent:
    return AuditEvent(
        at=timezone.now(), actor_name="system", action="a.done", object_type="a", object_key=key, data={"n": [1, None]}
    )


@transaction.atomic
def _add_together(*rows: Model) -> None:
    with rows_together():
        for row in rows:
            row_add(row)


def test_a_row_is_stored_as_it_stands_in_memory() -> None:
    event = _event("whole")
    row_add(event)
    stored = AuditEvent.objects.get(object_key="whole")
    assert not event._state.adding
    names = [field.attname for field in AuditEvent._meta.concrete_fields if not field.primary_key]
    assert [getattr(stored, name) for name in names] == [getattr(event, name) for name in names]


def test_a_row_keeps_the_key_that_was_drawn_for_it() -> None:
    creator = Creator(pk=2**40, external_id="drawn")
    row_add(creator)
    assert Creator.objects.get(external_id="drawn") == creator


def test_a_refused_row_raises_and_takes_the_others_of_its_transaction_along() -> None:
    with pytest.raises(IntegrityError) as raised:
        _add_together(_event("before"), Creator(external_id="refused", standing=99), _event("after"))
    assert raised.value.__cause__.diag.constraint_name == "moderation_creator_standing_known"  # type: ignore[union-attr]
    assert not AuditEvent.objects.filter(object_type="a").exists()


def test_a_statement_is_prepared_once_and_gives_whole_rows() -> None:
    Creator.objects.create(external_id="c-1", region="DE")
    statement = f"SELECT {columns_of(Creator)} FROM moderation_creator WHERE external_id = %s"
    found = [row_of(Creator, run(statement, ["c-1"]).fetchone()) for _ in range(3)]
    assert {(creator.external_id, creator.region) for creator in found} == {("c-1", "DE")}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s", ["%moderation_creator%"])
        assert cursor.fetchone()[0] == 1


def test_a_row_names_what_the_database_finds_for_it() -> None:
    name = "SELECT external_id FROM moderation_creator WHERE external_id = %s"
    Creator.objects.create(external_id="c-1")
    for key, looked_for in (("known", "c-1"), ("nothing", None)):
        row_add(
            Creator(external_id=key), found_by={"display_name": Lookup(f"SELECT coalesce(({name}), '-')", looked_for)}
        )
    assert list(Creator.objects.order_by("pk").values_list("display_name", flat=True)) == ["", "c-1", "-"]


@pytest.mark.django_db(transaction=True)
def test_a_first_statement_over_a_connection_that_is_gone_is_asked_again() -> None:
    pid = run("SELECT pg_backend_pid()").fetchone()[0]
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    other.close()
    connection.health_check_done = False  # type: ignore[attr-defined]  # as at the beginning of a request
    assert run_first("SELECT 1").fetchone() == (1,)
    assert run("SELECT pg_backend_pid()").fetchone()[0] != pid


@pytest.mark.django_db(transaction=True)
def test_a_first_statement_that_is_wrong_is_not_asked_twice() -> None:
    run("SELECT 1")
    connection.health_check_done = False  # type: ignore[attr-defined]
    with pytest.raises(ProgrammingError):
        run_first("SELECT nothing_of_that_name")
    assert run_first("SELECT 1").fetchone() == (1,)


def test_a_prepared_statement_is_planned_once_for_all_values() -> None:
    for creator in ("c-1", "c-2", "c-3", "c-4", "c-5", "c-6", "c-7"):
        before_upload(external_id="i-1", creator=creator, now=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(custom_plans) FROM pg_prepared_statements WHERE statement LIKE '%FROM (VALUES (1)) always%'"
        )
        assert cursor.fetchone()[0] == 0
