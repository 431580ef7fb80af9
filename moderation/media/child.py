"""The confined side of decoding. Run as `python -m moderation.media.child SOCKET`: a small server that forks per request.

The server has its libraries loaded and never opens a file; each fork limits itself, opens the one file it was asked
about, answers with one line of JSON and ends. Nothing here imports Django or anything that holds a secret.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from moderation.detectors.pdq import pdq_of

_CLONE_NEWNET = 0x40000000
#: A picture differs from the last sampled one when its 32 x 32 grey values differ by this much on average (0..255).
_SCENE_DIFFERENCE = 14.0
#: Frames are kept for reading text at this long side, and hashed at about half: see docs/deep.md.
_READ_SIDE, _HASH_SIDE = 960, 512
_MAX_FRAMES = 120
#: A clip whose packets end before this share of its stated length was cut off.
_TRUNCATED_SHARE = 0.8


class Refused(Exception):
    """The file is not acceptable; the code and sentence go back to the caller."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


def serve(path: str) -> None:
    """Accept requests until standard input closes, which is when the owner has died."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the forks
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path)
    server.listen(64)
    server.settimeout(1.0)
    print("ready", flush=True)  # noqa: T201 - the owner waits for this line
    owner = os.getppid()
    while os.getppid() == owner:
        try:
            connection, _ = server.accept()
        except TimeoutError:
            continue
        if os.fork() == 0:
            server.close()
            _answer(connection)
        connection.close()


def _answer(connection: socket.socket) -> None:
    """Serve one request in a fork, and never return."""
    code = 1
    try:
        request = json.loads(connection.makefile().readline())
        _confine(request["limits"], request["seconds"])
        connection.sendall(json.dumps(_act(request)).encode() + b"\n")
        code = 0
    except MemoryError:
        with suppress(OSError):
            connection.sendall(b'{"failed": "memory"}\n')
    except BaseException as error:
        with suppress(OSError):
            connection.sendall(json.dumps({"failed": "crashed", "detail": type(error).__name__}).encode() + b"\n")
    finally:
        os._exit(code)


def _confine(limits: dict[str, int], seconds: int) -> None:
    """Give this fork its limits; the kernel enforces them however the decoder misbehaves."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)  # wall time: the default action ends the process, also inside C code
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory"], limits["memory"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits["output"], limits["output"]))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).unshare(_CLONE_NEWNET)  # no network, where we may say so
    av.logging.set_level(av.logging.PANIC)


def _act(request: dict[str, Any]) -> dict[str, Any]:
    try:
        with av.open(request["path"], options={"protocol_whitelist": "file"}) as container:
            described = _describe(container, request["limits"])
            if request["verb"] == "probe":
                _check_whole(container, described)
                return {"probe": described}
        with av.open(request["path"], options={"protocol_whitelist": "file"}) as container:
            frames = _sample(container, Path(request["workdir"]), described["duration_ms"])
        audio = _audio(request) if described["has_audio"] and request["want_audio"] else None
        return {"probe": described, "frames": frames, "audio": audio}
    except Refused as error:
        return {"refused": error.code, "detail": error.detail}
    except (av.FFmpegError, ValueError, IndexError, EOFError) as error:
        return {"refused": "damaged", "detail": f"The clip cannot be decoded: {type(error).__name__}."}


def _describe(container: Any, limits: dict[str, Any]) -> dict[str, Any]:
    if len(container.streams) > limits["max_streams"]:
        raise Refused(
            "too_many_streams", f"The clip has {len(container.streams)} streams; {limits['max_streams']} are allowed."
        )
    if not container.streams.video:
        raise Refused("no_video_stream", "The file holds no video. Sound alone is not taken.")
    video = container.streams.video[0]
    duration_ms = _duration_ms(container, video)
    described = {
        "container": container.format.name,
        "codec": video.codec_context.name,
        "width": video.codec_context.width,
        "height": video.codec_context.height,
        "fps": float(video.average_rate or 0),
        "duration_ms": duration_ms,
        "has_audio": bool(container.streams.audio),
        "n_streams": len(container.streams),
    }
    _check_limits(described, limits)
    return described


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
        raise Refused("too_many_frames", f"The clip has more than {limits['max_fps']} frames a second.")


