"""PDQ, the perceptual hash of stills: 256 bits and a quality from 0 to 100. Every step but the last is linear, so each is a small matrix.

Source: "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm", Facebook, 2019. Tested bit by bit against
the package `pdqhash`, which takes four times as long and lets no other thread run meanwhile (docs/adr/0006).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

#: Two pictures whose hashes differ in at most this many of 256 bits are the same (the hash's published threshold).
PDQ_MAX_DISTANCE = 31
#: Below this the picture has too little structure for its hash to mean anything (published threshold).
PDQ_MIN_QUALITY = 50
#: Side of the picture that is transformed, and of the part of its transform that is kept.
_SIDE, _KEPT = 64, 16
#: Weights of red, green and blue in brightness.
_LUMA = np.array([[0.299, 0.587, 0.114]], np.float32)
#: Gradients are summed in hundredths of the whole range, and so many of them are full quality.
_PER_QUALITY = 90

F32 = npt.NDArray[np.float32]


def _transform() -> F32:
    """Return the rows 1 to 16 of the discrete cosine transform of 64 values; the mean, row 0, is left out."""
    row, column = np.arange(1, _KEPT + 1)[:, None], np.arange(_SIDE)[None]
    found: F32 = (np.sqrt(2 / _SIDE) * np.cos(np.pi / 2 / _SIDE * row * (2 * column + 1))).astype(np.float32)
    return found


_DCT = _transform()


@lru_cache(maxsize=256)
def _taps(n: int) -> tuple[npt.NDArray[np.intp], F32]:
    """Return which of n values, and with which weights, make each of 64: blurred twice by a moving mean, then sampled.

    Returns:
        places and weights, each (64, taps).
    """
    window = (n + 2 * _SIDE - 1) // (2 * _SIDE)
    after = (window + 2) // 2 - 1
    place, source = np.arange(n)[:, None], np.arange(n)[None]
    low, high = np.maximum(place - (window - 1 - after), 0), np.minimum(place + after, n - 1)
    mean = ((source >= low) & (source <= high)) / (high - low + 1)
    sampled = mean[((np.arange(_SIDE) + 0.5) * n / _SIDE).astype(np.intp)] @ mean
    n_taps = int((sampled > 0).sum(axis=1).max())
    first = np.minimum((sampled > 0).argmax(axis=1), n - n_taps)
    places = first[:, None] + np.arange(n_taps)
    return places, np.take_along_axis(sampled, places, axis=1).astype(np.float32)


def _reduce(brightness: npt.NDArray[Any]) -> F32:
    """Return a picture's brightness, blurred and sampled to (64, 64), in the unit it came in."""
    height, width = brightness.shape
    places, weights = _taps(height)
    rows: F32 = np.einsum("st,stw->sw", weights, brightness[places])
    places, weights = _taps(width)
    found: F32 = np.einsum("st,hst->hs", weights, rows[:, places])
    return found


def _quality(reduced: F32) -> int:
    steps = (np.diff(reduced, axis=0), np.diff(reduced, axis=1))
    return min(100, int(sum(np.abs((step * 100 / 255).astype(np.int64)).sum() for step in steps) / _PER_QUALITY))


def pdq_of(pixels: npt.NDArray[np.uint8]) -> tuple[str, int]:
    """Return the hash as 64 hexadecimal digits, and the quality.

    Args:
        pixels: (height, width, 3) RGB. Time grows with the pixels (0.3 ms at 640 x 360), and reducing to 512 on the long
            side by area first moves nothing: it is what the published hashes were made of.
    """
    # The multiplication of each pixel by the weights, in one pass.
    return _hash_of(_reduce(cv2.transform(pixels.astype(np.float32), _LUMA)))


def pdq_of_luma(luma: npt.NDArray[np.uint8], *, is_full_range: bool) -> tuple[str, int]:
    """Return the same of a frame by its brightness alone, as most videos hold it: a third of the time, as no colours are made.

    Args:
        luma: (height, width); black is 0 and white 255, or 16 and 235 where it is not of full range.
    """
    reduced = _reduce(luma)
    return _hash_of(reduced if is_full_range else np.clip((reduced - 16) * np.float32(255 / 219), 0, 255))


def _hash_of(reduced: F32) -> tuple[str, int]:
    transform = (_DCT @ reduced @ _DCT.T).ravel()[::-1]
    bits = transform > np.partition(transform, transform.size // 2 - 1)[transform.size // 2 - 1]
    return np.packbits(bits).tobytes().hex(), _quality(reduced)


def hamming(a: str, b: str) -> int:
    """Return in how many bits two hashes differ, 0 to 256."""
    return (int(a, 16) ^ int(b, 16)).bit_count()


def pack(value: str) -> npt.NDArray[np.uint8]:
    """Return a hash as 32 bytes.

    Raises:
        ValueError: it is not 64 hexadecimal digits.
    """
    return pack_all([value]).reshape(32)


def pack_all(values: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Return hashes as (n, 32) bytes.

    Raises:
        ValueError: one is not 64 hexadecimal digits.
    """
    for value in values:
        if len(value) != 64:
            raise ValueError(f"a PDQ hash has 64 hexadecimal digits, not {len(value)}")
    return np.frombuffer(bytes.fromhex("".join(values)), dtype=np.uint8).reshape(len(values), 32)
