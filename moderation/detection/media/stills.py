"""Decoding stills within limits: the size is read and judged, and the memory set aside, before a pixel is decoded."""

import struct
import zlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from moderation.detection.hashes.pdq import pdq_of
from moderation.detection.media.budget import Budget
from moderation.detection.media.limits import DEFAULT_LIMITS, MediaLimits, MediaRejected
from moderation.detection.types import Picture

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
#: JPEGs are decoded at the smallest scale that keeps this side: a quarter of the time, and within 10 bits of the
#: published hashes (the reference implementations differ among themselves by 12). What is still larger than twice that
#: is reduced: PDQ works on 64 x 64 in the end, and its cost grows with the pixels.
_DRAFT_SIDE = 512

#: Bytes that all stills decoded at one time in this process may take. One still that needs more is refused: with what its
#: format takes a pixel (below) that is 65 million pixels of a PNG or GIF, 43 of a progressive JPEG with full colour and 16 of a WebP.
BUDGET = Budget(256 * 2**20)
#: Bytes a pixel. Pillow keeps most pixels in four. A WebP's decoder holds two canvases and hands out a copy. Of a JPEG in
#: several scans libjpeg keeps all coefficients, two bytes each, whatever the scale; any other is decoded row by row.
_WEBP_BYTES, _COEFFICIENT_BYTES = 16, 2
_NARROW = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}
#: Rows are made RGB and reduced so many pixels at a time, so that no second copy of the whole is needed.
_STRIP_PIXELS = 2**20
_STRIP_BYTES = 8 * _STRIP_PIXELS

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
            cost = _prepare(image, side)
            if cost > BUDGET.n_bytes:
                raise MediaRejected("too_many_pixels", _too_many_of(name, width * height, cost))
            with BUDGET.reserve(cost), closing(image):  # what was set aside is given back once the memory is
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


def _too_many_of(name: str, n_pixels: int, cost: int) -> str:
    n_possible = n_pixels * (BUDGET.n_bytes - _STRIP_BYTES) // (cost - _STRIP_BYTES)
    kind = "progressive JPEG" if name == "JPEG" else name
    return (
        f"A {kind} of this kind may have at most {n_possible // 1_000_000} million pixels; send a plain JPEG instead."
    )


def _prepare(image: Image.Image, side: int) -> int:
    """Choose the scale at which a still is decoded; return how many bytes that takes."""
    n_whole = image.width * image.height
    n_kept = int(_COEFFICIENT_BYTES * _samples(image) * n_whole) if _has_several_scans(image) else 0
    # Of both sides, draft mode keeps at least what it is asked for: ask for the shape of this picture, or it stays whole.
    share = side / max(image.size)
    image.draft("RGB", (round(image.width * share), round(image.height * share)))
    per_pixel = _WEBP_BYTES if image.format == "WEBP" else _NARROW.get(image.mode, 4)
    return n_kept + per_pixel * image.width * image.height + _STRIP_BYTES


def _has_several_scans(image: Image.Image) -> bool:
    """Return whether a JPEG comes in several scans; one whose markers do not say so plainly counts as if it did."""
    if image.format != "JPEG":
        return False
    file: IO[bytes] | None = getattr(image, "fp", None)
    if file is None:
        return True
    place = file.tell()
    try:
        return _first_scan(file) != len(image.getbands()) or bool(image.info.get("progressive"))
    finally:
        file.seek(place)


def _samples(image: Image.Image) -> float:
    """Return how many samples a JPEG stores a pixel: 3 where colour is as fine as brightness, 1.5 where it is halved both ways."""
    layers = [(across, down) for _, across, down, _ in getattr(image, "layer", ())]
    if not layers:
        return float(len(image.getbands()))
    finest = max(across for across, _ in layers) * max(down for _, down in layers)
    return float(sum(across * down for across, down in layers) / finest)


def _first_scan(file: IO[bytes]) -> int:
    """Return how many components a JPEG's first scan holds; 0 where it is not found."""
    file.seek(2)
    while (head := file.read(4))[:1] == b"\xff" and len(head) == 4:
        if head[1] == 0xFF:  # padding
            file.seek(-3, 1)
        elif head[1] == 0xDA:
            return (file.read(1) or b"\0")[0]
        else:
            file.seek(int.from_bytes(head[2:], "big") - 2, 1)
    return 0


def _pixels(image: Image.Image, side: int) -> npt.NDArray[np.uint8]:
    factor = max(image.size) // (2 * side + 1)
    if factor:
        return np.asarray(_reduce(image, factor + 1))
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))  # converting copies, even to the same


def _reduce(image: Image.Image, factor: int) -> Image.Image:
    """Return a still as RGB at one over `factor` of its sides, made strip by strip."""
    image.load()
    small = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    n_rows = factor * max(1, _STRIP_PIXELS // (image.width * factor))
    for top in range(0, image.height, n_rows):
        strip = image.crop((0, top, image.width, min(top + n_rows, image.height)))
        small.paste(strip.convert("RGB").reduce(factor), (0, top // factor))
    return small


def picture_of(path: Path | IO[bytes], *, role: str, sha256: str) -> tuple[Picture, DecodedImage]:
    """Decode a still and hash it, for the detectors.

    Raises:
        MediaRejected: as `decode_image`.
    """
    decoded = decode_image(path)
    return Picture(role, sha256, decoded.pixels, pdq_of(decoded.pixels)), decoded
