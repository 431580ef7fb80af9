"""Sound of the demo clips: soft chords, and over them what is said, from committed files that assets/make_speech.py made."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

RATE = 24_000  # samples per second, mono
VOICES = Path(__file__).parent / "assets" / "speech"
Wave = npt.NDArray[np.float32]
#: Four chords each, as semitones above the key note.
CHORDS = ((0, 4, 7, 11), (9, 12, 16, 19), (5, 9, 12, 16), (7, 11, 14, 17))


def soundtrack(seconds: float, rng: np.random.Generator, *, voice: str = "", start: float = 0.0) -> Wave:
    """Return mono sound in [-1, 1], `seconds` long at RATE.

    Args:
        voice: slug of the clip in which somebody speaks over the music; "" for music alone.
        start: seconds of what is said that are left out at the front.
    """
    n = round(seconds * RATE)
    music = _music(n, rng)
    if not voice:
        return music
    said = speech(voice)[round(start * RATE) :][:n]
    music *= 0.3
    music[: len(said)] += 0.8 * said
    return np.clip(music, -1, 1)


def _music(n: int, rng: np.random.Generator) -> Wave:
    """Return chords, note by note as on a harp. Held ones swell like a voice, and are taken for somebody who speaks."""
    t = np.arange(n) / RATE
    key = 220 * 2 ** (int(rng.integers(-3, 4)) / 12)
    out = np.zeros(n)
    beat = float(rng.uniform(1.1, 1.6))
    for k in range(int(n / RATE / beat) + 1):
        for note, semitone in enumerate(CHORDS[k % 4]):
            age = t - (k + note / 4) * beat
            pluck = np.where(age >= 0, np.exp(-4 * np.maximum(age, 0)) * np.clip(age * 200, 0, 1), 0)
            out += pluck * np.sin(2 * np.pi * key * 2 ** (semitone / 12) * t) * 0.1
    return (out * np.clip((n - np.arange(n)) / (0.4 * RATE), 0, 1)).astype(np.float32)


def speech(slug: str) -> Wave:
    """Return what is said in a clip, at RATE, from the clip's beginning on."""
    return decode_sound(VOICES / f"{slug}.opus")


def decode_sound(path: Path) -> Wave:
    """Return the sound of an audio file at RATE, mono, in [-1, 1]."""
    parts: list[npt.NDArray[np.float32]] = []
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with av.open(str(path), "r") as source:
        for frame in source.decode(audio=0):
            parts += [out.to_ndarray()[0] for out in resampler.resample(frame)]
        parts += [out.to_ndarray()[0] for out in resampler.resample(None)]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)
