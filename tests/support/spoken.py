"""Sounds for tests: lines that espeak-ng said once (16 kHz mono FLAC, in sounds/), and what numpy makes."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
RATE = 16_000
_FOLDER = Path(__file__).parent / "sounds"
#: File -> what it says, with the seconds from when to when. The voices are among those that no training hears.
SAID = {
    "harmless": [("my brother lost his keys on the beach and we walked home", 0.4, 3.8)],
    "threat": [
        ("the game starts at three next week", 0.4, 2.7),
        ("we know where you live and we will hurt you", 3.7, 6.2),
    ],
    "parted": [("double your", 0.4, 1.0), ("bitcoin in ten days", 2.2, 3.6)],
}


def loaded(path: Path) -> Samples:
    """Return any sound file as 16 kHz mono in [-1, 1]; .raw is 16-bit little-endian."""
    if path.suffix == ".raw":
        return np.fromfile(path, dtype="<i2").astype(np.float32) / np.float32(32_768)
    with av.open(str(path)) as source:
        resampler = av.AudioResampler("s16", "mono", RATE)
        parts = [part for frame in source.decode(audio=0) for part in resampler.resample(frame)]
        parts += resampler.resample(None)
    samples = np.concatenate([part.to_ndarray().ravel() for part in parts])
    return samples.astype(np.float32) / np.float32(32_768)


def spoken(name: str) -> Samples:
    """Return one of SAID."""
    return loaded(_FOLDER / f"{name}.flac")


def silence(seconds: float) -> Samples:
    """Return nothing."""
    return np.zeros(int(seconds * RATE), np.float32)


def hiss(seconds: float, level: float) -> Samples:
    """Return white noise."""
    return (np.random.default_rng(1).standard_normal(int(seconds * RATE)) * level).astype(np.float32)


def chord(seconds: float, level: float = 0.2) -> Samples:
    """Return three notes held."""
    t = np.arange(int(seconds * RATE)) / RATE
    out = np.zeros(len(t), np.float32)
    for frequency in (262.0, 330.0, 392.0):
        out += (np.sin(2 * np.pi * frequency * t) * level / 3).astype(np.float32)
    return out


def tune(seconds: float, level: float = 0.3) -> Samples:
    """Return a melody of plucked notes over a drum on every beat."""
    rng = np.random.default_rng(4)
    out = np.zeros(int(seconds * RATE), np.float32)
    for i, start in enumerate(range(0, len(out), RATE // 4)):
        n = min(RATE // 4, len(out) - start)
        t = np.arange(n) / RATE
        note = 220 * 2 ** (rng.choice([0, 2, 4, 5, 7, 9, 12]) / 12)
        out[start : start + n] = sum(np.sin(2 * np.pi * note * k * t) / k for k in range(1, 6)) * np.exp(-6 * t)
        if i % 2 == 0:
            out[start : start + n] += rng.standard_normal(n) * np.exp(-60 * t) * 0.5
    return out * np.float32(level / np.abs(out).max())


def wav(path: Path, samples: Samples) -> Path:
    """Write samples as the confined child writes a clip's sound."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())
    return path


def sound_write(out: Any, audio: Any, samples: npt.NDArray[np.floating[Any]]) -> None:
    """Write 16 kHz samples in [-1, 1] into an open file's sound track."""
    frame = av.AudioFrame.from_ndarray((samples * 32_767).astype(np.int16)[None, :], format="s16", layout="mono")
    frame.sample_rate = RATE
    out.mux(audio.encode(frame))
    out.mux(audio.encode(None))
