"""What the sandbox does with a clip: describe and check it, sample its frames, extract its sound, show it to people."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange
from PIL import Image

from moderation.detection.hashes.pdq import pdq_of, pdq_of_luma
from moderation.detection.media.previews import preview_of, sheet_of, waveform_of

#: Only the file that came as a descriptor, and only the containers we take: a playlist could name other files.
_OPTIONS = {"protocol_whitelist": "fd", "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"}
#: A picture differs from the last sampled one when its 32 x 32 grey values differ by this much on average (0..255).
_SCENE_DIFFERENCE = 14.0
#: Frames are kept for reading text at the first long side. Hashes are made of the whole frame up to the second: other banks
#: hash whole frames, and reducing them first moves up to 32 of 256 bits in fine textures, which is past the threshold.
_READ_SIDE, _HASH_SIDE = 960, 1_280
#: Frames taken at intervals, and on top of them at scene changes: a clip that flickers for its first seconds must not use
#: up the frames of the rest, so scene changes are allowed in step with the time that has passed, and a few in advance.
_MAX_INTERVALS, _MAX_SCENES, _SCENES_AHEAD = 120, 120, 12
#: Besides those, frames are hashed only, for telling how much of a known clip is there: where the camera moves, a picture
#: 0.1 s away has another hash. At most so many a clip, evenly spread, at times that are the same in every copy of a clip.
_TRACK_MS, _MAX_TRACK = 100.0, 1_200
#: A clip whose packets end before this share of its stated length was cut off.
_TRUNCATED_SHARE = 0.8
#: One whose packets go on for longer than this share of it does not say the truth.
_OVERLONG_SHARE = 1.1
#: Formats whose first plane is brightness, one byte a pixel.
_LUMA_FIRST = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "gray")


#: What is made goes into the current folder, which is the caller's.
_FOLDER = Path()


class Refused(Exception):
    """The file is not acceptable; the code and sentence go back to the caller."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class OutputFull(Exception):
    """The clip's frames take more room than one clip may have."""


def inspect(request: dict[str, Any]) -> dict[str, Any]:
    """Answer `probe`: describe a clip after reading all its packets and decoding one picture.

    Args:
        request: `file` is the clip's descriptor; `folder`, where there is one, that of the current folder, for what is made.

    Raises:
        Refused: with a code that MediaRejected documents.
    """
    limits = request["limits"]
    with _open(request) as container:
        described = _describe(container, limits)
        _check_whole(container, described)
        _check_limits(described, limits)
    return {"probe": described}


def take_apart(request: dict[str, Any]) -> dict[str, Any]:
    """Answer `examine`: as `probe`, frames and sound as files in the work folder, and what reviewers see of them.

    Raises:
        Refused: as `inspected`.
        OutputFull: the limit on all frames together; the kernel holds it for each file.
    """
    described = inspect(request)["probe"]
    frames: list[dict[str, Any]] = []
    track: list[tuple[int, str, int]] = []
    n_left = request["limits"]["output"]
    with _open(request) as container:
        for frame in _sample(container, described["duration_ms"]):
            track.append((frame["ms"], frame["pdq"], frame["quality"]))
            if "jpeg" not in frame:
                continue
            n_left -= len(frame["jpeg"])
            if n_left < 0:
                raise OutputFull
            frames.append(_write(frame, _FOLDER, len(frames)))
    if not frames:
        raise _no_picture()
    audio = _audio(request) if described["has_audio"] else None
    waveform = waveform_of(_FOLDER / audio) if audio else None
    if audio and not request["want_audio"]:
        (_FOLDER / audio).unlink()
        audio = None
    sheet = sheet_of(frames, _FOLDER)
    return {
        "probe": described, "frames": frames, "track": track, "audio": audio, "sheet": sheet, "waveform": waveform,
    }  # fmt: skip


def make_preview(request: dict[str, Any]) -> dict[str, Any]:
    """Answer `preview`: a small copy of the clip that every browser plays, in the work folder.

    Raises:
        Refused: as `inspected`.
    """
    limits = request["limits"]
    with _open(request) as container:
        _describe(container, limits)
        video = _single_threaded(container)
        made = preview_of(container, video, _FOLDER / "preview.mp4", limits["max_seconds"])
    return {"preview": made}


def _open(request: dict[str, Any]) -> Any:
    """Open the clip from its beginning; the place in it is one for all who use the descriptor."""
    with suppress(OSError):  # what cannot be gone back in is read as it comes
        os.lseek(request["file"], 0, os.SEEK_SET)
    return av.open("fd:", options={**_OPTIONS, "fd": str(request["file"])})


# --- describing ----------------------------------------------------------------------------------------------------


