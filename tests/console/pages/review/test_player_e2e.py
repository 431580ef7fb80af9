"""The job page's player in a real browser: room for the media, nothing plays by itself, the worst moment, peeking, marking."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from moderation.detection.types import Finding
from moderation.models import (
    Decision,
    DecisionDraft,
    DetectorResult,
    HashBank,
    HashEntry,
    HashMatch,
    Job,
    ViewingChoice,
)
from policies.choices import ItemKind, Outcome
from tests.support import scenes
from tests.support.browser import _sign_in
from tests.support.browser import page as page  # the fixture
from tests.support.browser import pytestmark as pytestmark  # when to skip
from tests.support.clips import clip, scene
from tests.support.timeline_findings import findings

VIDEO = "document.querySelector('.media .veil video')"
NOW = f"{VIDEO}.currentTime"
FILTER = f"getComputedStyle({VIDEO}).filter"


def _clip_job(user: User, folder: Path, external_id: str = "clip-1", **kwargs: Any) -> Job:
    """Return a job that the person holds, of a clip of thirty seconds whose worst moment, by its reason, is at one second."""
    path = clip(folder / "clip.mp4", [scene(n) for n in range(10)], seconds_each=3.0, fps=5)
    media = scenes.stored(path.read_bytes(), mime="video/mp4", width=320, height=240)
    DetectorResult.objects.get_or_create(
        sha256=media.sha256, detector="speech", version="1", status="ok",
        payload={"language": "en", "segments": [{"start_ms": 1_000, "end_ms": 2_400, "text": "buy cheap followers here"}]},
    )  # fmt: skip
    found = [f for f in findings() if f.detector != "frames"]
    fields: dict[str, Any] = {
        "media": media,
        "duration_ms": 30_000,
        "findings": found,
        "caption": "my day in the workshop",
    }
    return scenes.job_held(user, external_id, kind=ItemKind.VIDEO, **{**fields, **kwargs})


def _open(page: Any, user: User, job: Job, width: int = 1440) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    _sign_in(page, user.username)
    page.goto(reverse("job_page", args=[job.key]))


def _ready(page: Any) -> None:
    page.wait_for_function(f"() => {VIDEO}.readyState >= 1")


def _until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 15
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture
def reviewer(transactional_db: None) -> User:
    scenes.policy_ready()
    return scenes.person("reviewer")


def test_media_and_words_have_more_than_half_of_the_width(page: Any, reviewer: User, tmp_path: Path) -> None:
    _open(page, reviewer, _clip_job(reviewer, tmp_path))
    for what in (".media", "details:has(.said-lines)"):
        assert page.locator(what).first.bounding_box()["width"] >= 0.55 * 1440
    decide = page.locator(".panel-decide").bounding_box()
    assert decide["y"] < 400
    assert decide["x"] + decide["width"] <= 1440


def test_opening_plays_nothing_and_space_plays_from_the_worst_moment(page: Any, reviewer: User, tmp_path: Path) -> None:
    _open(page, reviewer, _clip_job(reviewer, tmp_path))
    _ready(page)
    time.sleep(1)
    assert page.evaluate(f"[{VIDEO}.paused, {NOW}, {VIDEO}.muted]") == [True, 0, True]
    page.keyboard.press("Space")
    page.wait_for_function(f"() => !{VIDEO}.paused && {NOW} >= 1 && {NOW} < 4")
    assert "blur" in page.evaluate(FILTER)
    page.keyboard.press("Space")
    page.wait_for_function(f"() => {VIDEO}.paused")


def test_keys_seek_step_and_change_the_speed(page: Any, reviewer: User, tmp_path: Path) -> None:
    _open(page, reviewer, _clip_job(reviewer, tmp_path))
    _ready(page)
    for key, place in (("ArrowRight", 2.0), ("ArrowRight", 4.0), ("ArrowLeft", 2.0), (".", 2.04), (",", 2.0)):
        page.keyboard.press(key)
        page.wait_for_function(f"() => Math.abs({NOW} - {place}) < 0.01")
    page.keyboard.press("-")
    assert page.evaluate(f"{VIDEO}.playbackRate") == 0.75
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert page.inner_text("[data-speed]") == "1.25×"
    page.keyboard.press("q")
    assert not page.evaluate(f"{VIDEO}.loop")
    page.keyboard.press("f")
    page.wait_for_function(f"() => {NOW} === 1")
    page.keyboard.press("ArrowRight")
    page.click("text=buy cheap followers here >> xpath=../a")
    page.wait_for_function(f"() => {NOW} === 1")
    # Whoever types means letters, and so does a button that has the focus.
    page.keyboard.press("3")
    page.keyboard.press("ArrowRight")  # seeks, and leaves the outcome that has the focus
    page.wait_for_function(f"() => {NOW} === 3")
    assert page.is_checked("[data-key='3']")
    page.fill("#id_note", "")
    page.focus("#id_note")
    page.keyboard.type("a [b] - v.")
    assert page.input_value("#id_note") == "a [b] - v."
    assert page.evaluate(NOW) == 3


def test_holding_v_peeks_and_a_tap_lifts_the_blur_for_this_category_from_now_on(
    page: Any, reviewer: User, tmp_path: Path
) -> None:
    job = _clip_job(reviewer, tmp_path)
    _open(page, reviewer, job)
    _ready(page)
    page.keyboard.down("v")
    page.wait_for_function(f"() => {FILTER} === 'none'")
    time.sleep(0.5)
    page.keyboard.up("v")
    page.wait_for_function(f"() => {FILTER}.includes('blur') && {FILTER}.includes('grayscale')")
    assert not ViewingChoice.objects.exists()

    page.keyboard.press("v")
    page.wait_for_function(f"() => !{FILTER}.includes('blur') && {FILTER}.includes('grayscale')")
    page.keyboard.press("m")
    assert not page.evaluate(f"{VIDEO}.muted")
    _until(lambda: ViewingChoice.objects.filter(person=reviewer, is_sharp=True, has_sound=True).exists())
    page.reload()
    page.wait_for_selector(".show-sharp:checked", state="attached")
    assert page.is_checked(".show-sharp")
    assert not page.is_checked(".show-colour")
    assert page.evaluate(f"{VIDEO}.paused")


def test_the_strength_of_the_blur_is_set_and_words_can_be_veiled(page: Any, reviewer: User, tmp_path: Path) -> None:
    _open(page, reviewer, _clip_job(reviewer, tmp_path))
    _ready(page)
    page.click("text=How strong")
    page.focus("[name=blur]")
    page.keyboard.press("Home")
    page.wait_for_function(f"() => {FILTER}.includes('blur(6px)')")
    words = "getComputedStyle(document.querySelector('.caption')).filter"
    assert page.evaluate(words) == "none"
    page.keyboard.press("t")  # also with a slider in focus, which takes no letters
    page.wait_for_function(f"() => {words} === 'blur(6px)'")
    _until(lambda: ViewingChoice.objects.filter(blur=6, veils_words=True).exists())


def test_brackets_mark_the_part_and_it_is_stored_with_the_decision(page: Any, reviewer: User, tmp_path: Path) -> None:
    job = _clip_job(reviewer, tmp_path)
    _open(page, reviewer, job)
    _ready(page)
    page.keyboard.press("f")
    page.wait_for_function(f"() => {NOW} === 1")
    page.keyboard.press("]")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"() => {NOW} === 3")
    page.keyboard.press("[")
    page.wait_for_selector("#said:has-text('before it begins')")
    page.keyboard.press("3")
    page.select_option("#id_category", "violence")
    page.fill("#id_note", "A knife is held at somebody.")
    page.keyboard.press("Control+Enter")  # begins after its end: refused, and nothing that was typed is lost
    page.wait_for_selector("#span_until_error")
    assert page.input_value("#id_note") == "A knife is held at somebody."
    assert page.input_value("#id_span_from") == "3.0"
    page.evaluate("document.activeElement.blur()")
    _ready(page)
    page.keyboard.press("f")
    page.wait_for_function(f"() => {NOW} === 1")
    page.keyboard.press("[")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"() => {NOW} === 3")
    page.keyboard.press("]")
    _until(lambda: DecisionDraft.objects.filter(fields__span_from="1.0", fields__span_until="3.0").exists())
    page.focus("#id_note")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/queues/")
    decision = Decision.objects.get(actor=reviewer)
    assert decision.span_ms == (1_000, 3_000)
    page.goto(reverse("item_page", args=[job.item.key]))
    assert "0:01.0" in page.inner_text("text=Breaks the rule from")
    assert "marked by reviewer-1" in page.inner_text("section:has(#timeline-title)")


def test_a_still_has_no_bar_and_no_part(page: Any, reviewer: User) -> None:
    found = [
        Finding("terms", "1", "spam_scam", 0.8, {"source": "ocr", "frame_ms": 0, "text": "pills", "line": "pills"})
    ]
    job = scenes.job_held(
        reviewer, kind=ItemKind.IMAGE, media=scenes.stored(scene_png(), mime="image/png"), findings=found, caption="a shop"
    )  # fmt: skip
    _open(page, reviewer, job)
    assert page.locator("[data-playbar], .part, [data-timeline]").count() == 0
    assert "Written in the picture: “pills”" in page.inner_text(".reason")


def test_a_match_is_wiped_by_keyboard(page: Any, reviewer: User) -> None:
    picture = scenes.stored(scene_png(), mime="image/png")
    bank = HashBank.objects.create(slug="known", title="Known", category_id="spam_scam", outcome=Outcome.ESCALATE)
    entry = HashEntry.objects.create(bank=bank, algorithm="pdq", value="ab" * 32)
    where = {"bank": "known", "entry": str(entry.key), "algorithm": "pdq", "role": "media", "quality": 91}
    hit = Finding("hashes", "1", "spam_scam", 0.0, {**where, "distance": 6}, Outcome.ESCALATE)
    same = Finding("hashes", "1", "spam_scam", 0.0, {**where, "distance": 0}, Outcome.ESCALATE)
    first = scenes.item_judged("first-1", kind=ItemKind.IMAGE, media=picture, findings=[same])
    Job.objects.filter(item=first).update(state="closed")
    HashMatch.objects.create(
        entry=entry, bank=bank, item=first, creator=first.creator, distance=0, found_at=first.created_at
    )
    job = scenes.job_held(reviewer, "second-1", kind=ItemKind.IMAGE, media=picture, findings=[hit], caption="a shop")
    _open(page, reviewer, job)
    page.focus("text=Compare the pictures")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-wipe]")
    assert "6 of 256 bits differ" in page.inner_text(".wipe")
    assert "Quality 91" in page.inner_text(".wipe")
    page.wait_for_function("() => [...document.querySelectorAll('.wipe img')].every((one) => one.naturalWidth > 0)")
    assert "blur" in page.evaluate("getComputedStyle(document.querySelector('.wipe .theirs img')).filter")
    page.focus("[data-wipe]")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "() => getComputedStyle(document.querySelector('.theirs')).clipPath === 'inset(0px 0px 0px 52%)'"
    )
    page.focus(".show-difference")
    page.keyboard.press("Space")
    blend = "getComputedStyle(document.querySelector('.theirs')).mixBlendMode"
    page.wait_for_function(f"() => {blend} === 'difference'")


@pytest.mark.parametrize("width", [390])
def test_on_a_phone_the_outcomes_and_the_button_are_in_reach(
    page: Any, reviewer: User, tmp_path: Path, width: int
) -> None:
    _open(page, reviewer, _clip_job(reviewer, tmp_path), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for what in ("form[data-decide] .choice >> nth=0", "form[data-decide] .btn.primary"):
        box = page.locator(what).bounding_box()
        assert box["y"] >= 900 - 80
        assert box["y"] + box["height"] <= 900
    page.click("form[data-decide] .choice:has-text('Block')")
    page.wait_for_function("() => document.getElementById('id_note').getBoundingClientRect().top < 800")
    assert "here" in page.inner_text("[data-mark=from]")


def scene_png() -> bytes:
    import io

    out = io.BytesIO()
    scene(1).save(out, "PNG")
    return out.getvalue()
