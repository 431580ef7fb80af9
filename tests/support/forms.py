"""Bodies and files for API tests, built byte by byte: what an HTTP client would repair is the point of some of them."""

import io
import json
import struct
import wave
import zipfile
import zlib
from fractions import Fraction
from functools import lru_cache
from typing import Any

import av
import numpy as np
from PIL import Image

BOUNDARY = "edge-of-part"
FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def part(name: str, value: bytes | str, *, filename: str | None = None, headers: str = "") -> bytes:
    """Return one part of a form; with a file name it is a file."""
    data = value.encode() if isinstance(value, str) else value
    attribute = f'; filename="{filename}"' if filename is not None else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{attribute}\r\n{headers}\r\n'
    return head.encode() + data + b"\r\n"


def form(*parts: bytes) -> bytes:
    """Return a whole body."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def fields(**values: object) -> bytes:
    """Return the parts of plain fields."""
    return b"".join(part(name, str(value)) for name, value in values.items())


def upload(
    kind: str, media: bytes | None, *, cover: bytes | None = None, filename: str = "a.bin", **extra: object
) -> bytes:
    """Return the body of an upload with files."""
    values = {"external_id": "bad-1", "kind": kind, "creator": "c-1", **extra}
    files = [] if media is None else [part("media", media, filename=filename)]
    files += [] if cover is None else [part("cover", cover, filename=filename)]
    return form(fields(**values), *files)


def document(**values: Any) -> bytes:
    """Return a JSON body of a text upload, with fields replaced or added."""
    return json.dumps({"external_id": "bad-1", "kind": "text", "creator": "c-1", "caption": "hello", **values}).encode()


@lru_cache
def jpeg(width: int = 320, height: int = 240, seed: int = 1) -> bytes:
    """Return a picture of soft noise."""
    small = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(out, "JPEG", quality=85)
    return out.getvalue()


@lru_cache
def png(width: int, height: int) -> bytes:
    """Return a one-bit picture of one colour: few bytes, however large it claims to be."""
    row = b"\0" * (1 + (width + 7) // 8)
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@lru_cache
def mp4(width: int = 160, height: int = 120, n_frames: int = 12, seed: int = 1) -> bytes:
    """Return a short clip."""
    out = io.BytesIO()
    random = np.random.default_rng(seed)
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(12))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for _ in range(n_frames):
            pixels = random.integers(0, 255, (height, width, 3), dtype=np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return out.getvalue()


@lru_cache
def m4a() -> bytes:
    """Return an MP4 that has sound and no picture."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    return out.getvalue()


@lru_cache
def wav() -> bytes:
    """Return a second of silence."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(b"\0\0" * 8_000)
    return out.getvalue()


@lru_cache
def zip_bomb() -> bytes:
    """Return 40 kB that unpack to 40 MB."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", b"\0" * 40_000_000)
    return out.getvalue()
