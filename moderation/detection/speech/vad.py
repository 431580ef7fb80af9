"""Voice activity detection (VAD): where in a sound somebody speaks. Silence, music and noise are not transcribed. numpy only.

Taking music for speech costs one transcription; taking speech for music would lose it. So doubt counts as speech.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moderation.detection.speech.features import HOP, LOOK, RATE, STRIDE, decibels, describe, spectra

Array = npt.NDArray[np.float32]
VERSION = "a1"
_WEIGHTS = Path(__file__).parent / "weights" / "activity.json"
#: Frames this quiet, in decibels of full scale, are silence whatever they are: 16-bit files round at about -100. Speech turned
#: down by 60 dB is still louder, and whoever turns it up again hears it.
_SILENCE = -85.0
#: A look with at least the first score is speech, and so are those around it that reach the second. Of made speech, 0.2 % lies
#: below -1 (`training.speech.fit_activity` tells).
_SURE, _LIKELY = -1.0, -2.5
#: A look this high is speech beyond doubt: a listener who heard nobody there is not believed.
PLAIN = 0.5
#: Seconds kept around speech; pauses shorter than the second are part of it.
_MARGIN, _PAUSE = 0.25, 0.6
_FRAMES = RATE // HOP


@dataclass(frozen=True, slots=True)
class Stretch:
    """Speech from start to end, in seconds. `score`: the 80th percentile of its looks; PLAIN and more leaves no doubt."""

    start: float
    end: float
    score: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Activity:
    """What a sound consists of, in seconds: speech in stretches, other sound, silence."""

    stretches: tuple[Stretch, ...]
    other_seconds: float
    silent_seconds: float

    @property
    def why_nothing(self) -> str:
        """Why there is nothing to listen to: "silence" or "no speech" (music, noise); "" where there is speech."""
        if self.stretches:
            return ""
        return "no speech" if self.other_seconds > 0 else "silence"


def activity(samples: Array) -> Activity:
    """Return where somebody speaks in 16 kHz mono samples in [-1, 1]."""
    if not len(samples):
        return Activity((), 0.0, 0.0)
    power = spectra(samples)
    level = decibels(power.sum(axis=1))
    is_loud = level > _SILENCE
    if not is_loud.any():
        return Activity((), 0.0, len(level) / _FRAMES)
    scores = _per_frame(look_scores(power), len(level))
    is_speech = _speak(scores) & _near(is_loud & (level > level.max() - 60), int(_PAUSE * _FRAMES))
    stretches = tuple(_stretch(a, b, scores, len(level)) for a, b in _runs(_bridge(is_speech, level)))
    inside = np.zeros(len(level), bool)
    for s in stretches:
        inside[int(s.start * _FRAMES) : int(np.ceil(s.end * _FRAMES))] = True
    return Activity(stretches, float((is_loud & ~inside).sum() / _FRAMES), float((~is_loud & ~inside).sum() / _FRAMES))


def look_scores(power: Array) -> Array:
    """Return how speech-like each look is, as a log odds."""
    weights, bias = _fit()
    return np.asarray(describe(power) @ weights + bias, dtype=np.float32)


@lru_cache
def _fit() -> tuple[Array, float]:
    kept = json.loads(_WEIGHTS.read_text(encoding="utf-8"))
    return np.array(kept["weights"], dtype=np.float32), float(kept["bias"])


def _per_frame(looks: Array, n_frames: int) -> Array:
    """Return, for each frame, the highest score of the looks that cover it."""
    scores = np.full(n_frames, -np.inf, np.float32)
    for i, score in enumerate(looks):
        covered = slice(i * STRIDE, i * STRIDE + LOOK)
        scores[covered] = np.maximum(scores[covered], score)
    scores[len(looks) * STRIDE + LOOK - STRIDE :] = looks[-1]  # what is left at the end belongs to the last look
    return scores


def _speak(scores: Array) -> npt.NDArray[np.bool_]:
    """Return frames of runs of likely speech that are sure somewhere."""
    chosen = np.zeros(len(scores), bool)
    for a, b in _runs(scores >= _LIKELY):
        if scores[a:b].max() >= _SURE:
            chosen[a:b] = True
    return chosen


def _near(flags: npt.NDArray[np.bool_], reach: int) -> npt.NDArray[np.bool_]:
    """Return flags spread to so many frames on either side."""
    summed = np.concatenate([[0], np.cumsum(flags)])
    at = np.arange(len(flags))
    return np.asarray(summed[np.minimum(at + reach + 1, len(flags))] > summed[np.maximum(at - reach, 0)])


def _bridge(is_speech: npt.NDArray[np.bool_], level: Array) -> npt.NDArray[np.bool_]:
    """Return speech cut back to where it is heard (45 dB below its loudest), with margins, short pauses bridged."""
    heard = np.zeros(len(level), bool)
    for a, b in _runs(is_speech):
        heard[a:b] = level[a:b] > max(_SILENCE, level[a:b].max() - 45)
    closed = ~_near(~_near(heard, int(_PAUSE * _FRAMES / 2)), int(_PAUSE * _FRAMES / 2)) | heard
    return _near(closed, int(_MARGIN * _FRAMES))


def _runs(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return begin and end of each run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _stretch(a: int, b: int, scores: Array, n_frames: int) -> Stretch:
    inner = scores[a:b]
    return Stretch(a / _FRAMES, min(b, n_frames) / _FRAMES, round(float(np.percentile(inner, 80)), 2))


# --- windows -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a sound for one pass of the listener: at most LONGEST seconds, with the speech it holds."""

    start: float
    end: float
    spoken: tuple[Stretch, ...]

    @property
    def score(self) -> float:
        """How plainly somebody speaks in it."""
        return max((s.score for s in self.spoken), default=-np.inf)


#: Seconds of a window; Whisper takes 30 and is surer when the end is free.
LONGEST = 28.0
#: Seconds without speech that still join two stretches: a pass costs the same however much of it is empty.
_JOIN = 2.5


def windows(found: Activity, samples: Array) -> list[Window]:
    """Return the windows to listen to, in order; a stretch that is too long is cut where it is quietest."""
    out: list[Window] = []
    for stretch in (part for s in found.stretches for part in _split(s, samples)):
        last = out[-1] if out else None
        if last and stretch.start - last.end <= _JOIN and stretch.end - last.start <= LONGEST:
            out[-1] = Window(last.start, stretch.end, (*last.spoken, stretch))
        else:
            out.append(Window(stretch.start, stretch.end, (stretch,)))
    return out


def _split(stretch: Stretch, samples: Array) -> list[Stretch]:
    parts, start = [], stretch.start
    while stretch.end - start > LONGEST:
        at = start + LONGEST / 2
        part = samples[int(at * RATE) : int((start + LONGEST) * RATE)]
        size = RATE // 10
        quiet = np.square(part[: len(part) // size * size]).reshape(-1, size).mean(axis=1).argmin()
        end = at + (float(quiet) + 0.5) / 10
        parts.append(Stretch(start, end, stretch.score))
        start = end
    return [*parts, Stretch(start, stretch.end, stretch.score)]
