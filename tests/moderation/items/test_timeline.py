"""What was said, written, shown and known becomes one list by time."""

from __future__ import annotations

import pytest

from moderation.detection.types import Finding
from moderation.items.timeline import Moment, moment_of, timeline
from policies.choices import Outcome


def said(start: int, end: int, text: str = "buy cheap followers", score: float = 0.8) -> Finding:
    return Finding(
        "terms", "1", "spam_scam", score, {"source": "speech", "start_ms": start, "end_ms": end, "text": text}
    )


def written(start: int, end: int, text: str = "zzq", **more: object) -> Finding:
    return Finding(
        "text", "1", "hate", 0.7, {"source": "ocr", "frame_ms": start, "until_ms": end, "text": text, **more}
    )


def shown(start: int, end: int) -> Finding:
    where = {"source": "vision", "frame_ms": start, "until_ms": end, "prompt": "a knife"}
    return Finding("vision", "1", "violence", 0.9, where)


def known(ms: int, **more: object) -> Finding:
    where = {"frame_ms": ms, "bank": "clips", "distance": 3, **more}
    return Finding("frames", "1", "violence", 1.0, where, hard=Outcome.BLOCK)


def test_moments_come_by_time_over_all_lanes() -> None:
    moments = timeline([shown(9_000, 12_000), said(1_000, 2_500), known(4_000), written(4_000, 8_000)])
    assert [(m.track, m.start_ms, m.until_ms) for m in moments] == [
        ("speech", 1_000, 2_500), ("ocr", 4_000, 8_000), ("frames", 4_000, 4_000), ("vision", 9_000, 12_000),
    ]  # fmt: skip
    assert [m.what for m in moments] == ["buy cheap followers", "zzq", "clips", "a knife"]


def test_the_same_words_that_touch_are_one_moment_with_the_highest_score() -> None:
    moments = timeline([said(0, 3_000, score=0.4), said(2_000, 5_000, "Buy cheap followers", 0.9), said(5_500, 6_000)])
    assert moments == [Moment("speech", 0, 6_000, "spam_scam", 0.9, "terms", "buy cheap followers", None, 3)]


def test_the_same_words_much_later_are_another_moment() -> None:
    assert [m.start_ms for m in timeline([said(0, 1_000), said(20_000, 21_000)])] == [0, 20_000]


def test_other_words_and_other_lanes_stay_apart() -> None:
    assert (
        len(timeline([said(0, 1_000), said(0, 1_000, "something else"), written(0, 1_000, "buy cheap followers")])) == 3
    )


def test_a_known_clip_is_told_by_its_run() -> None:
    (moment,) = timeline([known(4_000, clip="known.mp4", run_from_ms=3_000, run_until_ms=9_000)])
    assert (moment.start_ms, moment.until_ms, moment.what, moment.hard) == (3_000, 9_000, "known.mp4", Outcome.BLOCK)


def test_a_fixed_outcome_is_kept_when_moments_join() -> None:
    mild = Finding("frames", "1", "violence", 0.0, {"frame_ms": 4_500, "bank": "clips"}, hard=Outcome.RESTRICT)
    (moment,) = timeline([known(4_000), mild])
    assert (moment.hard, moment.score, moment.n_findings) == (Outcome.BLOCK, 1.0, 2)


@pytest.mark.parametrize(
    "where",
    [
        {"field": "caption", "span": [0, 3], "text": "zzq"},
        {},
        {"source": "ocr"},
        {"source": "speech", "start_ms": None},
        {"source": "speech", "start_ms": -5},
        {"source": "speech", "start_ms": True},
        {"source": "elsewhere", "start_ms": 3},
    ],
)
def test_what_has_no_time_in_the_clip_is_not_on_the_timeline(where: dict[str, object]) -> None:
    assert moment_of(Finding("terms", "1", "hate", 0.5, where)) is None


def test_an_end_before_the_start_is_the_start() -> None:
    moment = moment_of(said(5_000, 1_000))
    assert moment is not None
    assert moment.until_ms == 5_000


def test_nothing_found_is_no_moment() -> None:
    assert timeline([]) == []
