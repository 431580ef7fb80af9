"""The one reason of a job, as a person would say it: each kind of finding and each kind of rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from console.pages.review.reason import LOOKED_AT, Reason, say_reason
from policies.choices import DETECTORS, Outcome

NAMES = {"spam_scam": "Spam and scams", "hate": "Hate", "violence": "Violence"}
LEVELS = {
    "spam_scam": [("restrict to 16", 0.5), ("escalate", 0.7), ("block", 0.95)],
    "hate": [("escalate", 0.6)],
    "violence": [("restrict to 18", 0.6), ("block", 0.9)],
}


@dataclass
class Found:
    """A finding of nobody's."""

    detector: str
    category: str
    score: float
    where: Mapping[str, Any] = field(default_factory=dict)
    hard: Any = None


@dataclass
class Flagged:
    """A report of nobody's."""

    category: str
    is_trusted_flagger: bool = False


def said(rule: str, *findings: Found, **known: Any) -> Reason:
    category = known.pop("category", findings[0].category if findings else "")
    return say_reason(
        rule=rule, category=category, findings=findings, reasons=known.pop("reasons", ()), levels=LEVELS, names=NAMES,
        **known,
    )  # fmt: skip


SPOKEN = {"source": "speech", "start_ms": 6_200, "end_ms": 8_000, "at_ms": 6_400, "text": "offers pills for sale"}


@pytest.mark.parametrize(
    ("rule", "finding", "sentence", "at_ms"),
    [
        ("escalate.spam_scam", Found("terms", "spam_scam", 0.84, SPOKEN),
         "Spoken at 0:06: “offers pills for sale”, Spam and scams; 0.84, escalates from 0.70.", 6_400),
        ("escalate.spam_scam",
         Found("text", "spam_scam", 0.84, {"source": "speech", "start_ms": 65_000, "end_ms": 66_000, "segment": "pills here"}),
         "Spoken at 1:05: “pills here”, Spam and scams; 0.84, escalates from 0.70.", 65_000),
        ("escalate.hate", Found("terms", "hate", 0.7, {"field": "caption", "span": [0, 3], "text": "zzq"}),
         "In the caption: “zzq”, Hate; 0.70, escalates from 0.60.", None),
        ("escalate.hate", Found("text", "hate", 0.7, {"field": "caption", "parts": {"encoder": 0.7}}),
         "The caption reads like Hate; 0.70, escalates from 0.60.", None),
        ("block.spam_scam", Found("terms", "spam_scam", 0.97, {"source": "ocr", "frame_ms": 5_000, "until_ms": 8_000,
                                                              "line": "cheap followers now", "text": "cheap followers"}),
         "Written in the picture at 0:05: “cheap followers”, Spam and scams; 0.97, blocks from 0.95.", 5_000),
        ("restrict_18.violence", Found("vision", "violence", 0.7, {"source": "vision", "frame_ms": 12_000, "until_ms": 15_000,
                                                                  "peak_ms": 13_000, "prompt": "a knife"}),
         "Seen at 0:12: looks like “a knife”, Violence; 0.70, restricts to 18 from 0.60.", 12_000),
        ("hard.hate", Found("hashes", "hate", 1.0, {"bank": "known-clips", "algorithm": "pdq", "distance": 3, "role": "cover"},
                            Outcome.BLOCK),
         "The cover looks like one of the bank known-clips, 3 of 256 bits apart, Hate; always blocks.", None),
        ("hard.hate", Found("hashes", "hate", 1.0, {"bank": "known-clips", "algorithm": "sha256", "distance": 0, "role": "media"},
                            Outcome.BLOCK),
         "The file is, byte for byte, one of the bank known-clips, Hate; always blocks.", None),
        ("hard.violence", Found("frames", "violence", 0.0, {"bank": "known-clips", "distance": 4, "frame_ms": 20_000,
                                                           "clip": "challenge.mp4", "run_from_ms": 21_000}, Outcome.ESCALATE),
         "From the bank known-clips: the known clip “challenge.mp4” runs at 0:21, Violence; a person must look.", 21_000),
        ("hard.violence", Found("frames", "violence", 0.0, {"bank": "b", "distance": 4, "frame_ms": 20_000}, Outcome.RESTRICT),
         "From the bank b: a known picture shows at 0:20, Violence; always restricts.", 20_000),
        ("escalate.spam_scam", Found("links", "spam_scam", 0.8, {"field": "caption", "domain": "bad.example",
                                                                "why": ["listed domain"]}),
         "Links to bad.example (listed domain), Spam and scams; 0.80, escalates from 0.70.", None),
        ("restrict_16.spam_scam", Found("history", "spam_scam", 0.6, {"why": ["40 uploads in an hour"]}),
         "What the creator uploads looks like Spam and scams (40 uploads in an hour); 0.60, restricts to 16 from 0.50.", None),
        ("New hard evidence after a decision", Found("hashes", "hate", 1.0, {"bank": "b", "algorithm": "sha256"}, Outcome.BLOCK),
         "New after a person's decision. It is, byte for byte, one of the bank b, Hate; always blocks.", None),
    ],
)  # fmt: skip
def test_what_was_found_is_said_with_its_place_and_its_line(
    rule: str, finding: Found, sentence: str, at_ms: int | None
) -> None:
    assert said(rule, finding) == Reason(sentence, at_ms)


