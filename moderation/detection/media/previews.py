"""What the sandbox makes for reviewers: a contact sheet, a waveform, and a preview that every browser plays."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

#: Cells of a contact sheet, and their longer side in pixels: enough to see what goes on, too little to be harmed by it.
_MAX_CELLS, _CELL_SIDE, _COLUMNS = 24, 192, 6
#: Columns of a waveform.
_N_PEAKS = 300
#: Sound that never gets louder than this share of the most possible (-46 dB) is silence.
_SILENT_BELOW = 0.005
#: A preview's longer side in pixels and most frames a second.
_PREVIEW_SIDE, _PREVIEW_FPS = 640, 30
_MS = Fraction(1, 1_000)


def sheet_of(frames: Sequence[dict[str, Any]], workdir: Path) -> dict[str, Any]:
    """Write a contact sheet of sampled frames; return `{"file", "columns", "width", "height", "times"}`.

    Width and height are those of one cell in pixels; times are in ms, one a cell, row by row.
    """
    chosen = [frames[i] for i in _pick_evenly(len(frames), _MAX_CELLS)]
    cells = [_cell(workdir / frame["file"]) for frame in chosen]
    width, height = max(c.width for c in cells), max(c.height for c in cells)
    columns = min(_COLUMNS, len(cells))
    sheet = Image.new("RGB", (width * columns, height * -(-len(cells) // columns)))
    for i, cell in enumerate(cells):
        sheet.paste(cell, (i % columns * width, i // columns * height))
    sheet.save(workdir / "sheet.webp", "WEBP", quality=60, method=2)
    times = [frame["ms"] for frame in chosen]
    return {"file": "sheet.webp", "columns": columns, "width": width, "height": height, "times": times}


def _pick_evenly(n: int, n_max: int) -> list[int]:
    """Return at most n_max numbers below n, evenly spread, the first and the last among them."""
    if n <= n_max:
        return list(range(n))
    return [round(i * (n - 1) / (n_max - 1)) for i in range(n_max)]


def _cell(path: Path) -> Image.Image:
    with Image.open(path) as frame:
        frame.draft("RGB", (_CELL_SIDE, _CELL_SIDE))
        frame.thumbnail((_CELL_SIDE, _CELL_SIDE))
        return frame.convert("RGB")


def waveform_of(audio: Path) -> dict[str, Any]:
    """Return `{"peaks", "duration_ms", "is_silent"}` of a 16-bit mono WAV: the loudest moment of each of 300 stretches,
    two hexadecimal digits each."""
    with wave.open(str(audio), "rb") as sound:
        rate, samples = sound.getframerate(), np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
    loudness = np.abs(samples.astype(np.int32))
    parts = np.array_split(loudness, min(_N_PEAKS, max(len(loudness), 1)))
    peaks = np.array([part.max(initial=0) for part in parts]) * 255 // 32_768
    return {
        "peaks": peaks.astype(np.uint8).tobytes().hex(),
        "duration_ms": len(samples) * 1_000 // rate,
        "is_silent": bool(loudness.max(initial=0) < _SILENT_BELOW * 32_768),
    }


# --- preview -------------------------------------------------------------------------------------------------------


def preview_of(source: Any, video: Any, target: Path, max_seconds: float) -> dict[str, Any]:
    """Write a small H.264 and AAC MP4 whose index comes first; return `{"file", "width", "height"}`.

    Args:
        source: the open container; video: its stream, set to decode without threads.
        max_seconds: where it is cut.
    """
    audio = next((s for s in source.streams.audio if s.codec_context), None)
    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as out:
        writer = _Preview(out, has_audio=audio is not None)
        for packet in source.demux([s for s in (video, audio) if s]):
            for frame in packet.decode():
                if (frame.time or 0.0) > max_seconds:
                    return writer.finish(target)
                writer.take(frame)
        return writer.finish(target)


class _Preview:
    """The two streams of a preview; the picture's size is known when the first frame comes."""

    def __init__(self, out: Any, *, has_audio: bool) -> None:
        self.out, self.video, self.last_ms = out, out.add_stream("libx264", rate=_PREVIEW_FPS), -1_000
        self.video.pix_fmt, self.video.time_base = "yuv420p", _MS
        self.video.codec_context.time_base, self.video.codec_context.thread_count = _MS, 1
        self.video.options = {"crf": "30", "preset": "veryfast", "threads": "1"}
        self.audio = out.add_stream("aac", rate=44_100, layout="stereo") if has_audio else None
        self.resampler = av.AudioResampler(format="fltp", layout="stereo", rate=44_100)
        self.size: tuple[int, int] | None = None

    def take(self, frame: Any) -> None:
        """Encode one frame of either kind."""
        if isinstance(frame, av.AudioFrame):
            self._hear(frame)
        else:
            self._see(frame)

    def _see(self, frame: Any) -> None:
        ms = round((frame.time or 0.0) * 1_000)
        if ms - self.last_ms < 1_000 // _PREVIEW_FPS:
            return
        picture = _upright(frame, self._size_for(frame))
        picture.pts, picture.time_base, self.last_ms = ms, _MS, ms
        self.out.mux(self.video.encode(picture))

    def _size_for(self, frame: Any) -> tuple[int, int]:
        """Return width and height as shown, even and reduced; those of the first frame for all."""
        if self.size is None:
            width, height = (frame.height, frame.width) if frame.rotation % 180 else (frame.width, frame.height)
            scale = min(1.0, _PREVIEW_SIDE / max(width, height))
            self.size = max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)
            self.video.width, self.video.height = self.size
        return self.size

    def _hear(self, frame: Any) -> None:
        if self.audio is not None:
            for part in self.resampler.resample(frame):
                self.out.mux(self.audio.encode(part))

    def finish(self, target: Path) -> dict[str, Any]:
        """Write what the encoders still hold."""
        if self.size is None:
            raise ValueError("no picture")
        self.out.mux(self.video.encode(None))
        if self.audio is not None:
            self.out.mux(self.audio.encode(None))
        return {"file": target.name, "width": self.size[0], "height": self.size[1]}


def _upright(frame: Any, size: tuple[int, int]) -> Any:
    if round(frame.rotation / 90) % 4 == 0:
        return frame.reformat(width=size[0], height=size[1], format="yuv420p", threads=1)
    turned = size[::-1] if frame.rotation % 180 else size
    pixels = frame.reformat(width=turned[0], height=turned[1], format="rgb24", threads=1).to_ndarray()
    upright = np.ascontiguousarray(np.rot90(pixels, k=round(frame.rotation / 90) % 4))
    return av.VideoFrame.from_ndarray(upright, format="rgb24").reformat(format="yuv420p", threads=1)
