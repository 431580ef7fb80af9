"""Turns a sound recording into a clip with a still picture, so that it can be uploaded as what the platform takes."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

RAW_RATE = 16_000  # .raw files are 16-bit mono at this rate
WIDTH, HEIGHT, FPS = 360, 640, 5


def recording_clip(recording: Path, target: Path) -> Path:
    """Write the recording as MP4 under a plain, slowly turning grey picture; returns the target."""
    options = {"sample_rate": str(RAW_RATE), "ch_layout": "mono"} if recording.suffix == ".raw" else {}
    kind = "s16le" if recording.suffix == ".raw" else None
    with av.open(str(recording), "r", format=kind, options=options) as source, av.open(str(target), "w") as out:
        video = out.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = out.add_stream("aac", rate=RAW_RATE, layout="mono")
        resampler, n_samples = av.AudioResampler(format="fltp", layout="mono", rate=RAW_RATE), 0
        for frame in [*source.decode(audio=0), None]:
            for part in resampler.resample(frame):
                part.pts, n_samples = n_samples, n_samples + part.samples
                out.mux(audio.encode(part))
        out.mux(audio.encode(None))
        for n in range(max(FPS, n_samples * FPS // RAW_RATE)):
            shade = np.linspace(60 + n % 40, 200 - n % 40, WIDTH, dtype=np.uint8)
            picture = np.repeat(np.tile(shade, (HEIGHT, 1))[..., None], 3, axis=2)
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(video.encode(None))
    return target
