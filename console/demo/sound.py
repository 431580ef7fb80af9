"""Sound of the demo clips: soft chords, and speech from espeak-ng where it is installed, else a committed sample of it."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

RATE = 24_000  # samples per second, mono
SAMPLE = Path(__file__).parent / "assets" / "speech.opus"
Wave = npt.NDArray[np.float32]
#: Four chords each, as semitones above the key note.
CHORDS = ((0, 4, 7, 11), (9, 12, 16, 19), (5, 9, 12, 16), (7, 11, 14, 17))


def soundtrack(seconds: float, rng: np.random.Generator, *, words: str = "", voice: str = "en") -> Wave:
    """Return mono sound in [-1, 1], `seconds` long at RATE; `words` are spoken over the music."""
    n = round(seconds * RATE)
    music = _music(n, rng)
    if not words:
        return music
    spoken = speech(words, voice)[: n - RATE // 4]
    music *= 0.45
    music[RATE // 4 : RATE // 4 + len(spoken)] += 0.8 * spoken
    return np.clip(music, -1, 1)


def _music(n: int, rng: np.random.Generator) -> Wave:
    t = np.arange(n) / RATE
    key = 220 * 2 ** (int(rng.integers(-3, 4)) / 12)
    out = np.zeros(n)
    beat = float(rng.uniform(1.1, 1.6))
    for k in range(int(n / RATE / beat) + 1):
        age = t - k * beat
        swell = np.where(age >= 0, np.exp(-1.4 * np.maximum(age, 0)) * np.clip(age * 30, 0, 1), 0)
        for semitone in CHORDS[k % 4]:
            out += swell * np.sin(2 * np.pi * key * 2 ** (semitone / 12) * t) * 0.07
    return (out * np.clip((n - np.arange(n)) / (0.4 * RATE), 0, 1)).astype(np.float32)


def speech(words: str, voice: str) -> Wave:
    """Return spoken words at RATE; without espeak-ng the committed sample, whatever the words."""
    engine = shutil.which("espeak-ng")
    if engine is None:
        return decode_sound(SAMPLE.read_bytes())
    done = subprocess.run(  # noqa: S603 - fixed program, words are our own constants
        [engine, "-v", voice, "-s", "150", "--stdout", "--", words], capture_output=True, timeout=20, check=False
    )
    return decode_sound(done.stdout) if done.returncode == 0 and done.stdout else decode_sound(SAMPLE.read_bytes())


def decode_sound(data: bytes) -> Wave:
    """Return the sound of an audio file at RATE, mono, in [-1, 1]."""
    parts: list[npt.NDArray[np.float32]] = []
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with av.open(io.BytesIO(data), "r") as source:
        for frame in source.decode(audio=0):
            parts += [out.to_ndarray()[0] for out in resampler.resample(frame)]
        parts += [out.to_ndarray()[0] for out in resampler.resample(None)]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)
