"""What a second of sound is like, in numbers that tell speech from music, noise and silence. numpy only."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

RATE = 16_000
#: Samples from one frame to the next (10 ms), and in a frame (32 ms).
HOP, FRAME = 160, 512
#: Frames in a look (1 s) and from one look to the next (0.25 s).
LOOK, STRIDE = 100, 25
N_BANDS = 24
#: Decibels below full scale that count as nothing at all: below the rounding of 16-bit files.
FLOOR = -110.0

Array = npt.NDArray[np.float32]


def spectra(samples: Array) -> Array:
    """Return power spectra, (frames, 257); frame i begins at i * 10 ms. The last frames are filled up with silence."""
    n = -(-len(samples) // HOP)
    padded = np.zeros(n * HOP + FRAME, np.float32)
    padded[: len(samples)] = samples
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP][:n]
    spectrum = np.fft.rfft(frames * np.hanning(FRAME).astype(np.float32), axis=1)
    power: Array = (np.square(np.abs(spectrum)) / (FRAME * FRAME / 16)).astype(np.float32)
    return power


@lru_cache
def _filters() -> Array:
    """Return triangles over the spectrum's lines, evenly spaced in mel from 80 to 7,600 Hz: (257, N_BANDS)."""
    mel = np.linspace(_mel(80), _mel(7_600), N_BANDS + 2)
    edges = 700 * (10 ** (mel / 2_595) - 1)
    lines = np.linspace(0, RATE / 2, FRAME // 2 + 1)[:, None]
    rising = (lines - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - lines) / (edges[2:] - edges[1:-1])
    triangles: Array = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return triangles


def _mel(hertz: float) -> float:
    return float(2_595 * np.log10(1 + hertz / 700))


def decibels(power: Array) -> Array:
    """Return power in decibels of full scale, nothing below FLOOR."""
    quiet: Array = np.maximum(10 * np.log10(np.maximum(power, 1e-12)), FLOOR).astype(np.float32)
    return quiet


def describe(power: Array) -> Array:
    """Return (looks, features) of spectra (frames, 257); a look is a second, one begins every 0.25 s.

    Sounds shorter than a look are one look. All features are free of loudness.
    """
    bands = decibels(power @ _filters())
    starts = range(0, max(1, len(bands) - LOOK + STRIDE), STRIDE)
    return np.stack([_look(bands[s : s + LOOK], power[s : s + LOOK]) for s in starts])


def _look(bands: Array, power: Array) -> Array:
    loud = np.maximum(bands, bands.max() - 45)  # what is 45 dB below the loudest is not heard
    total = decibels(power[:, 3:130].sum(axis=1))
    total = np.maximum(total, total.max() - 45)
    shape = loud - loud.mean(axis=1, keepdims=True)
    rhythm = _modulation(loud)
    return np.array(
        [
            total.std(),
            (total < total.max() - 20).mean(),
            _change(loud, 2),
            _change(loud, 8),
            _change(shape, 2),
            _change(shape, 8),
            _change(shape, 25),
            loud.std(axis=0).mean(),
            shape.std(axis=1).mean(),
            shape.std(axis=1).std(),
            _tilt(shape).mean(),
            _tilt(shape).std(),
            *rhythm,
            _steadiness(power, 6),
            _steadiness(power, 15),
            *_flatness(power),
        ],
        dtype=np.float32,
    )


def _change(values: Array, lag: int) -> float:
    """Return how far values move on average within so many frames."""
    if len(values) <= lag:
        return 0.0
    return float(np.abs(values[lag:] - values[:-lag]).mean())


def _tilt(shape: Array) -> Array:
    """Return how far the low third of the bands is above the high third, per frame."""
    third = N_BANDS // 3
    return np.asarray(shape[:, :third].mean(axis=1) - shape[:, -third:].mean(axis=1))


def _modulation(loud: Array) -> list[float]:
    """Return how much bands go up and down at 1 to 3, 3 to 9 and 9 to 25 times a second: syllables are in the middle."""
    moving = loud - loud.mean(axis=0)
    strength = np.abs(np.fft.rfft(moving * np.hanning(len(moving))[:, None], n=128, axis=0)).mean(axis=1) / len(moving)
    cycles = np.fft.rfftfreq(128, HOP / RATE)
    return [float(strength[(cycles >= a) & (cycles < b)].mean()) for a, b in ((1, 3), (3, 9), (9, 25))]


def _steadiness(power: Array, lag: int) -> float:
    """Return how alike the fine spectra (100 Hz to 2.5 kHz) are so many frames apart: held notes are near 1, voices glide."""
    fine = np.log(power[:, 3:80] + 1e-9)
    fine = fine - fine.mean(axis=1, keepdims=True)
    fine /= np.linalg.norm(fine, axis=1, keepdims=True) + 1e-6
    if len(fine) <= lag:
        return 1.0
    return float((fine[lag:] * fine[:-lag]).sum(axis=1).mean())


def _flatness(power: Array) -> tuple[float, float]:
    """Return mean and spread of how noise-like the spectrum is, in nepers: 0 is noise."""
    logs = np.log(power[:, 3:200] + 1e-9)
    flat = logs.mean(axis=1) - np.log(power[:, 3:200].mean(axis=1) + 1e-9)
    return float(flat.mean()), float(flat.std())
