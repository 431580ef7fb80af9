"""Voice activity detection (VAD): where in a sound somebody speaks. Silence, music and noise are not transcribed.

Silero's model, in ONNX Runtime.
Taking music for speech costs one transcription; taking speech for music would lose it. So doubt counts as speech.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from moderation.detection.model_store import ModelInvalid, Weights, locate, read_source

Array = npt.NDArray[np.float32]
RATE = 16_000
#: Of the model and of what is made of its answers: another of either is another version.
VERSION = "s1"
#: The model that judges a whole sound in few calls, and its checksum: another one would be another version. No setting: there is one.
WEIGHTS = Weights(
    name="vad",
    setting="",
    shipped="package:silero-vad/silero_vad/data/silero_vad_16k_sequence.onnx",
    licence="MIT",
    version=lambda _: f"silero-{VERSION}",
    can_be_off=False,
)
_SHA256 = "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85"
#: Samples that the model judges at a time (32 ms), those before them that it reads again, its memory, and steps in one call.
_STEP, _CONTEXT, _MEMORY, _AT_ONCE = 512, 64, 128, 512
_PER_SECOND = RATE / _STEP
#: Steps this quiet, in decibels of full scale, are silence whatever they are: 16-bit files round at about -100. Speech turned
#: down by 60 dB is still louder, and whoever turns it up again hears it.
_SILENCE = -85.0
#: A stretch this probable is speech beyond doubt: a listener who heard nobody there is not believed. The model's own limit.
PLAIN = 0.5
#: Steps with at least the first probability are speech, and so are those around them that reach the second. Doubt counts as
#: speech: by the model's own limit, a tenth of whispered speech and a fifth of speech as loud as the music under it were lost.
_SURE, _LIKELY = 0.15, 0.08
#: Shorter runs of steps (0.2 s) are speech only where it is plain: notes and drums look like it for a moment.
_SHORT = 6
#: Seconds kept around speech; pauses shorter than the second are part of it.
_MARGIN, _PAUSE = 0.25, 0.6
#: The model hears little that is soft, above all after what was loud. A sound is brought to the first peak, and each part of it
#: (1/8 s) to the other at least.
_PEAK, _LEAST_PEAK, _PART = 0.5, 0.2, RATE // 8


@dataclass(frozen=True, slots=True)
class Stretch:
    """Speech from start to end, in seconds. `score`: the 80th percentile of its probabilities; PLAIN and more leaves no doubt."""

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
    """Return where somebody speaks in 16 kHz mono samples in [-1, 1].

    Raises:
        ModelInvalid: the model is not the one that is pinned, or answers what is no probability.
    """
    if not len(samples):
        return Activity((), 0.0, 0.0)
    steps = _steps(samples, 0)
    is_loud = 10 * np.log10(np.maximum(np.square(steps).mean(axis=1), 1e-12)) > _SILENCE
    if not is_loud.any():
        return Activity((), 0.0, len(samples) / RATE)
    probabilities = speech_probabilities(samples)
    kept = _bridge(_speak(probabilities) & _near(is_loud, _PAUSE))
    stretches = tuple(_stretch(a, b, probabilities, len(samples)) for a, b in _runs(kept))
    seconds = np.full(len(steps), _STEP / RATE)
    seconds[-1] -= (len(steps) * _STEP - len(samples)) / RATE
    return Activity(stretches, float(seconds[is_loud & ~kept].sum()), float(seconds[~is_loud & ~kept].sum()))


def speech_probabilities(samples: Array) -> Array:
    """Return how probable speech is in each 32 ms of a sound, however soft it is: (steps,) in [0, 1].

    Raises:
        ModelInvalid: see `activity`.
    """
    steps = _steps(_even(samples), _CONTEXT)
    hidden = cell = np.zeros((1, 1, _MEMORY), np.float32)
    parts = []
    for start in range(0, len(steps), _AT_ONCE):
        given = {"input": steps[start : start + _AT_ONCE], "h": hidden, "c": cell}
        part, hidden, cell = _session().run(["speech_probs", "hn", "cn"], given)
        parts.append(part.reshape(-1))
    probabilities: Array = np.concatenate(parts)
    # Not a number is less than every limit, and would pass for silence.
    if len(probabilities) != len(steps) or not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ModelInvalid("The model of voice activity answered what is no probability.")
    return probabilities


@lru_cache(maxsize=1)
def _session() -> onnxruntime.InferenceSession:
    """Return the model on one thread; sessions may be shared by threads.

    The package's code is not imported: it loads torch, and tells torch for the whole process to use one thread.
    """
    model = locate(replace(read_source(WEIGHTS, "", Path()), sha256=_SHA256))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def _steps(samples: Array, n_before: int) -> Array:
    """Return samples in steps, each with so many of those before it: (steps, n_before + 512), filled up with silence."""
    n = -(-len(samples) // _STEP)
    padded = np.zeros(n_before + n * _STEP, np.float32)
    padded[n_before : n_before + len(samples)] = samples
    steps: Array = np.lib.stride_tricks.sliding_window_view(padded, n_before + _STEP)[::_STEP]
    return steps


def _even(samples: Array) -> Array:
    """Return a sound at one loudness: what is soft beside louder parts is raised, and nothing is lowered beside another."""
    evened = samples * np.float32(_PEAK / max(float(np.abs(samples).max()), 1e-6))
    n = -(-len(samples) // _PART)
    padded = np.zeros((n + 2) * _PART, np.float32)
    padded[_PART : _PART + len(samples)] = np.abs(evened)
    peaks = padded.reshape(n + 2, _PART).max(axis=1)
    around = np.maximum(np.maximum(peaks[:-2], peaks[1:-1]), peaks[2:])
    gains = np.maximum(_LEAST_PEAK / np.maximum(around, 1e-6), 1)
    gain = np.interp(np.arange(len(samples)), (np.arange(n) + 0.5) * _PART, gains)
    raised: Array = (evened * gain).astype(np.float32)
    return raised


def _speak(probabilities: Array) -> npt.NDArray[np.bool_]:
    """Return steps of runs of likely speech that are sure somewhere; the shorter ones, plain."""
    chosen = np.zeros(len(probabilities), bool)
    for a, b in _runs(probabilities >= _LIKELY):
        if probabilities[a:b].max() >= (_SURE if b - a >= _SHORT else PLAIN):
            chosen[a:b] = True
    return chosen


def _near(flags: npt.NDArray[np.bool_], seconds: float) -> npt.NDArray[np.bool_]:
    """Return flags spread so far on either side."""
    reach = round(seconds * _PER_SECOND)
    summed = np.concatenate([[0], np.cumsum(flags)])
    at = np.arange(len(flags))
    return np.asarray(summed[np.minimum(at + reach + 1, len(flags))] > summed[np.maximum(at - reach, 0)])


def _bridge(is_speech: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return speech with margins, short pauses bridged."""
    closed = ~_near(~_near(is_speech, _PAUSE / 2), _PAUSE / 2) | is_speech
    return _near(closed, _MARGIN)


def _runs(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return begin and end of each run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _stretch(a: int, b: int, probabilities: Array, n_samples: int) -> Stretch:
    score = round(float(np.percentile(probabilities[a:b], 80)), 2)
    return Stretch(a * _STEP / RATE, min(b * _STEP, n_samples) / RATE, score)


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
