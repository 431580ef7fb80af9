"""What is written in pictures is read where it stands, and understood across lines and frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from moderation.detection.clip import ClipSubject
from moderation.detection.hashes.pdq import pdq_of
from moderation.detection.media.sandbox import SampledFrame, examine
from moderation.detection.media.stills import decode_image
from moderation.detection.ocr.detector import (
    OcrDetector,
    frames_to_read,
    merge_lines,
    read_closely,
)
from moderation.detection.ocr.findings import passages, read_findings
from moderation.detection.terms.detector import TermEntry, TermIndex, TermsDetector
from moderation.detection.types import Finding
from policies.choices import ItemKind, Outcome
from tests.support.clips import clip, jpeg, scene


def frame(ms: int, seed: int = 1) -> SampledFrame:
    return SampledFrame(ms, "interval", Path("x"), f"{seed * 0x1234567:064x}" if seed == 1 else "f" * 64, 90)


def line(text: str, ms: int, until_ms: int, top: int = 0) -> dict[str, Any]:
    return {"text": text, "ms": ms, "until_ms": until_ms, "box": [0, top, 100, top + 20], "confidence": 0.9}


def scan(text: str, where: Mapping[str, Any]) -> tuple[Finding, ...]:
    entries = [TermEntry("cheap followers", "spam_scam", score=0.8), TermEntry("blimp", "profanity", score=0.4)]
    return TermsDetector(TermIndex.build(entries), "t").findings_for(text, where)


def test_frames_that_show_the_same_are_read_every_four_seconds() -> None:
    assert [f.ms for f in frames_to_read([frame(s * 1_000) for s in range(10)])] == [0, 4_000, 8_000]


def test_a_new_picture_is_read_at_once() -> None:
    assert [f.ms for f in frames_to_read([frame(0), frame(200, 2), frame(300, 2), frame(400)])] == [0, 200, 400]


def test_at_most_so_many_are_read_evenly_spread() -> None:
    chosen = [f.ms for f in frames_to_read([frame(s * 4_000) for s in range(150)])]
    assert len(chosen) == 24
    assert (chosen[0], chosen[-1]) == (0, 149 * 4_000)


def test_scenes_are_read_closely_where_they_begin_and_now_and_then() -> None:
    moving = [frame(s * 1_000, s) for s in range(8)]
    moving[1] = replace(moving[1], why="scene")
    assert [f.ms for f in read_closely(moving)] == [0, 1_000, 4_000, 7_000]


def test_nothing_is_read_of_nothing() -> None:
    assert frames_to_read([]) == []
    assert read_findings({"lines": []}, scan) == ()


def test_an_emergency_term_is_found_beside_the_version_s_own_of_the_same_words() -> None:
    def twice(text: str, where: Mapping[str, Any]) -> tuple[Finding, ...]:
        found = scan(text, where)
        return (*found, *(replace(f, hard=Outcome.BLOCK, where={**f.where, "emergency": "key"}) for f in found))

    found = read_findings({"lines": [line("buy cheap followers", 2_000, 6_000, 40)]}, twice)
    assert [f.hard for f in found] == [None, Outcome.BLOCK]


def test_a_term_is_found_with_time_and_place() -> None:
    (found,) = read_findings({"lines": [line("buy cheap followers", 2_000, 6_000, 40)]}, scan)
    assert found.where["source"] == "ocr"
    assert (found.where["frame_ms"], found.where["until_ms"], found.where["box"]) == (2_000, 6_000, [0, 40, 100, 60])
    assert found.where["text"] == "cheap followers"


def test_a_phrase_broken_over_two_lines_is_found_once() -> None:
    lines = [line("followers here", 0, 0, 60), line("buy cheap", 0, 0, 20)]
    found = read_findings({"lines": lines}, scan)
    assert [f.where["text"] for f in found] == ["cheap followers"]


def test_lines_that_came_at_different_times_but_stand_together_are_read_together() -> None:
    lines = [line("buy cheap", 0, 8_000, 20), line("followers here", 4_000, 8_000, 60)]
    assert [f.where["text"] for f in read_findings({"lines": lines}, scan)] == ["cheap followers"]


def test_lines_that_never_stood_together_are_not() -> None:
    lines = [line("buy cheap", 0, 3_000, 20), line("followers here", 4_000, 8_000, 60)]
    assert read_findings({"lines": lines}, scan) == ()


def seen(text: str, top: int = 0, confidence: float = 0.9, left: int = 0) -> dict[str, Any]:
    return {"text": text, "words": text, "box": [left, top, left + 100, top + 20], "confidence": confidence}


def test_a_line_that_stays_is_one_line_with_its_time() -> None:
    (line,) = merge_lines([(0, [seen("hello")]), (1_000, [seen("Hello")]), (2_000, [])])
    assert (line["ms"], line["until_ms"], line["spans"]) == (0, 1_000, [[0, 1_000]])


def test_a_line_that_comes_back_has_two_times() -> None:
    (line,) = merge_lines([(0, [seen("hello")]), (4_000, []), (8_000, [seen("hello")])])
    assert line["spans"] == [[0, 0], [8_000, 8_000]]
    (found,) = read_findings(
        {"lines": merge_lines([(0, [seen("cheap followers")]), (4_000, []), (8_000, [seen("cheap followers")])])}, scan
    )
    assert (found.where["frame_ms"], found.where["until_ms"], found.where["n_times_seen"]) == (0, 0, 2)


def test_of_readings_that_differ_a_little_in_one_place_the_surest_stays() -> None:
    frames = [(0, [seen("cheap fo11owers", confidence=0.6)]), (500, [seen("cheap followers", confidence=0.95)])]
    (line,) = merge_lines(frames)
    assert (line["text"], line["confidence"], line["spans"]) == ("cheap followers", 0.95, [[0, 500]])


def test_similar_lines_in_other_places_stay_apart() -> None:
    lines = merge_lines([(0, [seen("cheap followers"), seen("cheap follower", top=60)])])
    assert [line["text"] for line in lines] == ["cheap followers", "cheap follower"]


def test_a_line_that_moves_is_still_one() -> None:
    assert len(merge_lines([(0, [seen("breaking")]), (500, [seen("breaking", left=300)])])) == 1


def test_other_words_in_the_same_place_are_another_line() -> None:
    assert len(merge_lines([(0, [seen("one thing")]), (500, [seen("what else")])])) == 2


def classify(text: str, where: Mapping[str, Any]) -> tuple[Finding, ...]:
    return (Finding("text", "1", "hate", min(1.0, len(text) / 100), where),)


def test_the_classifier_reads_passages_and_its_highest_score_is_kept() -> None:
    lines = [line("you are not", 0, 4_000, 10), line("welcome in here", 0, 4_000, 40), line("ok", 9_000, 9_000)]
    assert [text for text, _ in passages(lines)] == ["welcome in here", "you are not welcome in here"]
    (found,) = read_findings({"lines": lines}, lambda *_: (), classify)
    assert (found.detector, found.where["text"], found.where["frame_ms"]) == ("text", "you are not welcome in here", 0)


def test_its_version_names_the_package() -> None:
    assert OcrDetector().version.startswith("rapidocr-1.")


@pytest.mark.slow
def test_words_in_a_clip_are_read_with_their_times(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", [scene(1), scene(2, "Fresh bread"), scene(3, "Second part")], seconds_each=2)
    taken = examine(path, tmp_path, want_audio=False)
    lines = (
        OcrDetector().run(ClipSubject(ItemKind.VIDEO, "0" * 64, taken.frames, None, has_audio=False)).payload["lines"]
    )
    read = {"".join(line["text"].lower().split()): line for line in lines}
    assert set(read) == {"freshbread", "secondpart"}
    assert read["freshbread"]["ms"] == 2_000
    assert read["secondpart"]["ms"] == 4_000
    x0, y0, x1, y1 = read["freshbread"]["box"]
    assert 0 <= x0 < x1 <= 320
    assert 90 <= y0 < y1 <= 150


@pytest.mark.slow
def test_a_still_is_read_as_well(tmp_path: Path) -> None:
    path = tmp_path / "still.jpg"
    path.write_bytes(jpeg(scene(4, "Hello there")))
    still = SampledFrame(0, "scene", path, *pdq_of(decode_image(path).pixels))
    result = OcrDetector().run(ClipSubject(ItemKind.IMAGE, "0" * 64, (still,), None, has_audio=False))
    assert ["".join(line["text"].lower().split()) for line in result.payload["lines"]] == ["hellothere"]
