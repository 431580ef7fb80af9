"""The server's edge by itself: health is made once for all who wait, and only who may send much may send much."""

from __future__ import annotations

import asyncio
import time
from io import BytesIO
from typing import Any

import pytest
from django.conf import settings as configured
from django.test import Client
from pytest_django import Settings

from console.edge.callers import RECENT_SECONDS, RecentCallers, caller_known
from console.edge.health import Health, is_health
from tests.support import scenes
from tests.support.sign_in import signed_in


def asked(**changed: Any) -> dict[str, Any]:
    """Return a request for readiness."""
    return {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/readyz", "QUERY_STRING": "", "HTTP_HOST": "localhost:8000",
        "SERVER_NAME": "localhost", "SERVER_PORT": "80", "wsgi.url_scheme": "http", **changed,
    }  # fmt: skip


@pytest.mark.parametrize(
    "vary",
    [
        lambda n: {"HTTP_HOST": f"localhost:{n}"},
        lambda n: {"REQUEST_METHOD": "GET" if n % 2 else "HEAD", "HTTP_HOST": ("localhost", "127.0.0.1")[n % 2]},
        lambda n: {"QUERY_STRING": f"x={n}", "HTTP_COOKIE": f"a={n}", "HTTP_ACCEPT": f"text/{n}"},
    ],
    ids=["name", "method", "everything else"],
)
def test_health_is_made_once_for_all_who_wait_whatever_they_call_us(vary: Any) -> None:
    made: list[dict[str, Any]] = []

    def handler(environ: dict[str, Any]) -> str:
        made.append(environ)
        time.sleep(0.02)  # a database, a broker
        return "ready"

    async def ask() -> float:
        health = Health(handler)
        health.start()
        many = [asyncio.ensure_future(health.ask(asked(**vary(n)))) for n in range(256)]
        await asyncio.sleep(0.01)
        began = time.monotonic()
        await health.ask(asked())
        waited = time.monotonic() - began
        for task in many:
            task.cancel()
        return waited

    waited = asyncio.run(ask())
    assert waited < 0.5
    assert len(made) <= 3
    # what one asker sends is in nobody's answer
    assert not any({"HTTP_COOKIE", "HTTP_ACCEPT"} & set(environ) or environ["QUERY_STRING"] for environ in made)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True), ({"PATH_INFO": "/livez", "REQUEST_METHOD": "HEAD"}, True), ({"HTTP_HOST": "127.0.0.1:1"}, True),
        ({"HTTP_HOST": ""}, True), ({"HTTP_HOST": "evil.example"}, False), ({"HTTP_HOST": "a b"}, False),
        ({"REQUEST_METHOD": "POST"}, False), ({"REQUEST_METHOD": "X7"}, False), ({"PATH_INFO": "/readyz/"}, False),
    ],
)  # fmt: skip
def test_only_the_question_for_health_by_a_name_of_ours_is_one(changed: dict[str, str], expected: bool) -> None:
    assert is_health(asked(**changed)) == expected


@pytest.fixture
def editor(ready: None, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr("console.edge.callers.close_old_connections", lambda: None)  # the test is in a transaction
    return signed_in(scenes.person("policy-editor"))


def may_send(client: Client) -> bool:
    """Whether a browser may send a large body to a page that takes one."""
    cookie = f"{configured.SESSION_COOKIE_NAME}={client.cookies[configured.SESSION_COOKIE_NAME].value}"
    return caller_known({
        "REQUEST_METHOD": "POST", "PATH_INFO": "/policies/import", "QUERY_STRING": "", "SERVER_NAME": "localhost",
        "SERVER_PORT": "80", "HTTP_COOKIE": cookie, "wsgi.input": BytesIO(), "wsgi.url_scheme": "http",
    })  # fmt: skip


@pytest.mark.parametrize("note", ["seen_at", "began_at"])
def test_a_session_that_is_over_sends_no_large_bodies(editor: Client, note: str) -> None:
    assert may_send(editor)
    session = editor.session
    session[note] = time.time() - 30 * 86_400
    session.save()
    assert not may_send(editor)


def test_a_session_without_its_second_factor_sends_no_large_bodies(editor: Client, settings: Settings) -> None:
    settings.MFA_REQUIRED_ROLES = ["policy-editor"]
    assert editor.get("/policies/").status_code == 302
    assert not may_send(editor)


def test_who_may_not_open_the_page_sends_no_large_bodies(editor: Client) -> None:
    assert not may_send(signed_in(scenes.person("reviewer")))
    editor.logout()
    assert not may_send(signed_in(scenes.person("")))


def test_a_caller_is_known_for_a_moment_at_one_address_and_by_a_key_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    recent = RecentCallers()
    sent = asked(REQUEST_METHOD="POST", PATH_INFO="/api/v1/items", HTTP_AUTHORIZATION="Api-Key a.b")
    assert not recent.knows(sent)
    recent.note(sent)
    assert recent.knows(sent)
    for other in ({"HTTP_AUTHORIZATION": "Api-Key a.c"}, {"PATH_INFO": "/api/v1/events"}, {"REQUEST_METHOD": "PUT"}):
        assert not recent.knows({**sent, **other})
    now += RECENT_SECONDS
    assert not recent.knows(sent)
    page = asked(REQUEST_METHOD="POST", PATH_INFO="/policies/import", HTTP_COOKIE="sessionid=a")
    recent.note(page)
    assert not recent.knows(page)


def test_it_remembers_only_so_many_callers() -> None:
    recent = RecentCallers()
    for n in range(10_000):
        recent.note(asked(HTTP_AUTHORIZATION=f"Api-Key {n}"))
    assert len(recent._until) <= 256
