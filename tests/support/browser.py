"""A real browser for tests: a page, signing in, and when to skip."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from pytest_django.live_server_helper import LiveServer

from tests.support import scenes

CHROMIUM = Path("/usr/bin/chromium")


ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium at /usr/bin/chromium; install it to run these"),
]


@pytest.fixture
def page(live_server: LiveServer, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Yield a page of a fresh browser; what its console complains about fails the test."""
    api = pytest.importorskip("playwright.sync_api", reason="needs Playwright; `make setup` installs it")
    # Playwright's loop runs in this thread, which makes Django suspect asynchronous use of the ORM.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        opened = browser.new_page(base_url=live_server.url, viewport={"width": 1366, "height": 850})
        opened.set_default_timeout(20_000)
        complaints: list[str] = []
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda m: complaints.append(m.text) if "Content Security Policy" in m.text else None)
        yield opened
        folder = settings.BASE_DIR / "var" / "e2e"
        if getattr(request.node, "failed", False) or complaints:
            folder.mkdir(parents=True, exist_ok=True)
            opened.screenshot(path=folder / f"{re.sub(r'[^a-z_]', '', request.node.name)}.png")
        browser.close()
        _wait_for_requests()
        connections.close_all()  # those of Playwright's loop, which the test's own thread would not see
        assert complaints == []


def _wait_for_requests() -> None:
    """Let the server's threads end, and with them their database connections, before the database is dropped."""
    for thread in threading.enumerate():
        if "process_request_thread" in thread.name:
            thread.join(10)


def _sign_in(page: Any, username: str) -> None:
    page.goto("/queues/")
    page.fill("#id_login", username)
    page.fill("#id_password", scenes.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:text-is('Queues')")
