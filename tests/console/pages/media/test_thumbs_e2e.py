"""Veiled thumbnails in a real browser: held by pointer and by key they are shown, let go they are veiled."""

from __future__ import annotations

from typing import Any

from django.conf import settings as project

from policies.choices import ItemKind
from tests.support import scenes
from tests.support.browser import _sign_in
from tests.support.browser import page as page  # the fixture
from tests.support.browser import pytestmark as pytestmark  # when to skip
from tests.support.clips import jpeg, scene

THUMB = ".thumb[data-peek]"
_FILTER = "getComputedStyle(document.querySelector('.thumb img')).filter"
_GLASS = "document.querySelector('.peek-glass img')"


def items(n: int = 4) -> None:
    captions = [
        "a boat in the harbour at noon, with gulls",
        "pills for sale, ask me",
        "",
        "Wetter morgen: Regen und Wind",
    ]
    for i in range(n):
        file = scenes.stored(jpeg(scene(i, size=(720, 1280))), mime="image/jpeg")
        scenes.item_judged(f"clip-{i}", kind=ItemKind.IMAGE, media=file, caption=captions[i % 4])
    scenes.item_judged("words-only", caption="only words here")
    broken = scenes.stored(b"broken", mime="image/jpeg")
    scenes.item_judged("broken", kind=ItemKind.IMAGE, media=broken, caption="its picture is damaged")


def shoot(page: Any, name: str) -> None:
    folder = project.BASE_DIR / "var" / "e2e"
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png")


def test_a_thumbnail_is_shown_while_it_is_held_and_veiled_again(page: Any) -> None:
    scenes.policy_ready()
    senior = scenes.person("senior")
    items()
    _sign_in(page, senior.username)
    page.goto("/items/")
    page.wait_for_selector(".thumb.failed")  # the newest, whose picture is damaged
    page.wait_for_function("() => [...document.querySelectorAll('.thumb img')].at(-1).naturalWidth > 0")
    assert "blur" in page.evaluate(_FILTER)
    assert "grayscale" in page.evaluate(_FILTER)
    shoot(page, "items-veiled")

    thumb = page.locator(THUMB).last
    box = thumb.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.wait_for_function(f"() => {_GLASS} && getComputedStyle({_GLASS}).filter === 'grayscale(1)'")
    shoot(page, "items-peeked")
    page.mouse.up()
    page.wait_for_function(f"() => !{_GLASS}")

    thumb.focus()
    for key in ("v", " ", "Enter"):
        page.keyboard.down(key)
        page.wait_for_function(f"() => {_GLASS}")
        page.keyboard.up(key)
        page.wait_for_function(f"() => !{_GLASS}")
    assert not page.locator(".show-sharp").is_checked()  # the key was this thumbnail's alone
    assert page.url.endswith("/items/")

    page.keyboard.down("v")
    page.keyboard.press("Tab")
    page.wait_for_function(f"() => !{_GLASS}")  # what is left is not held
    page.keyboard.up("v")

    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("v")
    page.keyboard.press("o")
    page.wait_for_function(f"() => {_FILTER} === 'none'")
    shoot(page, "items-shown")
    page.fill("#id_q", "pills")
    page.keyboard.press("Enter")
    page.wait_for_selector("mark:text-is('pills')")
    assert page.locator(".show-sharp").is_checked()
    shoot(page, "items-searched")


def test_a_long_press_looks_on_a_phone_and_nothing_runs_out_of_the_window(page: Any) -> None:
    scenes.policy_ready()
    admin = scenes.person("admin")
    items()
    _sign_in(page, admin.username)
    for width, scheme in ((390, "light"), (390, "dark"), (1440, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        for name, url in (
            ("items", "/items/?q=pills"),
            ("wrong", "/items/?language=xx&since=never"),
            ("audit", "/audit/"),
        ):
            page.goto(url)
            shoot(page, f"{name}-{width}-{scheme}")
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{name} is {wide} wide at {width}"
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto("/items/?q=harbour")
    page.wait_for_function("() => document.querySelector('.thumb img').naturalWidth > 0")
    at = page.locator(THUMB).first.bounding_box()
    press = {"pointerType": "touch", "isPrimary": True, "button": 0, "bubbles": True, "clientX": at["x"] + 9}
    page.locator(THUMB).first.dispatch_event("pointerdown", press)
    page.wait_for_function(f"() => {_GLASS}")
    shoot(page, "items-390-peeked")
    box = page.locator(".peek-glass").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    page.locator(THUMB).first.dispatch_event("pointercancel", press)
    page.wait_for_function(f"() => !{_GLASS}")
