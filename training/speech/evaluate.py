"""What the starter Whisper scores: 200 unseen lines by unseen voices through `whisper.transcribe` on WAV files, and more.

`run()` returns {name: {"value", "unit", "target", "met"}}. `python -m training.speech.evaluate` prints it.
"""

import argparse
import random
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moderation.detection.model_store import Source
from moderation.detection.speech.hallucinations import too_doubtful
from moderation.detection.speech.loading import STARTER, WEIGHTS, load, trust_of
from moderation.detection.speech.transcribe import BEAMS, Heard, Listener, hear_all
from moderation.detection.speech.vad import activity
from training.speech import sounds, voices
from training.speech.lines import N_TEST, held_out, test_lines
from training.speech.prepare import foreign_lines, unknown_lines

#: Sounds of each of the other kinds.
_N_OTHERS = 60
#: Lines in one of the longer clips, and how many such clips.
_N_TOGETHER, _N_CLIPS = 4, 25
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """A made clip, and its lines with the seconds from when to when each is said."""

    samples: np.ndarray
    lines: tuple[tuple[str, float, float], ...]


# --- making ----------------------------------------------------------------------------------------------------------


def _voice(dice: random.Random, language: str = "en") -> voices.Voice:
    accents = voices.ACCENTS if language == "en" else (voices.FOREIGN[language],)
    return voices.Voice.drawn(dice, voices.TEST_TALKERS, accents)


def _clip(lines: Sequence[str], seed: int, *, filmed: bool, language: str = "en") -> Said:
    """Return lines one after the other by one unseen voice, plain or as filmed."""
    dice, draw = random.Random(seed), np.random.default_rng(seed)
    voice, at, parts, told = _voice(dice, language), 0.4, [], []
    for line in lines:
        speech = voices.spoken(line, voice)
        told.append((line, at, at + len(speech) / sounds.RATE))
        parts.append((round(at * sounds.RATE), speech))
        at = told[-1][2] + dice.uniform(0.5, 2.0)
    n = round((told[-1][2] + 0.4) * sounds.RATE)
    samples = np.zeros(n, np.float32)
    for start, speech in parts:
        samples[start : start + len(speech)] += speech[: n - start]
    if filmed:
        samples = sounds.as_filmed(samples, draw, 0, n)
    return Said(samples, tuple(told))


def write_wav(path: Path, samples: np.ndarray) -> None:
    """Write 16 kHz mono."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(sounds.RATE)
        out.writeframes((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())


def _through_wav(samples: np.ndarray) -> np.ndarray:
    """Return samples as a WAV file keeps them."""
    from moderation.detection.speech.detector import samples_of

    with tempfile.TemporaryDirectory() as folder:
        write_wav(Path(folder) / "said.wav", samples)
        return samples_of(Path(folder) / "said.wav")


# --- measuring -------------------------------------------------------------------------------------------------------


def word_errors(said: str, heard: str) -> tuple[int, int]:
    """Return the number of wrong, missing and added words, and of words said, both in Whisper's normal form."""
    from whisper.normalizers import EnglishTextNormalizer

    plain = EnglishTextNormalizer()
    a, b = plain(said).split(), plain(heard).split()
    costs = list(range(len(b) + 1))
    for i, word in enumerate(a, 1):
        corner, costs[0] = costs[0], i
        for j, other in enumerate(b, 1):
            corner, costs[j] = costs[j], min(costs[j] + 1, costs[j - 1] + 1, corner + (word != other))
    return costs[-1], len(a)


def _rate(pairs: Sequence[tuple[str, str]]) -> float:
    errors = [word_errors(*pair) for pair in pairs]
    return 100 * sum(e for e, _ in errors) / sum(n for _, n in errors)


def _transcribed(model: Any, samples: np.ndarray) -> dict[str, Any]:
    """Return what `whisper.transcribe` hears, with as many beams as the detector and Whisper's own command have."""
    result: dict[str, Any] = model.transcribe(_through_wav(samples), language="en", fp16=False, beam_size=BEAMS)
    return result


def _row(value: float, unit: str, target: float | None = None, *, most: bool = True) -> Row:
    met = None if target is None else bool(value <= target if most else value >= target)
    return {"value": round(float(value), 2), "unit": unit, "target": target, "met": met}