def _describe(container: Any, limits: dict[str, Any]) -> dict[str, Any]:
    if len(container.streams) > limits["max_streams"]:
        raise Refused(
            "too_many_streams", f"The clip has {len(container.streams)} streams; {limits['max_streams']} are allowed."
        )
    if not container.streams.video:
        raise Refused("no_video_stream", "The file holds no video. Sound alone is not taken.")
    video = container.streams.video[0]
    if video.codec_context is None:
        raise _no_picture()
    described = {
        "container": container.format.name,
        "codec": video.codec_context.name,
        "width": video.codec_context.width,
        "height": video.codec_context.height,
        "fps": float(video.average_rate or 0),
        "duration_ms": _duration_ms(container, video),
        "has_audio": bool(container.streams.audio),
        "n_streams": len(container.streams),
        "pixel_format": video.codec_context.pix_fmt or "",
        "audio_codec": _codec_name(container.streams.audio[0]) if container.streams.audio else "",
    }
    _check_limits(described, limits)  # before anything is decoded
    return described


def _codec_name(stream: Any) -> str:
    """Return how libav names a stream's codec; a damaged header may name one that there is no decoder for."""
    return stream.codec_context.name if stream.codec_context else "unknown"


def _duration_ms(container: Any, video: Any) -> int:
    if video.duration and video.time_base:
        return int(video.duration * video.time_base * 1_000)
    return int((container.duration or 0) / 1_000)


def _check_limits(described: dict[str, Any], limits: dict[str, Any]) -> None:
    width, height = described["width"], described["height"]
    if min(width, height) < limits["min_side"]:
        raise Refused("too_small", f"The clip is {width} x {height} pixels; each side needs {limits['min_side']}.")
    if max(width, height) > limits["max_side"] or width * height > limits["max_pixels"]:
        raise Refused("too_many_pixels", f"The clip is {width} x {height} pixels, which is too large.")
    if described["duration_ms"] > limits["max_seconds"] * 1_000:
        raise Refused("too_long", f"The clip is longer than {limits['max_seconds']} seconds.")
    if described["fps"] > limits["max_fps"]:
        raise Refused("too_many_frames", f"The clip has more than {limits['max_fps']:g} frames a second.")


def _check_whole(container: Any, described: dict[str, Any]) -> None:
    """Read every packet, decode one picture; correct what the header says of size and length.

    Raises:
        Refused: damaged, or truncated where the clip ends early.
    """
    video = _single_threaded(container)
    last_ms, picture = 0.0, None
    for packet in container.demux(video):
        if packet.pts is not None:
            last_ms = max(last_ms, float((packet.pts + (packet.duration or 0)) * video.time_base * 1_000))
        if picture is None:
            picture = next(iter(packet.decode()), None)
    if picture is None:
        raise _no_picture()
    described["width"], described["height"] = _display_size(picture)
    lasts_ms = last_ms - float((video.start_time or 0) * video.time_base * 1_000)
    if lasts_ms < _TRUNCATED_SHARE * described["duration_ms"]:
        raise Refused("truncated", "The clip ends before its stated length: the upload was cut off. Send it again.")
    if lasts_ms > _OVERLONG_SHARE * described["duration_ms"]:
        described["duration_ms"] = int(lasts_ms)


def _single_threaded(container: Any) -> Any:
    """Return the clip's video, to be decoded without threads: the worker may start none."""
    video = container.streams.video[0]
    video.thread_type, video.codec_context.thread_count = "NONE", 1
    return video


def _no_picture() -> Refused:
    return Refused("damaged", "No picture of the clip can be decoded.")


def _display_size(frame: Any) -> tuple[int, int]:
    return (frame.height, frame.width) if frame.rotation % 180 else (frame.width, frame.height)


# --- frames --------------------------------------------------------------------------------------------------------


