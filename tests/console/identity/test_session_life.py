"""The end of sessions: without a sign of the person, and after a time whatever they do; nobody loses their place."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from console.identity import session_life
from tests.support import scenes
from tests.support.sign_in import signed_in

LOGIN = "/accounts/login/"


class Clock:
    """The time of day as the sessions see it."""

    def __init__(self) -> None:
        self.now = time.time()

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Clock:
    """Return a clock that is moved by hand; sessions end after 30 minutes of nothing, and after 12 hours."""
    settings.SESSION_IDLE_SECONDS, settings.SESSION_LIFE_SECONDS = 1_800, 43_200
    clock = Clock()
    monkeypatch.setattr(session_life, "time", clock)
    return clock


def is_in(client: Client) -> bool:
    return client.get(reverse("queue_list")).status_code == 200


def test_who_does_nothing_is_signed_out(browser: Client, clock: Clock) -> None:
    assert is_in(browser)
    clock.now += 1_799
    assert is_in(browser)
    clock.now += 1_801
    answer = browser.get(reverse("queue_list"))
    assert answer.headers["Location"] == f"{LOGIN}?next=/queues/"
    assert not Session.objects.filter(session_key=browser.session.session_key).exists()
    assert "Your session had ended" in browser.get(answer.headers["Location"]).content.decode()


def test_who_works_stays_until_the_session_is_old(browser: Client, clock: Clock) -> None:
    began = clock.now
    while clock.now - began < 43_200:
        assert is_in(browser)
        clock.now += 1_200
    clock.now += 1
    assert not is_in(browser)


def test_a_page_that_asks_by_itself_keeps_nobody_in(browser: Client, clock: Clock) -> None:
    for _ in range(40):
        browser.get(reverse("queue_list"), headers={"HX-Request": "true", "X-Poll": "1"})
        clock.now += 60
    assert not is_in(browser)


def test_what_changes_something_has_a_person_behind_it_whatever_it_says(browser: Client, clock: Clock) -> None:
    for _ in range(3):
        clock.now += 1_700
        browser.post(reverse("job_claim"), headers={"X-Poll": "1"})
    assert is_in(browser)


def test_reading_pages_writes_once_a_minute_at_most(browser: Client, clock: Clock) -> None:
    writes = []
    for step in (0, 10, 20, 40, 5):
        clock.now += step
        with CaptureQueriesContext(connection) as queries:
            is_in(browser)
        writes.append(sum('UPDATE "django_session"' in q["sql"] for q in queries))
    assert writes == [0, 0, 0, 1, 0]


def test_a_session_of_before_there_was_an_end_gets_one(reviewer: User, clock: Clock) -> None:
    client = Client()
    client.force_login(reviewer)
    assert is_in(client)
    clock.now += 1_801
    assert not is_in(client)


def test_signing_in_begins_anew_and_leads_back(reviewer: User, clock: Clock) -> None:
    client = signed_in(reviewer)
    clock.now += 50_000
    to_sign_in = client.get(reverse("item_list") + "?q=dog").headers["Location"]
    answer = client.post(to_sign_in, {"login": reviewer.username, "password": scenes.PASSWORD, "next": "/items/?q=dog"})
    assert answer.headers["Location"] == "/items/?q=dog"
    assert is_in(client)


@pytest.mark.parametrize(
    ("headers", "back"),
    [
        ({"Referer": "http://testserver/policies/2/edit/terms/"}, "/policies/2/edit/terms/"),
        ({"HX-Request": "true", "HX-Current-URL": "http://testserver/items/?q=a"}, "/items/?q=a"),
        ({"Referer": "https://elsewhere.example/items/"}, "/"),
        ({"HX-Request": "true", "HX-Current-URL": "javascript:alert(1)"}, "/"),
        ({"Referer": "http://testserver//elsewhere.example/"}, "/"),
        ({}, "/"),
    ],
)
def test_a_form_that_came_too_late_leads_back_to_its_page(
    browser: Client, clock: Clock, headers: dict[str, str], back: str
) -> None:
    clock.now += 2_000
    answer = browser.post(reverse("job_claim"), headers=headers)
    where = answer.get("HX-Redirect") or answer.headers["Location"]
    assert parse_qs(urlsplit(where).query)["next"] == [back]


def test_calls_of_the_api_know_no_session(browser: Client, clock: Clock) -> None:
    clock.now += 2_000
    assert browser.get("/api/v1/items/nobody").status_code == 401
    assert Session.objects.exists()  # a key's call neither reads nor ends a session


def test_whatever_asks_by_itself_says_so() -> None:
    """htmx marks what no hand caused; every other script that asks in a loop sends the header itself."""
    script = (configured.BASE_DIR / "console/static/console/console.js").read_text()
    assert re.search(r"htmx:configRequest.*?X-Poll", script, re.DOTALL)
    for file in (configured.BASE_DIR / "console/static/console").glob("*.js"):
        text = file.read_text()
        loops: list[Any] = re.findall(r"fetch\([^;]*;", text)
        for call in loops:
            assert "X-Poll" in call or 'method: "POST"' in call, (file.name, call)
