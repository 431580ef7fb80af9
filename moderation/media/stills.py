"""Decoding stills within limits: the size is read and judged before a pixel is decoded."""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from moderation.detectors.base import Picture
from moderation.detectors.pdq import pdq_of
from moderation.media.limits import DEFAULT_LIMITS, MediaLimits, MediaRejected

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
#: JPEGs are decoded at the smallest scale that keeps this side: a quarter of the time, and within 10 bits of the
#: published hashes (the reference implementations differ among themselves by 12). What is still larger than twice that
#: is reduced: PDQ works on 64 x 64 in the end, and its cost grows with the pixels.
_DRAFT_SIDE = 512

#: What Pillow raises on damaged files of the formats above, and warnings where they are errors.
_DAMAGED = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError, ArithmeticError, struct.error, zlib.error,
    Warning,
)  # fmt: skip

# Our own check comes first and is stricter; Pillow's is kept as a second line.
Image.MAX_IMAGE_PIXELS = DEFAULT_LIMITS.max_pixels


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """A still: size as stored (pixels), format, and RGB pixels (height, width, 3), possibly reduced."""

    width: int
    height: int
    format: str
    pixels: npt.NDArray[np.uint8]


def decode_image(
    source: Path | IO[bytes], limits: MediaLimits = DEFAULT_LIMITS, *, side: int = _DRAFT_SIDE
) -> DecodedImage:
    """Decode a JPEG, PNG, WebP or the first frame of a GIF.

    Args:
        side: a long side in pixels that is enough; larger stills may be decoded at a smaller scale.

    Raises:
        MediaRejected: not_an_image, too_small, too_large_side, too_many_pixels, or damaged.
    """
    try:
        # Only the header is read here; the size is judged before any pixel is decoded. Pillow's own warning for large
        # pictures is not turned into an error: filters belong to the whole process, and several threads are in here.
        with Image.open(source, formats=FORMATS) as image:
            width, height, name = *image.size, image.format or ""
            _check_size(width, height, limits)
            return DecodedImage(width, height, name, _pixels(image, side))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise MediaRejected("too_many_pixels", _too_many(limits)) from None
    except UnidentifiedImageError:
        raise MediaRejected("damaged", "The image cannot be read: its header is damaged.") from None
    except _DAMAGED as error:
        raise MediaRejected("damaged", "The image cannot be decoded: it is truncated or damaged.") from error


def _check_size(width: int, height: int, limits: MediaLimits) -> None:
    if min(width, height) < limits.min_side:
        detail = f"The image is {width} x {height} pixels; each side must have at least {limits.min_side}."
        raise MediaRejected("too_small", detail)
    if max(width, height) > limits.max_side:
        detail = f"The image is {width} x {height} pixels; no side may have more than {limits.max_side}."
        raise MediaRejected("too_large_side", detail)
    if width * height > limits.max_pixels:
        raise MediaRejected("too_many_pixels", _too_many(limits))


def _too_many(limits: MediaLimits) -> str:
    return f"The image has more than {limits.max_pixels // 1_000_000} million pixels."


def _pixels(image: Image.Image, side: int) -> npt.NDArray[np.uint8]:
    # Of both sides, draft mode keeps at least what it is asked for: ask for the shape of this picture, or it stays whole.
    share = side / max(image.size)
    image.draft("RGB", (round(image.width * share), round(image.height * share)))
    rgb = image if image.mode == "RGB" else image.convert("RGB")  # converting copies, even to the same
    if factor := max(rgb.size) // (2 * side + 1):
        rgb = rgb.reduce(factor + 1)
    return np.asarray(rgb)


def picture_of(path: Path | IO[bytes], *, role: str, sha256: str) -> tuple[Picture, DecodedImage]:
    """Decode a still and hash it, for the detectors.

    Raises:
        MediaRejected: as `decode_image`.
    """
    decoded = decode_image(path)
    return Picture(role, sha256, decoded.pixels, pdq_of(decoded.pixels)), decoded