def _sample(container: Any, duration_ms: int) -> Iterator[dict[str, Any]]:
    """Yield frames at scene changes and at least one per interval, each as a JPEG and hashed; and others hashed only."""
    interval = max(1_000.0, duration_ms / _MAX_INTERVALS)
    step = max(_TRACK_MS, duration_ms / _MAX_TRACK)
    n_hashed, next_step = 0, 0
    last_grey: npt.NDArray[np.float32] | None = None
    last_ms, n_scenes, n_intervals = -interval, 0, 0
    for ms, frame in _time(container):
        grey = _grey(frame)
        is_new = last_grey is None or float(np.abs(grey - last_grey).mean()) > _SCENE_DIFFERENCE
        is_scene = is_new and n_scenes < _SCENES_AHEAD + _MAX_SCENES * ms / max(duration_ms, 1_000)
        is_due = ms - last_ms >= interval and n_intervals < _MAX_INTERVALS
        if not (is_scene or is_due):
            # a frame's time is rounded down by some containers, so one just before its step is at it
            if ms + 1 >= next_step * step and n_hashed < _MAX_TRACK:
                n_hashed, next_step = n_hashed + 1, int((ms + 1) // step) + 1
                yield _hash_alone(frame, int(ms))
            continue
        next_step = int((ms + 1) // step) + 1
        n_scenes, n_intervals = n_scenes + is_scene, n_intervals + (not is_scene)
        yield _take(frame, int(ms), "scene" if is_scene else "interval")
        last_grey, last_ms = grey, ms


def _time(container: Any) -> Iterator[tuple[float, Any]]:
    """Yield frames with their times in ms; a frame without one is a moment after the one before."""
    video = _single_threaded(container)
    step, ms = 1_000 / (float(video.average_rate or 0) or 25.0), 0.0
    for frame in container.decode(video):
        ms = ms + step if frame.time is None else max(0.0, float(frame.time) * 1_000)
        yield ms, frame


def _grey(frame: Any) -> npt.NDArray[np.float32]:
    """Return 32 x 32 mean brightnesses. Reading every few rows of the frame itself is 50 times faster than scaling it."""
    if frame.format.name not in _LUMA_FIRST or min(frame.width, frame.height) < 64:
        scaled: npt.NDArray[np.float32] = (
            frame.reformat(width=32, height=32, format="gray", threads=1).to_ndarray().astype(np.float32)
        )
        return scaled
    plane = frame.planes[0]
    luma = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    rows = np.linspace(0, frame.height - 1, 64).astype(int)
    columns = frame.width // 32
    chosen = luma[rows, : columns * 32].reshape(32, 2, 32, columns)
    return np.asarray(chosen.mean(axis=(1, 3), dtype=np.float32))


def _take(frame: Any, ms: int, why: str) -> dict[str, Any]:
    whole = _scale(frame, _HASH_SIDE)
    jpeg = io.BytesIO()
    legible = whole if max(whole.shape) <= _READ_SIDE else _scale(frame, _READ_SIDE)
    Image.fromarray(legible).save(jpeg, "JPEG", quality=90)
    return {**_hash(whole, ms), "why": why, "jpeg": jpeg.getvalue()}


def _hash_alone(frame: Any, ms: int) -> dict[str, Any]:
    """Return the hash of a frame that is not looked at: by its brightness, where the decoder gives that as it is."""
    if frame.format.name not in _LUMA_FIRST:
        return _hash(_scale(frame, _HASH_SIDE), ms)
    plane = frame.planes[0]
    luma = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]
    is_full_range = frame.format.name.startswith("yuvj") or frame.color_range == ColorRange.JPEG
    pdq, quality = pdq_of_luma(np.rot90(luma, k=round(frame.rotation / 90) % 4), is_full_range=is_full_range)
    return {"ms": ms, "pdq": pdq, "quality": quality}


def _hash(whole: npt.NDArray[np.uint8], ms: int) -> dict[str, Any]:
    pdq, quality = pdq_of(whole)
    return {"ms": ms, "pdq": pdq, "quality": quality}


def _write(frame: dict[str, Any], workdir: Path, number: int) -> dict[str, Any]:
    file = workdir / f"frame-{number:04d}.jpg"
    file.write_bytes(frame.pop("jpeg"))
    return {**frame, "file": file.name}


def _scale(frame: Any, side: int) -> npt.NDArray[np.uint8]:
    """Return a frame as RGB, as it is shown (phones film sideways and say so), reduced to a long side."""
    scale = min(1.0, side / max(frame.width, frame.height))
    size = max(2, round(frame.width * scale)), max(2, round(frame.height * scale))
    array = frame.reformat(width=size[0], height=size[1], format="rgb24", interpolation="AREA", threads=1).to_ndarray()
    return np.ascontiguousarray(np.rot90(array, k=round(frame.rotation / 90) % 4))


# --- sound ---------------------------------------------------------------------------------------------------------


def _audio(request: dict[str, Any]) -> str | None:
    """Write the sound as 16 kHz mono WAV, cut at the longest a clip may be; None where it cannot be decoded."""
    file = _FOLDER / "audio.wav"
    n_left = 16_000 * request["limits"]["max_seconds"]
    try:
        with _open(request) as source, av.open(str(file), "w") as out:
            target = out.add_stream("pcm_s16le", rate=16_000, layout="mono")
            resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
            if source.streams.audio[0].codec_context is None:
                return None
            source.streams.audio[0].codec_context.thread_count = 1
            for frame in source.decode(source.streams.audio[0]):
                for part in resampler.resample(frame):
                    n_left -= part.samples
                    out.mux(target.encode(part))
                if n_left <= 0:
                    break
            out.mux(target.encode(None))
    except (av.FFmpegError, ValueError):
        return None
    return file.name if file.exists() else None  # libav makes no file where it was given no sound
