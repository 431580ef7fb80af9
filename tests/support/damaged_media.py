"""Clips of several forms, made, and damaged in every way that a file can be."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

_ABSURD = (0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


#: Fields of MP4 whose values a decoder believes: sizes, counts, lengths, offsets.
_BOXES = (
    b"tkhd",
    b"mvhd",
    b"mdhd",
    b"stsd",
    b"stsz",
    b"stsc",
    b"stco",
    b"stts",
    b"avc1",
    b"avcC",
    b"elst",
    b"moov",
    b"mdat",
    b"trak",
)


def originals(folder: Path) -> list[bytes]:
    """Return whole clips: MP4 with its index last and first, MOV, Matroska and WebM; with and without sound."""
    forms = [
        ("a.mp4", "mp4", "libx264", "aac", {}),
        ("b.mp4", "mp4", "libx264", None, {"movflags": "faststart"}),
        ("c.mov", "mov", "mpeg4", "pcm_s16le", {}),
        ("d.mkv", "matroska", "mpeg4", "aac", {}),
        ("e.webm", "webm", "libvpx", "libopus", {}),
    ]
    return [_clip(folder / name, *form) for name, *form in forms]  # type: ignore[arg-type]


def _clip(path: Path, form: str, codec: str, sound: str | None, options: dict[str, str]) -> bytes:
    rng = np.random.default_rng(len(path.name) + len(codec))
    with av.open(str(path), "w", format=form, options=options) as out:
        video: Any = out.add_stream(codec, rate=10)
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        audio: Any = out.add_stream(sound, rate=48_000, layout="mono") if sound else None
        for n in range(15):
            pixels = np.kron(rng.integers(40, 220, (6, 8, 3), dtype=np.uint8), np.ones((20, 20, 1), np.uint8))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.roll(pixels, n, 1)), format="rgb24")
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if audio:
            tone = (np.sin(np.arange(48_000) / 12) * 6_000).astype(np.int16)[None, :]
            heard = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
            heard.sample_rate = 48_000
            for part in av.AudioResampler(format=audio.format.name, layout="mono", rate=48_000).resample(heard):
                out.mux(audio.encode(part))
            out.mux(audio.encode(None))
    return path.read_bytes()


def damaged(whole: list[bytes], n: int, seed: int = 11) -> Iterator[tuple[str, bytes]]:
    """Yield n (kind of damage, file), in turn by kind."""
    rng = random.Random(seed)
    kinds = list(_DAMAGE.items())
    for i in range(n):
        kind, damage = kinds[i % len(kinds)]
        yield kind, damage(rng.choice(whole), whole, rng)


def _flipped(data: bytes, whole: list[bytes], rng: random.Random) -> bytes:
    body = bytearray(data)
    for _ in range(rng.choice((1, 8, 64, 512))):
        body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)
    return bytes(body)


def _truncated(data: bytes, whole: list[bytes], rng: random.Random) -> bytes:
    return data[: rng.randrange(1, len(data))]


def _swapped(data: bytes, whole: list[bytes], rng: random.Random) -> bytes:
    """Return the beginning of one file before the rest of another."""
    other, at = rng.choice(whole), rng.choice((8, 32, 64, 512, 2_048))
    return other[:at] + data[at:]


def _absurd(data: bytes, whole: list[bytes], rng: random.Random) -> bytes:
    """Write sizes and counts that cannot be after the names of boxes, or anywhere where there are none."""
    body = bytearray(data)
    for _ in range(rng.choice((1, 2, 4))):
        at = body.find(rng.choice(_BOXES))
        at = at + rng.choice((-4, 4, 8, 12, 16, 20, 28, 32, 80)) if at > 4 else rng.randrange(max(len(body) - 4, 1))
        body[at : at + 4] = struct.pack(">I", rng.choice(_ABSURD))
    return bytes(body)


def _doubled(data: bytes, whole: list[bytes], rng: random.Random) -> bytes:
    """Return a file with a stretch of it several times."""
    at, to = sorted(rng.sample(range(len(data)), 2))
    return data[:to] + data[at:to] * rng.choice((1, 3, 20)) + data[to:]


def _noise(data: bytes, whole: list[bytes], rng: random.Random) -> bytes:
    """Return a file whose first bytes promise a clip and whose rest is chance."""
    head = rng.choice((16, 48, 400))
    return data[:head] + rng.randbytes(rng.choice((64, 4_096, 65_536)))


_DAMAGE: dict[str, Callable[[bytes, list[bytes], random.Random], bytes]] = {
    "bits flipped": _flipped, "cut short": _truncated, "headers swapped": _swapped, "absurd sizes": _absurd,
    "stretches repeated": _doubled, "noise after a header": _noise,
}  # fmt: skip