def _check_whole(container: Any, described: dict[str, Any]) -> None:
    """Read every packet without decoding, decode one picture: a clip that was cut off ends early."""
    video = container.streams.video[0]
    last_ms, has_picture = 0.0, False
    for packet in container.demux(video):
        if packet.pts is not None:
            last_ms = max(last_ms, float((packet.pts + (packet.duration or 0)) * video.time_base * 1_000))
        if not has_picture:
            has_picture = any(True for _ in packet.decode())
    if not has_picture:
        raise Refused("damaged", "No picture of the clip can be decoded.")
    if not described["duration_ms"]:
        described["duration_ms"] = int(last_ms)
    start_ms = float((video.start_time or 0) * video.time_base * 1_000)
    if last_ms - start_ms < _TRUNCATED_SHARE * described["duration_ms"]:
        raise Refused("truncated", "The clip ends before its stated length: the upload was cut off. Send it again.")


def _sample(container: Any, workdir: Path, duration_ms: int) -> list[dict[str, Any]]:
    """Return frames at scene changes and at least one per interval, each saved as a JPEG and hashed."""
    video = container.streams.video[0]
    video.thread_type, video.codec_context.thread_count = "AUTO", 1
    interval = max(1_000.0, duration_ms / _MAX_FRAMES)
    frames: list[dict[str, Any]] = []
    last_grey: npt.NDArray[np.int16] | None = None
    last_ms = -interval
    for frame in container.decode(video):
        ms = float(frame.time or 0.0) * 1_000
        grey = frame.reformat(width=32, height=32, format="gray").to_ndarray().astype(np.int16)
        is_scene = last_grey is None or float(np.abs(grey - last_grey).mean()) > _SCENE_DIFFERENCE
        if not is_scene and ms - last_ms < interval:
            continue
        frames.append(_keep(frame, workdir, len(frames), int(ms), "scene" if is_scene else "interval"))
        last_grey, last_ms = grey, ms
        if len(frames) >= _MAX_FRAMES:
            break
    if not frames:
        raise Refused("damaged", "No picture of the clip can be decoded.")
    return frames


def _keep(frame: Any, workdir: Path, number: int, ms: int, why: str) -> dict[str, Any]:
    pixels = _scaled(frame, _READ_SIDE)
    file = workdir / f"frame-{number:04d}.jpg"
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    pdq, quality = pdq_of(_scaled(frame, _HASH_SIDE))
    return {"ms": ms, "why": why, "file": file.name, "pdq": pdq, "quality": quality}


def _scaled(frame: Any, side: int) -> npt.NDArray[np.uint8]:
    scale = min(1.0, side / max(frame.width, frame.height))
    size = max(2, round(frame.width * scale)), max(2, round(frame.height * scale))
    array: npt.NDArray[np.uint8] = frame.reformat(
        width=size[0], height=size[1], format="rgb24", interpolation="AREA"
    ).to_ndarray()
    return array


def _audio(request: dict[str, Any]) -> str | None:
    """Write the sound as 16 kHz mono WAV; None where nothing of it can be decoded."""
    file = Path(request["workdir"]) / "audio.wav"
    try:
        with av.open(request["path"], options={"protocol_whitelist": "file"}) as source, av.open(str(file), "w") as out:
            target = out.add_stream("pcm_s16le", rate=16_000, layout="mono")
            resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
            for frame in source.decode(source.streams.audio[0]):
                for part in resampler.resample(frame):
                    out.mux(target.encode(part))
            out.mux(target.encode(None))
    except av.FFmpegError:
        return None
    return file.name


if __name__ == "__main__":
    serve(sys.argv[1])
