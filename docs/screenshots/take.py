"""Takes the README's screenshots from a running, filled demo: `python docs/screenshots/take.py`.

Reads var/demo.json for the address and who can sign in; needs Playwright and Chromium. Changes nothing but one claim,
which it gives back.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).resolve().parent
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def sign_in(page: Page, account: dict[str, str]) -> None:
    """Sign in as one of the demo's people."""
    page.goto("/accounts/login/")
    page.fill("#id_login", account["username"])
    page.fill("#id_password", account["password"])
    page.click("main button")
    page.wait_for_selector("h1:has-text('Good')")


def shoot(page: Page, name: str) -> None:
    """Keep what the page shows, once its pictures are there."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(600)
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    Image.open(path).convert("RGB").save(path, optimize=True)  # without the alpha channel: fewer bytes


def queue_list(page: Page) -> None:
    """The queues with their counts."""
    page.goto("/queues/")
    shoot(page, "queues")


def job_page(page: Page, queue: str = "General video") -> None:
    """A job with its timeline, from a queue that has clips; given back afterwards."""
    page.goto("/queues/")
    wanted = page.locator(f"tr:has-text('{queue}') button").first
    button = wanted if wanted.count() else page.locator("button:has-text('Claim')").first
    button.click()
    page.wait_for_url("**/jobs/*/")
    shoot(page, "job")
    page.click("button:has-text('Give back')")
    page.wait_for_url("**/queues/")


def item_page(page: Page) -> None:
    """The history of a blocked item."""
    page.goto("/items/?state=blocked")
    page.locator("#results th a").first.click()
    page.wait_for_url("**/items/*/")
    shoot(page, "item")


def demo_feed(page: Page) -> None:
    """The feed as a phone would play it."""
    page.goto("/demo/feed")
    shoot(page, "feed")


def main() -> int:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, default=ROOT / "var" / "demo.json")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--role", default="senior")
    options = parser.parse_args()
    if not options.demo.exists():
        sys.stderr.write(f"{options.demo} is not there. Start the demo first: make demo\n")
        return 1
    demo: dict[str, Any] = json.loads(options.demo.read_text(encoding="utf-8"))
    account = next(user for user in demo["users"] if user["role"] == options.role)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=ARGUMENTS)
        page = browser.new_page(base_url=demo["url"], viewport={"width": 1366, "height": 850}, color_scheme="light")
        sign_in(page, account)
        for take in (queue_list, job_page, item_page, demo_feed):
            take(page)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
