"""Clips that are odd on purpose: sideways, flickering, lying about their length, damaged."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from PIL import Image


def flickering(path: Path, *, flicker_seconds: int, calm_seconds: int, fps: int = 10, unit: int = 16) -> Path:
    """Write a clip of 8 x 6 blocks of `unit` pixels that all change with every frame, then once a second."""
    rng = np.random.default_rng(5)
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 8 * unit, 6 * unit, "yuv420p"
        for i in range((flicker_seconds + calm_seconds) * fps):
            if i < flicker_seconds * fps or i % fps == 0:
                blocks = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8).repeat(unit, 0).repeat(unit, 1)
            out.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(blocks), format="rgb24")))
        out.mux(video.encode(None))
    return path


def turned(path: Path, picture: Image.Image, degrees: int) -> Path:
    """Write a one-second clip that tells players to turn it."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=10)
        video.width, video.height = picture.size
        video.pix_fmt = "yuv420p"
        for _ in range(10):
            out.mux(video.encode(av.VideoFrame.from_image(picture)))  # type: ignore[no-untyped-call]
        out.mux(video.encode(None))
    data = bytearray(path.read_bytes())
    _set_matrix(data, degrees)
    path.write_bytes(data)
    return path


def _set_matrix(data: bytearray, degrees: int) -> None:
    """Write the rotation into the track header, where phones write it."""
    at = data.index(b"tkhd") + 4 + 40
    one = 0x10000
    a, b, c, d = {90: (0, one, -one, 0), 270: (0, -one, one, 0), 180: (-one, 0, 0, -one)}[degrees]
    values = (a, b, 0, c, d, 0, 0, 0, 0x40000000)
    data[at : at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in values)


def matroska(path: Path, seconds: int, stated_seconds: float) -> Path:
    """Write a Matroska clip whose header states another length than it has."""
    rng = np.random.default_rng(6)
    with av.open(str(path), "w", format="matroska") as out:
        video = out.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        for _ in range(seconds * 10):
            pixels = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
            out.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(video.encode(None))
    data = bytearray(path.read_bytes())
    at = data.index(b"\x44\x89\x88") + 3  # Duration, in ms, as a double
    data[at : at + 8] = struct.pack(">d", stated_seconds * 1_000)
    path.write_bytes(data)
    return path


def index_first(path: Path, scenes: list[Image.Image]) -> bytes:
    """Return an MP4 whose index comes first, so that a cut leaves it readable."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as out:
        video = out.add_stream("libx264", rate=10, options={"g": "5"})
        video.width, video.height = scenes[0].size
        video.pix_fmt = "yuv420p"
        for picture in scenes:
            for _ in range(10):
                out.mux(video.encode(av.VideoFrame.from_image(picture)))  # type: ignore[no-untyped-call]
        out.mux(video.encode(None))
    return path.read_bytes()


def damaged(data: bytes, n: int, seed: int = 7) -> Iterator[bytes]:
    """Yield variants of a file: cut, overwritten, with pieces moved or repeated. The first bytes stay: they are its type."""
    chance = random.Random(seed)
    head = 16
    for i in range(n):
        body = bytearray(data[head:])
        if i % 4 == 0:
            del body[chance.randrange(len(body)) :]
        elif i % 4 == 1:
            for _ in range(chance.choice((1, 8, 200))):
                body[chance.randrange(len(body))] = chance.randrange(256)
        elif i % 4 == 2:
            at, length = chance.randrange(len(body)), chance.randrange(1, 400)
            body[at : at + length] = chance.randbytes(length)
        else:
            at, to = sorted(chance.sample(range(len(body)), 2))
            body = body[:to] + body[at:to] * 2 + body[to:]
        yield data[:head] + bytes(body)