def transcription(model: Any) -> dict[str, Row]:
    """Return word error rates of single lines, plain and as filmed."""
    rows = {}
    for name, filmed in (("plain", False), ("over noise and music, in rooms", True)):
        clips = [_clip([line], 1_000 + i, filmed=filmed) for i, line in enumerate(test_lines())]
        pairs = [(c.lines[0][0], _transcribed(model, c.samples)["text"]) for c in clips]
        written = set(held_out())
        rows[f"word errors, {N_TEST} unseen lines, unseen voices, {name}"] = _row(
            _rate(pairs), "%", 5.0 if not filmed else None
        )
        rows[f"word errors, {name}: written lines"] = _row(_rate([p for p in pairs if p[0] in written]), "%")
        rows[f"word errors, {name}: drawn lines"] = _row(_rate([p for p in pairs if p[0] not in written]), "%")
    return rows


def timing(model: Any) -> dict[str, Row]:
    """Return word errors and times of clips of several lines, where lines are told apart by pauses."""
    draw = random.Random(77)
    clips = [_clip(draw.sample(test_lines(), _N_TOGETHER), 2_000 + i, filmed=True) for i in range(_N_CLIPS)]
    pairs, right, n = [], 0, 0
    for clip in clips:
        heard = _transcribed(model, clip.samples)
        pairs.append((" ".join(line for line, _, _ in clip.lines), heard["text"]))
        for _, start, end in clip.lines:
            n += 1
            right += any(abs(s["start"] - start) <= 1 and abs(s["end"] - end) <= 1 for s in heard["segments"])
    return {
        f"word errors, {_N_CLIPS} clips of {_N_TOGETHER} lines": _row(_rate(pairs), "%"),
        "lines with start and end right to 1 s": _row(100 * right / n, "%", 90.0, most=False),
    }


def detection(listener: Listener) -> dict[str, Row]:
    """Return what the detector makes of speech it should understand, and of all that it should not."""
    known = [_clip([line], 1_000 + i, filmed=True).samples for i, line in enumerate(test_lines())]
    foreign = [
        _clip([line], 3_000 + i, filmed=True, language=name).samples
        for i, (name, line) in enumerate(foreign_lines(_N_OTHERS, 5))
    ]
    unknown = [_clip([line], 4_000 + i, filmed=True).samples for i, (_, line) in enumerate(unknown_lines(_N_OTHERS, 6))]
    draw = np.random.default_rng(8)
    music = [sounds.music(6 * sounds.RATE, draw) for _ in range(_N_OTHERS)]
    music = [(m / np.abs(m).max() * 0.5).astype(np.float32) for m in music]
    return {
        "lines understood": _row(_share(listener, known, understood), "%", 95.0, most=False),
        "other languages refused": _row(_share(listener, foreign, refused), "%", 95.0, most=False),
        "lines of unknown words refused": _row(_share(listener, unknown, refused), "%", 90.0, most=False),
        "music without speech: not sent to the model": _row(
            100 * float(np.mean([not activity(m).stretches for m in music])), "%", 90.0, most=False
        ),
        "music without speech: nothing heard": _row(
            _share(listener, music, lambda h: not h.segments and not h.doubts), "%"
        ),
    }


def understood(heard: Heard) -> bool:
    """Return whether a sound counts as heard."""
    return bool(heard.segments) and not too_doubtful(heard.doubts, heard.spoken_seconds)


def refused(heard: Heard) -> bool:
    """Return whether a sound counts as not understood."""
    return too_doubtful(heard.doubts, heard.spoken_seconds)


def _share(listener: Listener, clips: Sequence[np.ndarray], holds: Any) -> float:
    return 100 * float(np.mean([holds(heard) for heard in hear_all(listener, clips)]))


def run(checkpoint: Path = STARTER) -> dict[str, Row]:
    """Return all scores of a checkpoint.

    Raises:
        TalkerMissing: espeak-ng is not installed.
    """
    voices.check()
    model = load(Source(WEIGHTS, checkpoint), "cpu")
    listener = Listener(model, trust_of(checkpoint), "cpu")
    size = {"size of the checkpoint": _row(checkpoint.stat().st_size / 1e6, "MB", 12.0)}
    return {**transcription(model), **timing(model), **detection(listener), **size}


def main() -> None:
    """Print the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path, nargs="?", default=STARTER)
    for name, row in run(parser.parse_args().checkpoint).items():
        print(f"{name:<75} {row['value']:>8} {row['unit']:<3} {'' if row['target'] is None else row['target']}")


if __name__ == "__main__":
    main()
