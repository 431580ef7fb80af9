"""The audit log: found by person, act, object and day; silent about what one may not know."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from moderation.services.audit import audit_write
from moderation.services.banks import bank_upsert
from policies.choices import Outcome
from tests.console import scenes
from tests.console.conftest import signed_in


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
