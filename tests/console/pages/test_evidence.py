"""Evidence in words and bars: pure functions."""

from __future__ import annotations

from typing import Any

import pytest

from console.pages.evidence import (
    bar_of,
    caption_parts,
    clock,
    levels_in,
    missing_words,
    reason_words,
    rule_words,
    where_words,
)
from console.templatetags.gatehouse import severity, span
from moderation.models import Decision, Finding

NAMES = {"hate": "Hate", "harassment": "Harassment"}
LEVELS = [("restrict to 16", 0.4), ("escalate", 0.6), ("block", 0.9)]


@pytest.mark.parametrize(
    ("score", "level", "threshold", "is_over"),
    [(0.1, "restrict to 16", 0.4, False), (0.4, "restrict to 16", 0.4, True), (0.7, "escalate", 0.6, True),
     (1.0, "block", 0.9, True)],
)  # fmt: skip
def test_a_bar_tells_the_strictest_threshold_reached_or_the_next(
    score: float, level: str, threshold: float, is_over: bool
) -> None:
    bar = bar_of(score, LEVELS)
    assert (bar.level, bar.threshold, bar.is_over) == (level, threshold, is_over)


def test_a_category_without_thresholds_has_a_bar_without_a_tick() -> None:
    assert bar_of(0.5, []).tick is None


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"field": "caption", "span": [0, 3], "text": "abc"}, "“abc” in the caption"),
        ({"bank": "known", "algorithm": "pdq", "distance": 3, "role": "cover"}, "matches bank known (distance 3 of 31), the cover"),
        ({"bank": "known", "algorithm": "sha256", "role": "media"}, "matches bank known (same bytes), the file"),
        ({"frame_ms": 64_200, "until_ms": 64_200, "text": "abc", "line": "abc d", "source": "ocr"},
         "“abc” written in the picture, at 1:04.2"),
        ({"start_ms": 1_000, "end_ms": 2_500, "text": "abc", "source": "speech"},
         "“abc” said in the sound, from 0:01.0 to 0:02.5"),
        ({"bank": "b", "distance": 9, "frame_ms": 0, "n_frames": 12, "n_frames_seen": 3, "n_entries_matched": 2},
         "matches bank b (distance 9 of 31), at 0:00.0, seen in 3 of 12 frames, 2 entries matched"),
        ({"n_uploads_1h": 40, "why": "a burst"}, "40 uploads 1h, a burst"),
        ({"hosts": ["a.example", "b.example"]}, "hosts: a.example, b.example"),
        ({}, ""),
    ],
)  # fmt: skip
def test_where_is_said_in_words(where: dict[str, object], words: str) -> None:
    assert where_words(where) == words


def _finding(start: int, end: int, category: str = "hate") -> Finding:
    return Finding(category=category, score=0.5, where={"field": "caption", "span": [start, end]})


@pytest.mark.parametrize(
    ("findings", "parts"),
    [
        ([], [("0123456789", "")]),
        ([_finding(2, 4)], [("01", ""), ("23", "Hate"), ("456789", "")]),
        ([_finding(0, 10)], [("0123456789", "Hate")]),
        ([_finding(2, 5), _finding(4, 7, "harassment")], [("01", ""), ("23456", "Hate, Harassment"), ("789", "")]),
        ([_finding(2, 4), _finding(4, 6)], [("01", ""), ("23", "Hate"), ("45", "Hate"), ("6789", "")]),
        ([_finding(8, 99), _finding(-1, 3), _finding(5, 5)], [("0123456789", "")]),
    ],
)
def test_a_caption_is_cut_at_its_hits(findings: list[Finding], parts: list[tuple[str, str]]) -> None:
    assert [(part.text, part.hit) for part in caption_parts("0123456789", findings, NAMES)] == parts


def test_hits_elsewhere_are_not_marked_in_the_caption() -> None:
    finding = Finding(category="hate", score=0.5, where={"source": "ocr", "span": [0, 2]})
    assert [part.hit for part in caption_parts("0123", [finding], NAMES)] == [""]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("missing.history", "“Creator’s record” gave no answer, so a machine may not clear it"),
        ("escalate.hate", "The score for Hate reached the threshold to escalate"),
        ("restrict_13.hate", "The score for Hate reached the threshold to restrict to 13"),
        ("hard.hate", "Hard evidence for Hate: a match against a bank, or a word that always counts"),
        ("Reported", "Reported"),
    ],
)
def test_rules_read_as_sentences(rule: str, words: str) -> None:
    assert rule_words(rule, NAMES) == words


def test_reasons_carry_score_and_threshold_or_their_own_detail() -> None:
    scored = {"rule": "escalate.hate", "score": 0.71, "threshold": 0.6, "detail": "x"}
    assert reason_words(scored, NAMES).endswith("(0.71 against 0.60)")
    assert reason_words({"rule": "age.video", "detail": "13 and over: unheard"}, NAMES) == "13 and over: unheard"


def test_thresholds_come_from_reasons_where_the_policy_cannot_be_read() -> None:
    reasons: list[dict[str, Any]] = [
        {"category": "hate", "rule": "escalate.hate", "threshold": 0.6},
        {"category": "", "threshold": None},
    ]
    assert levels_in(reasons) == {"hate": [("escalate", 0.6)]}


def test_missing_detectors_say_why() -> None:
    decision = Decision(evidence={"missing": {"text": "not_configured", "ocr": "made-up"}})
    assert missing_words(decision, None) == [
        ("Text in pictures", "made-up"),
        ("Language model", "no model is set up for it"),
    ]
    assert missing_words(None, None) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (3_725, "1 h 2 min"), (90_000, "1 d 1 h"), (-5, "0 s")],
)
def test_durations_are_short(seconds: float | None, words: str) -> None:
    assert span(seconds) == words


def test_positions_in_a_clip() -> None:
    assert (clock(0), clock(59_990), clock(61_500)) == ("0:00.0", "0:59.9", "1:01.5")


def test_severity_is_said_and_not_only_coloured() -> None:
    assert 'aria-label="Severity 4 of 5"' in severity(4)
