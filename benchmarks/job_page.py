"""How soon a reviewer sees the job page, and how much of it is sent: in Chromium over real HTTP, with empty caches.

The job's clip has speech, writing and pictures to be told of; media themselves are not counted: `python -m benchmarks.job_page`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.simulate import Rows, _row
from console.demo.embedded import servers_in
from tests.support.live import Live, live_service
from tests.support.places import ROOT

N_OPENED = 15
_CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
_SENT = """
() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
  .filter((entry) => !entry.name.includes('/media/')).reduce((sum, entry) => sum + entry.transferSize, 0)
"""


def run() -> Rows:
    """Return the measured rows."""
    with tempfile.TemporaryDirectory(prefix="gh-bench-") as folder:
        root = Path(folder)
        root.chmod(0o711)
        servers = servers_in(root / "servers", fsync=False)
        servers.start()
        try:
            with live_service(servers.environment(), root, workers=2, threads=4) as live:
                return _measure(live, _job(live))
        finally:
            servers.stop()


def _job(live: Live) -> dict[str, str]:
    """Make the job in a process that has the service's settings; return its address and a reviewer's session."""
    code = "from benchmarks.job_page import make; make()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **live.environment},
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    )
    made: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return made


def make() -> None:
    """Make a clip's job that a reviewer holds, and sign them in."""
    import django

    django.setup()
    from django.conf import settings
    from django.urls import reverse

    from moderation.models import DetectorResult
    from policies.choices import ItemKind
    from tests.support import scenes
    from tests.support.sign_in import signed_in
    from tests.support.timeline_findings import findings

    reviewer = scenes.person("reviewer")
    with tempfile.TemporaryDirectory() as folder:
        media = scenes.filmed(Path(folder))
    lines = [{"start_ms": n * 1_000, "end_ms": n * 1_000 + 900, "text": f"line {n} of what is said"} for n in range(30)]
    DetectorResult.objects.create(
        sha256=media.sha256, detector="speech", version="1", status="ok", payload={"language": "en", "segments": lines}
    )
    job = scenes.job_held(reviewer, kind=ItemKind.VIDEO, media=media, duration_ms=30_000, findings=findings())
    for n in range(20):
        scenes.item_judged(f"earlier-{n}")
    session = signed_in(reviewer).cookies[settings.SESSION_COOKIE_NAME].value
    made = {"path": reverse("job_page", args=[job.key]), "name": settings.SESSION_COOKIE_NAME, "session": session}
    sys.stdout.write("\n" + json.dumps(made))


def _measure(live: Live, made: dict[str, str]) -> Rows:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS)
        opened = [_open(browser, live.url, made) for _ in range(N_OPENED)]
        browser.close()
    return {
        "job_page_fcp_p50": _row(median(paint for paint, _ in opened) / 1_000, "s, first contentful paint", 0.5),
        "job_page_fcp_max": _row(max(paint for paint, _ in opened) / 1_000, "s", None),
        "job_page_sent": _row(opened[0][1] / 1_000, "kB without media, nothing cached", 300),
    }


def _open(browser: Any, url: str, made: dict[str, str]) -> tuple[float, float]:
    """Open the page with empty caches; return when something was painted (ms) and how much was sent (bytes)."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": made["name"], "value": made["session"], "url": url}])
    page = context.new_page()
    page.goto(url + made["path"], wait_until="load")
    page.wait_for_selector(".reason")
    page.wait_for_function(f"() => {_PAINT} !== undefined")
    result = float(page.evaluate(_PAINT)), float(page.evaluate(_SENT))
    context.close()
    return result


if __name__ == "__main__":
    for name, row in run().items():
        sys.stdout.write(f"{name}: {row['value']} {row['unit']} (target {row['target']})\n")