def test_the_strongest_finding_of_the_category_is_the_one_that_is_said() -> None:
    weak = Found("terms", "hate", 0.65, {"field": "caption", "text": "weak"})
    strong = Found("terms", "hate", 0.9, {"field": "caption", "text": "strong"})
    other = Found("terms", "violence", 1.0, {"field": "caption", "text": "other"})
    assert "“strong”" in said("escalate.hate", weak, strong, other, category="hate").text


def test_the_decisions_own_score_counts_where_it_is_fused_of_several() -> None:
    reasons = [{"rule": "escalate.hate", "category": "hate", "score": 0.91, "threshold": 0.62}]
    text = said("escalate.hate", Found("text", "hate", 0.7, {"field": "caption"}), reasons=reasons).text
    assert text == "The caption reads like Hate; 0.91, escalates from 0.62."


def test_a_still_has_no_times() -> None:
    reason = said("escalate.spam_scam", Found("terms", "spam_scam", 0.84, {"source": "ocr", "frame_ms": 0, "text": "pills"}),
                  is_still=True)  # fmt: skip
    assert reason == Reason("Written in the picture: “pills”, Spam and scams; 0.84, escalates from 0.70.")


def test_long_words_are_cut() -> None:
    text = said("escalate.hate", Found("terms", "hate", 0.7, {"field": "caption", "text": "a" * 500})).text
    assert len(text) < 220


@pytest.mark.parametrize(
    ("reports", "sentence"),
    [
        ([], "Somebody reported it."),
        ([Flagged("hate")], "Reported once for Hate."),
        ([Flagged("hate", is_trusted_flagger=True)], "Reported once for Hate, by a trusted flagger."),
        ([Flagged("hate"), Flagged("hate", is_trusted_flagger=True), Flagged("spam_scam")],
         "Reported 2 times for Hate, 1 of them by trusted flaggers."),
        ([Flagged("spam_scam")], "Reported once for Spam and scams."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("rule", ["Reported", "Reported by a trusted flagger"])
def test_reports_are_counted(rule: str, reports: list[Flagged], sentence: str) -> None:
    assert said(rule, category="hate", reports=reports).text == sentence


@pytest.mark.parametrize(
    ("rule", "known", "sentence"),
    [
        ("missing.speech", {"missing": {"speech": "late"}}, "What is said could not be checked (it did not answer in time)."),
        ("missing.vision", {}, "What the picture shows could not be checked."),
        ("campaign.undecided", {},
         "One of many near-identical captions that came within minutes; people decide on them together."),
        ("Escalated: unsure who is meant", {}, "A reviewer passed it on: “unsure who is meant”"),
        ("Random audit sample", {}, "Drawn at random, to see whether the machines are right."),
        ("Could not be examined", {}, "The machines failed on it again and again, so nothing of it was checked."),
        ("language.unknown", {"reasons": [{"rule": "language.unknown", "detail": "the language is unknown"}]},
         "the language is unknown."),
        ("escalate.hate", {"category": "hate"}, "The score for Hate reached the threshold to escalate."),
        ("made.up", {}, "made: up."),
    ],
)  # fmt: skip
def test_what_was_not_found_is_said_too(rule: str, known: dict[str, Any], sentence: str) -> None:
    assert said(rule, **known).text == sentence


def test_every_detector_has_words_for_what_it_looks_at() -> None:
    assert set(LOOKED_AT) == set(DETECTORS)
