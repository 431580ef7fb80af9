"""Heard words are judged by the text detectors, one segment at a time and neighbours together, with the time they were said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from moderation.detection.speech.findings import speech_findings, speech_result
from moderation.detection.terms.detector import TermEntry, TermIndex, TermsDetector
from moderation.detection.text.detector import TextDetector
from moderation.detection.text.serving import Score
from moderation.detection.types import Finding, Missing, Result
from policies.choices import Outcome

TERMS = TermsDetector(
    TermIndex.build([
        TermEntry("cheap followers", "spam_scam", score=0.8),
        TermEntry("double your bitcoin", "spam_scam", score=0.75),
        TermEntry("zzq token", "violence", hard=Outcome.BLOCK),
    ]),
    "t",
)  # fmt: skip


def terms(text: str, where: Mapping[str, Any]) -> tuple[Finding, ...]:
    return TERMS.findings_for(text, where)


def payload(*lines: tuple[int, int, str], language: str = "en") -> dict[str, Any]:
    segments = [{"start_ms": a, "end_ms": b, "text": text, "log_probability": -0.1} for a, b, text in lines]
    return {"language": language, "segments": segments}


class Model:
    """A classifier that is surer the more of its words it sees."""

    version = "m1"
    languages = frozenset({"en"})

    def __init__(self, *words: str) -> None:
        self.words = words

    def scores(self, text: str, language: str) -> dict[str, Score]:
        share = sum(word in text for word in self.words) / len(self.words)
        return {"harassment": Score(share * 0.9, {"words": share})}

    def knows_words_of(self, text: str) -> bool:
        return False


def test_a_term_is_found_with_the_time_it_was_said() -> None:
    (found,) = speech_findings(payload((0, 900, "Hello"), (900, 2_100, "Get cheap followers")), terms)
    assert (found.where["source"], found.where["start_ms"], found.where["end_ms"]) == ("speech", 900, 2_100)
    assert found.where["text"] == "cheap followers"
    assert 900 < found.where["at_ms"] < 1_300


def test_an_emergency_term_hides_no_finding_of_the_version() -> None:
    def scan(text: str, where: Mapping[str, Any]) -> tuple[Finding, ...]:
        beside = Finding("terms", "t", "spam_scam", 0.9, where={**where, "emergency": "key"})
        return (*TERMS.findings_for(text, where), *([beside] if "double" in text else []))

    found = speech_findings(payload((0, 900, "We double your"), (900, 2_100, "bitcoin today")), scan)
    assert {(f.where.get("emergency", ""), f.score) for f in found} == {("key", 0.9), ("", 0.75)}


def test_a_term_over_two_segments_is_found_once_with_both_times() -> None:
    (found,) = speech_findings(payload((0, 1_000, "so double your"), (2_200, 3_600, "bitcoin in ten days")), terms)
    assert (found.where["start_ms"], found.where["end_ms"], found.where["n_segments"]) == (0, 3_600, 2)
    assert found.where["text"] == "double your bitcoin"


def test_a_term_over_three_segments_is_found() -> None:
    (found,) = speech_findings(payload((0, 500, "double"), (700, 900, "your"), (1_200, 2_000, "bitcoin")), terms)
    assert (found.where["start_ms"], found.where["end_ms"]) == (0, 2_000)


def test_segments_far_apart_are_not_one_sentence() -> None:
    assert speech_findings(payload((0, 1_000, "double your"), (9_000, 9_900, "bitcoin")), terms) == ()


def test_a_term_within_one_segment_is_not_told_again_for_its_neighbours() -> None:
    lines = payload((0, 1_000, "well"), (1_100, 2_000, "get cheap followers"), (2_100, 3_000, "now"))
    assert len(speech_findings(lines, terms)) == 1


def test_a_hard_term_is_never_crowded_out() -> None:
    lines = [(i * 5_000, i * 5_000 + 900, "cheap followers") for i in range(20)]
    found = speech_findings(payload(*lines, (200_000, 201_000, "zzq token")), terms)
    assert len([f for f in found if f.category == "spam_scam"]) == 8
    assert any(f.hard == Outcome.BLOCK for f in found)


def test_the_classifier_reads_a_sentence_over_two_segments_as_one() -> None:
    text = TextDetector(Model("nobody", "likes you"))
    found = speech_result(
        Result("speech", "v", payload=payload((0, 800, "nobody"), (1_000, 1_900, "likes you"))), lambda *_: (), text
    ).findings
    best = max(found, key=lambda f: f.score)
    assert best.detector == "text"
    assert best.score == pytest.approx(0.9)
    assert (best.where["start_ms"], best.where["end_ms"]) == (0, 1_900)


def test_words_that_the_classifier_cannot_read_are_missing_but_terms_count() -> None:
    result = Result("speech", "v", payload=payload((0, 900, "cheap followers"), language="it"))
    read = speech_result(result, lambda text, where, _: terms(text, where), TextDetector(Model("x")))
    assert read.missing is not None
    assert read.missing.why == "unsupported"
    assert [f.category for f in read.findings] == ["spam_scam"]


def test_without_a_classifier_what_was_said_is_not_judged() -> None:
    read = speech_result(Result("speech", "v", payload=payload((0, 900, "hello"))), lambda *_: (), TextDetector(None))
    assert read.missing is not None
    assert read.missing.why == "not_configured"


def test_where_the_policy_does_not_ask_the_classifier_terms_are_enough() -> None:
    read = speech_result(Result("speech", "v", payload=payload((0, 900, "hello"))), lambda *_: (), None)
    assert read.missing is None


def test_what_was_understood_of_an_uncertain_clip_still_counts() -> None:
    missing = Missing("speech", "uncertain")
    result = Result("speech", "v", missing=missing, payload=payload((0, 900, "cheap followers")))
    read = speech_result(result, lambda text, where, _: terms(text, where), TextDetector(Model("x")))
    assert read.missing == missing
    assert {f.category for f in read.findings} == {"spam_scam"}


def test_nothing_said_gives_nothing() -> None:
    result = Result("speech", "v", payload=payload())
    assert speech_result(result, lambda *_: (), TextDetector(None)) is result
