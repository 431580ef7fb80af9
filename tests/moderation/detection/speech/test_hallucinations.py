"""Words that a model makes up are told from words that it heard."""

import pytest

from moderation.detection.speech.hallucinations import (
    Doubt,
    Segment,
    doubtful_seconds,
    out_of_pace,
    repeats,
    too_doubtful,
    unheard,
)
from moderation.detection.speech.vad import Stretch


@pytest.mark.parametrize(
    "text",
    ["thank you thank you thank you thank you thank you", "go on and go on and go on and go on and go on and",
     "well la la la la la la", "Do it. Do it. Do it. Do it. Do it."],
)  # fmt: skip
def test_going_round_in_circles_is_noticed(text: str) -> None:
    assert repeats(text)


@pytest.mark.parametrize(
    "text",
    ["no no no no", "very very good and very very cheap", "", "one two three four five six seven", "papapapapapa"],
)
def test_emphasis_is_no_circle(text: str) -> None:
    assert not repeats(text)


def test_what_no_segment_covers_is_unheard() -> None:
    spoken = [Stretch(0, 10, 5), Stretch(20, 22, 5)]
    segments = [Segment(0.2, 3, "a", 0), Segment(7, 9.8, "b", 0)]
    assert unheard(spoken, segments) == [(3.5, 6.5), (20, 22)]


def test_a_segment_that_begins_late_is_not_unheard() -> None:
    assert unheard([Stretch(0, 5, 5)], [Segment(0.9, 4.4, "a", 0)]) == []


def test_overlapping_segments_leave_no_gap() -> None:
    assert unheard([Stretch(0, 6, 5)], [Segment(0, 5.8, "a", 0), Segment(1, 2, "b", 0)]) == []


@pytest.mark.parametrize(
    ("text", "seconds", "is_out"),
    [("go", 6, True), ("go", 2, False), ("we walked home along the river", 3, False), ("word " * 60, 5, True), ("hi there", 0.4, False)],
)  # fmt: skip
def test_the_number_of_words_must_fit_the_time(text: str, seconds: float, is_out: bool) -> None:
    assert out_of_pace(Segment(0, seconds, text, 0), [Stretch(0, seconds, 5)]) is is_out


def test_overlapping_doubts_count_once() -> None:
    assert doubtful_seconds([Doubt(0, 4, "unsure"), Doubt(2, 5, "unheard"), Doubt(9, 10, "unsure")]) == 6


@pytest.mark.parametrize(
    ("seconds", "of", "is_too_much"),
    [
        (0.5, 3, False),
        (0.7, 3, True),
        (0.8, 1, True),
        (0.9, 8, False),
        (1.1, 8, True),
        (2.9, 30, False),
        (3.1, 30, True),
        (0, 0, False),
    ],
)
def test_a_tenth_of_what_is_said_may_be_doubtful_and_no_more(seconds: float, of: float, is_too_much: bool) -> None:
    assert too_doubtful([Doubt(0, seconds, "unsure")], of) is is_too_much


def test_a_segment_is_placed_by_the_clock_of_the_whole_sound() -> None:
    moved = Segment(1.0, float("inf"), "a", -0.1).shift(10.0, 12.5)
    assert (moved.start, moved.end) == (11.0, 12.5)
