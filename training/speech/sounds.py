"""Sounds made with numpy: noise, rooms, telephones and music beds. All are float32 at 16 kHz; levels are root mean squares."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

RATE = 16_000
Samples = npt.NDArray[np.float32]
Draw = np.random.Generator


def resampled(samples: Samples, rate: int) -> Samples:
    """Return samples at 16 kHz, by cutting or filling up the spectrum."""
    if rate == RATE or not len(samples):
        return samples
    n = round(len(samples) * RATE / rate)
    spectrum = np.fft.rfft(samples)
    kept = np.zeros(n // 2 + 1, dtype=np.complex128)
    shared = min(len(kept), len(spectrum))
    kept[:shared] = spectrum[:shared]
    return (np.fft.irfft(kept, n) * (n / len(samples))).astype(np.float32)


def level(samples: Samples) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0


def mixed(speech: Samples, bed: Samples, decibels: float) -> Samples:
    """Return speech over a bed that is so many decibels quieter, of the speech's length."""
    bed = np.resize(bed, len(speech))
    return speech + bed * (level(speech) / max(level(bed), 1e-9) * 10 ** (-decibels / 20))


# --- noise and rooms -----------------------------------------------------------------------------------------------


def noise(n: int, draw: Draw, slope: float = 0.0) -> Samples:
    """Return noise whose power falls with frequency ** slope: 0 white, 1 pink, 2 brown."""
    spectrum = np.fft.rfft(draw.standard_normal(n))
    frequencies = np.maximum(np.fft.rfftfreq(n, 1 / RATE), 20)
    return np.fft.irfft(spectrum * frequencies ** (-slope / 2), n).astype(np.float32)


def hum(n: int, draw: Draw) -> Samples:
    """Return mains hum with its overtones over a little hiss."""
    t = np.arange(n) / RATE
    base = draw.choice([50.0, 60.0])
    tones = sum(np.sin(2 * np.pi * base * k * t + draw.uniform(0, 6)) / k**1.2 for k in range(1, 9))
    return np.asarray(tones + 0.02 * draw.standard_normal(n), dtype=np.float32)


def in_a_room(samples: Samples, draw: Draw) -> Samples:
    """Return samples as heard in a room with a reverberation of 0.1 to 0.4 s."""
    seconds = draw.uniform(0.1, 0.4)
    n = int(seconds * RATE)
    echo = draw.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n) * draw.uniform(0.05, 0.2)
    echo[0] = 1.0
    size = len(samples) + n
    heard = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(echo, size), size)[: len(samples)]
    return heard.astype(np.float32)


def by_telephone(samples: Samples) -> Samples:
    """Return samples between 250 and 3,600 Hz only."""
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    spectrum[(frequencies < 250) | (frequencies > 3_600)] *= 0.01
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


# --- music ---------------------------------------------------------------------------------------------------------

_SCALES = ([0, 2, 4, 5, 7, 9, 11], [0, 2, 3, 5, 7, 8, 10], [0, 2, 4, 7, 9])
_CHORDS = ([0, 2, 4], [3, 5, 7], [4, 6, 8], [5, 7, 9])


def music(n: int, draw: Draw) -> Samples:
    """Return chords, a melody, a bass and drums, or some of them, at 70 to 150 beats a minute."""
    beat = int(RATE * 60 / draw.uniform(70, 150))
    scale, root = _SCALES[draw.integers(len(_SCALES))], draw.uniform(36, 52)
    parts: list[Callable[[int], Samples]] = [
        lambda size: _chords(size, beat, scale, root, draw),
        lambda size: _melody(size, beat, scale, root, draw),
        lambda size: _melody(size, beat * 2, scale, root - 12, draw),
        lambda size: _drums(size, beat, draw),
    ]
    chosen = [part for part in parts if draw.random() < 0.65] or [parts[0]]
    played: Samples = np.sum([part(n) * draw.uniform(0.4, 1.0) for part in chosen], axis=0).astype(np.float32)
    return played


