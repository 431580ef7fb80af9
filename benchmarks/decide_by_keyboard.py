"""How soon the next job is there after Enter: a reviewer decides by keys alone, in Chromium, over the real server.

Measured in the page itself, from the press of Enter to the frame that shows the next job; it comes in the answer to the
decision, so nothing else is asked for before it can be read.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.simulate import Rows, _child, _row
from console.demo.embedded import servers_in
from tests.support.live import live_service

_HERE = "benchmarks.decide_by_keyboard"
N_JOBS = 60
TARGET_MS = 150
#: What is pressed before Enter, in turn.
_KEYS = (("b",), ("k",), ("b", "2"), ("b", "h"), ("l", "d"))
_WATCH = """
    window.waits = [];
    let shown = "", pressedAt = 0;
    addEventListener("keydown", (event) => { if (event.key === "Enter") pressedAt = performance.now(); }, true);
    const look = () => {
        const now = document.querySelector("#job h1")?.innerText ?? "";
        if (pressedAt && now && shown && now !== shown) {
            const at = pressedAt;
            pressedAt = 0;
            requestAnimationFrame(() => setTimeout(() => window.waits.push(performance.now() - at)));  // behind the frame
        }
        shown = now || shown;
    };
    new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true });
"""


def run() -> Rows:
    """Return the measured rows."""
    with tempfile.TemporaryDirectory(prefix="gh-bench-") as folder:
        root = Path(folder)
        root.chmod(0o711)
        servers = servers_in(root / "servers")
        servers.start()
        try:
            served = {**servers.environment(), "VAR_DIR": str(root / "var")}
            _child(
                "collect", {"ENVIRONMENT": "test", "DJANGO_SETTINGS_MODULE": "console.settings", **served}, module=_HERE
            )
            with live_service(served, root, workers=1, threads=4) as live:
                _child("fill", dict(live.environment), module=_HERE)
                os.environ.update(live.environment)  # what drives the browser reads our settings as well
                return _measure(live.url)
        finally:
            servers.stop()


def collect() -> None:
    """Put the scripts and styles where the web server looks for them when it starts."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("collectstatic", interactive=False, verbosity=0)
    sys.stdout.write("{}")


def fill() -> None:
    """Make a reviewer and the jobs; print nothing that counts."""
    import django

    django.setup()
    scenes = _support("scenes")
    scenes.person("reviewer", "bench-reviewer")
    for n in range(N_JOBS):
        scenes.job_open(f"waits-{n:03}")
    sys.stdout.write("{}")


def _support(name: str) -> Any:
    """Return a module of the tests' support: what is not typed strictly is looked up when it is needed."""
    return import_module(f"tests.support.{name}")


def _measure(url: str) -> Rows:
    import django
    from playwright.sync_api import sync_playwright

    django.setup()
    browser_of = _support("browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(browser_of.CHROMIUM), args=browser_of.ARGUMENTS)
        page = browser.new_page(base_url=url, viewport={"width": 1366, "height": 850})
        page.add_init_script(_WATCH)
        _claim(page)
        seconds = [_decide(page, _KEYS[n % len(_KEYS)]) for n in range(N_JOBS - 2)]
        waits = page.evaluate("window.waits")[5:]  # the first ones warm the server up
        browser.close()
    cuts = quantiles(waits, n=20)
    return {
        "keyboard_next_job_p50": _row(median(waits), "ms after Enter", TARGET_MS),
        "keyboard_next_job_p95": _row(cuts[18], "ms after Enter", TARGET_MS),
        "keyboard_decision_p50": _row(median(seconds), "s, keys and next job", None),
        "keyboard_keys_per_decision": _row(sum(len(k) + 1 for k in _KEYS) / len(_KEYS), "keys, Enter among them", 3),
    }


def _claim(page: Any) -> None:
    page.goto("/queues/")
    page.fill("#id_login", "bench-reviewer")
    page.fill("#id_password", _support("scenes").PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:text-is('Queues')")
    page.wait_for_load_state("load")  # the keys come with the scripts
    page.keyboard.press("c")
    page.wait_for_url("**/jobs/*/")


def _decide(page: Any, keys: tuple[str, ...]) -> float:
    before = page.inner_text("#job h1")
    n = page.evaluate("window.waits.length")
    began = time.perf_counter()
    for key in keys:
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    page.wait_for_function(
        "([before, n]) => document.querySelector('#job h1')?.innerText !== before && window.waits.length > n",
        arg=[before, n],
    )
    return time.perf_counter() - began
