"""Clips and stills made for tests: small, mild, and decoded by the real decoders."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from tests.support.spoken import sound_write


def scene(seed: int, words: str = "", size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Return a picture with enough structure for PDQ, with words over it."""
    rng = np.random.default_rng(seed)
    small = rng.integers(60, 200, (18, 24, 3), dtype=np.uint8)
    image = Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)
    if words:
        draw = ImageDraw.Draw(image)
        draw.rectangle((0, size[1] // 2 - 30, size[0], size[1] // 2 + 30), fill="white")
        draw.text((12, size[1] // 2 - 16), words, fill="black", font=ImageFont.load_default(26))
    return image


def jpeg(image: Image.Image) -> bytes:
    """Return an image as a JPEG file."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


def clip(
    path: Path,
    scenes: list[Image.Image],
    seconds_each: float = 1.0,
    fps: int = 10,
    sound: bool | npt.NDArray[np.float32] = False,
) -> Path:
    """Write an MP4 that shows the scenes one after the other, over 16 kHz samples or, where `sound` is True, a tone."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=fps)
        video.width, video.height = scenes[0].size
        video.pix_fmt = "yuv420p"
        samples = sound if isinstance(sound, np.ndarray) else np.sin(np.arange(16_000) / 8) * 0.25 if sound else None
        audio = None if samples is None else out.add_stream("aac", rate=16_000, layout="mono")
        for image in scenes:
            for _ in range(int(seconds_each * fps)):
                out.mux(video.encode(av.VideoFrame.from_image(image)))  # type: ignore[no-untyped-call]
        out.mux(video.encode(None))
        if audio and samples is not None:
            sound_write(out, audio, samples)
    return path