def _frequency(scale: list[int], root: float, degree: int) -> float:
    octave, step = divmod(degree, len(scale))
    return float(440 * 2 ** ((root + 12 * octave + scale[step] - 57) / 12))


@lru_cache(maxsize=64)
def _envelope(n: int, decay: float) -> Samples:
    rise = np.minimum(1, np.arange(n) / (0.01 * RATE))
    return (rise * np.exp(-decay * np.arange(n) / RATE)).astype(np.float32)


def _tone(frequency: float, n: int, decay: float, n_overtones: int) -> Samples:
    t = np.arange(n) / RATE
    tones = sum(np.sin(2 * np.pi * frequency * k * t) / k for k in range(1, n_overtones + 1) if frequency * k < 7_000)
    return np.asarray(tones * _envelope(n, decay), dtype=np.float32)


def _chords(n: int, beat: int, scale: list[int], root: float, draw: Draw) -> Samples:
    out, decay, n_overtones = np.zeros(n, np.float32), draw.uniform(0.2, 2), int(draw.integers(1, 7))
    for start in range(0, n, beat * 4):
        size = min(beat * 4, n - start)
        for degree in _CHORDS[draw.integers(len(_CHORDS))]:
            out[start : start + size] += _tone(_frequency(scale, root + 12, degree), size, decay, n_overtones)
    return out


def _melody(n: int, beat: int, scale: list[int], root: float, draw: Draw) -> Samples:
    out, decay, n_overtones = np.zeros(n, np.float32), draw.uniform(2, 8), int(draw.integers(1, 9))
    degree = int(draw.integers(0, 7))
    for start in range(0, n, max(1, beat // 2)):
        degree = int(np.clip(degree + draw.integers(-2, 3), -3, 12))
        size = min(beat // 2, n - start)
        if draw.random() < 0.8:
            out[start : start + size] += _tone(_frequency(scale, root + 12, degree), size, decay, n_overtones)
    return out


def _drums(n: int, beat: int, draw: Draw) -> Samples:
    out = np.zeros(n, np.float32)
    for i, start in enumerate(range(0, n, max(1, beat // 2))):
        size = min(int(0.12 * RATE), n - start)
        hit = draw.standard_normal(size).astype(np.float32) * _envelope(size, 60 if i % 2 else 35)
        if i % 4 == 0:
            hit += 3 * np.sin(2 * np.pi * 60 * np.arange(size) / RATE).astype(np.float32) * _envelope(size, 25)
        out[start : start + size] += hit
    return out


# --- what a clip may sound like ------------------------------------------------------------------------------------


def background(n: int, draw: Draw) -> Samples:
    """Return a bed of any kind."""
    kind = draw.integers(5)
    if kind <= 1:
        return music(n, draw)
    return hum(n, draw) if kind == 2 else noise(n, draw, draw.uniform(0, 2))


def in_a_studio(speech: Samples, draw: Draw, start: int, n: int) -> Samples:
    """Return n samples with speech from `start` on, at a drawn loudness over a faint hiss."""
    out = np.zeros(n, np.float32)
    out[start : start + len(speech)] = speech[: n - start]
    out += draw.standard_normal(n).astype(np.float32) * level(speech) * 10 ** draw.uniform(-5, -2.5)
    return out * np.float32(draw.uniform(0.1, 0.9) / max(1e-6, np.abs(out).max()))


def as_filmed(speech: Samples, draw: Draw, start: int, n: int) -> Samples:
    """Return n samples with speech from `start` on, at a drawn loudness, maybe in a room, on a telephone, over a bed."""
    if draw.random() < 0.25:
        speech = in_a_room(speech, draw)
    if draw.random() < 0.1:
        speech = by_telephone(speech)
    out = np.zeros(n, np.float32)
    out[start : start + len(speech)] = speech[: n - start]
    if draw.random() < 0.65:
        out = mixed(out, background(n, draw), draw.uniform(6, 30))
    out += draw.standard_normal(n).astype(np.float32) * level(speech) * 10 ** draw.uniform(-4, -2)
    return out * np.float32(draw.uniform(0.1, 0.9) / max(1e-6, np.abs(out).max()))
