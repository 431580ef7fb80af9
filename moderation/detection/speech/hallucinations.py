"""Tells transcribed speech from hallucinations, words that a speech model makes up. Pure: no model, no numpy."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from moderation.detection.speech.vad import Stretch

#: A text that packs better than this says the same over and over (the library's own limit).
COMPRESSED = 2.4
#: A phrase of up to four words that comes so often in a row is a model going round in circles.
_ROUNDS = 5
_AGAIN = re.compile(rf"(\b\S+(?: \S+){{0,3}})(?: \1){{{_ROUNDS - 1},}}\b")
#: Speech that no segment covers counts as unheard from so many seconds on; segments may begin late or end early by SLACK.
_GAP, SLACK = 0.8, 0.5
#: People say 1 to 5 words a second; outside these limits the words do not belong to the sound. Shorter segments are not judged.
_MIN_PACE, _MAX_PACE, _PACED_SECONDS = 0.4, 8.0, 3.0
#: Doubts of up to so many seconds, or this share of what is said, do not make the whole doubtful.
_FREE_SECONDS, _FREE_SHARE_OF_LITTLE, _FREE_SHARE = 1.0, 0.2, 0.1


@dataclass(frozen=True, slots=True)
class Segment:
    """Words said from start to end, in seconds. `log_probability`: the mean of its words'."""

    start: float
    end: float
    text: str
    log_probability: float

    def shift(self, offset: float, latest: float) -> "Segment":
        """Return it by the clock of the whole sound, ending at the latest where its window does."""
        start = min(self.start + offset, latest)
        return replace(self, start=start, end=max(start, min(self.end + offset, latest)))


@dataclass(frozen=True, slots=True)
class Doubt:
    """Speech from start to end, in seconds, that was not understood, and why: "unsure" of its words, "repeats",
    "pace" (too few or too many words for the time), "unheard" (no words at all), "language" (not understood),
        "unknown language". `text`: the words, or the language.
    """

    start: float
    end: float
    why: str
    text: str = ""


def repeats(text: str) -> bool:
    """Return whether a phrase comes over and over in a row."""
    return _AGAIN.search(" ".join(re.findall(r"\w+", text.lower()))) is not None


def out_of_pace(segment: Segment, spoken: Sequence[Stretch]) -> bool:
    """Return whether a segment has far too few or too many words for the speech that it covers."""
    words = len(segment.text.split())
    seconds = sum(max(0.0, min(segment.end, s.end) - max(segment.start, s.start)) for s in spoken)
    too_few = seconds >= _PACED_SECONDS and words < _MIN_PACE * seconds
    return too_few or words > _MAX_PACE * max(seconds, 1.0)


def unheard(spoken: Sequence[Stretch], segments: Sequence[Segment]) -> list[tuple[float, float]]:
    """Return parts of speech, of at least 0.8 s, that no segment covers."""
    gaps = []
    covered = sorted((s.start - SLACK, s.end + SLACK) for s in segments)
    for stretch in spoken:
        at = stretch.start
        for a, b in covered:
            if a > at and a < stretch.end:
                gaps.append((at, a))
            at = max(at, b)
        gaps.append((at, stretch.end))
    return [(a, b) for a, b in gaps if b - a >= _GAP]


def doubtful_seconds(doubts: Sequence[Doubt]) -> float:
    """Return how long the doubts last, counting what overlaps once."""
    total, until = 0.0, float("-inf")
    for doubt in sorted(doubts, key=lambda d: d.start):
        total += max(0.0, doubt.end - max(doubt.start, until))
        until = max(until, doubt.end)
    return total


def too_doubtful(doubts: Sequence[Doubt], spoken_seconds: float) -> bool:
    """Return whether the doubts are more than the little that any listener misses."""
    free = min(_FREE_SECONDS, _FREE_SHARE_OF_LITTLE * spoken_seconds)  # of a single word, all would be free
    return doubtful_seconds(doubts) > max(free, _FREE_SHARE * spoken_seconds)
