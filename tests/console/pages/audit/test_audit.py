"""The audit log: found by person, act, object and day; silent about what one may not know."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import ProgrammingError, connection, transaction
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from moderation.audit.log import audit_write
from moderation.banks.service import bank_upsert
from moderation.items.visibility import AUDIT_ASKED, AUDIT_OPEN
from moderation.models import AuditEvent
from policies.choices import Outcome
from tests.support import scenes
from tests.support.places import ROOT
from tests.support.sign_in import signed_in


@pytest.fixture
def analyst(ready: None) -> Client:
    return signed_in(scenes.person("analyst"))


def _rows(browser: Client, **query: str) -> list[str]:
    return [event.action for event in browser.get(reverse("audit_list"), query).context["page"].rows]


def test_it_lists_acts_newest_first(analyst: Client) -> None:
    audit_write(actor="api:demo", action="item.submitted", object_type="item", object_key="a-1", outcome="CLEAR")
    audit_write(actor="system", action="message.died", object_type="message", object_key="m-1")
    assert _rows(analyst)[:2] == ["message.died", "item.submitted"]
    page = analyst.get(reverse("audit_list")).content.decode()
    assert "api:demo" in page
    assert "CLEAR" in page


@pytest.mark.parametrize(
    ("query", "n"),
    [({"actor": "API:demo"}, 1), ({"action": "item."}, 2), ({"object_key": "a-1"}, 1), ({"since": "2999-01-01"}, 0)],
)
def test_it_filters(analyst: Client, query: dict[str, str], n: int) -> None:
    audit_write(actor="api:demo", action="item.submitted", object_type="item", object_key="a-1")
    audit_write(actor="api:other", action="item.withdrawn", object_type="item", object_key="a-2")
    assert len(_rows(analyst, **query)) == n


def test_it_pages(analyst: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    for _ in range(130):
        audit_write(actor="system", action="job.claimed", object_type="job", object_key=uuid.uuid4())
    with django_assert_max_num_queries(12):
        first = analyst.get(reverse("audit_list"), {"action": "job."}).context["page"]
    second = analyst.get(reverse("audit_list") + "?" + first.next_query).context["page"]
    assert (len(first.rows), len(second.rows)) == (100, 30)


def test_a_date_that_is_none_is_422(analyst: Client) -> None:
    assert analyst.get(reverse("audit_list"), {"since": "never"}).status_code == 422


def test_acts_in_the_restricted_partition_are_not_told(analyst: Client) -> None:
    job = scenes.job_restricted()
    audit_write(actor="x", action="job.claimed", object_type="job", object_key=job.key, queue="child-safety")
    audit_write(actor="x", action="item.submitted", object_type="item", object_key=job.item.external_id)
    bank_upsert(actor="x", slug="opaque", category="child_safety", outcome=Outcome.BLOCK)
    audit_write(actor="x", action="item.submitted", object_type="item", object_key="harmless")
    assert _rows(analyst, actor="x") == ["item.submitted"]
    assert len(_rows(signed_in(scenes.person("admin")), actor="x")) == 4


def test_kinds_of_objects_that_nobody_declared_are_for_the_partitions_holders_only(analyst: Client) -> None:
    audit_write(actor="x", action="novelty.made", object_type="novelty", object_key="n-1")
    assert _rows(analyst, actor="x") == []
    assert _rows(signed_in(scenes.person("admin")), actor="x") == ["novelty.made"]


def test_every_kind_of_object_that_is_written_is_declared(db: None) -> None:
    root = ROOT
    files = [*root.glob("moderation/**/*.py"), *root.glob("console/**/*.py"), *root.glob("feed/**/*.py")]
    written = {kind for file in files for kind in re.findall(r'object_type="([a-z_]+)"', file.read_text())}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgargs FROM pg_trigger WHERE tgname = 'gatehouse_audit' AND tgnargs = 4")
        written |= {bytes(row[0]).split(b"\0")[0].decode() for row in cursor.fetchall()}
    assert written <= AUDIT_OPEN | set(AUDIT_ASKED)
    assert written >= {"item", "job", "user", "api_key", "periodic_task"}


def test_a_message_about_a_restricted_item_is_not_told(analyst: Client) -> None:
    item = scenes.job_restricted().item
    letter, other = scenes.dead_letter(item), scenes.dead_letter(scenes.item_judged("broken-1"))
    for message in (letter, other):
        audit_write(actor="x", action="message.died", object_type="message", object_key=message.key)
    found = analyst.get(reverse("audit_list"), {"actor": "x"}).context["page"].rows
    assert [event.object_key for event in found] == [str(other.key)]


def test_it_finds_a_kind_of_object_and_a_day(analyst: Client) -> None:
    audit_write(actor="x", action="job.claimed", object_type="job", object_key="j-1")
    audit_write(actor="x", action="item.submitted", object_type="item", object_key="a-1")
    today = timezone.now().date()
    assert _rows(analyst, actor="x", object_type="job") == ["job.claimed"]
    assert len(_rows(analyst, actor="x", since=str(today), until=str(today))) == 2
    assert _rows(analyst, actor="x", until=str(today - timedelta(days=1))) == []


def test_what_changed_is_told_in_words(analyst: Client) -> None:
    person = scenes.person("reviewer")
    person.is_staff = True
    person.save()
    page = analyst.get(reverse("audit_list"), {"action": "user.changed"}).content.decode()
    assert "no → yes" in page


def test_rows_are_never_changed_or_removed(ready: None) -> None:
    audit_write(actor="x", action="item.submitted", object_type="item", object_key="a-1")
    acts: list[Callable[[QuerySet[AuditEvent]], object]] = [
        lambda rows: rows.update(actor_name="y"),
        lambda rows: rows.delete(),
    ]
    for act in acts:
        with pytest.raises(ProgrammingError), transaction.atomic():
            act(AuditEvent.objects.filter(actor_name="x"))
