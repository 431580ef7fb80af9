"""Asking the sandbox about a clip: what it is (probe), its frames and sound (examine), a copy for browsers (preview)."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moderation.detection.media.limits import DEFAULT_LIMITS, MediaExaminationFailed, MediaLimits, MediaRejected
from moderation.detection.media.lockdown import child_environment
from moderation.detection.media.sandbox_settings import decoder_terms

_PROJECT = Path(__file__).resolve().parents[3]
#: The child's answer is one line; a clip has at most 240 frames of some 200 bytes, and 1,440 hashes of some 85.
_MAX_ANSWER = 256 * 1024
#: Beyond the child's own limits, before the caller gives it up.
_GRACE_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Probe:
    """What a clip says of itself, checked against the limits."""

    container: str
    codec: str
    width: int
    height: int
    fps: float
    duration_ms: int
    has_audio: bool
    n_streams: int
    pixel_format: str = ""  # as libav names it
    audio_codec: str = ""  # "" without sound


@dataclass(frozen=True, slots=True)
class SampledFrame:
    """One frame: time in ms, why it was taken (`scene` or `interval`), its JPEG, its PDQ (64 hex digits) and quality."""

    ms: int
    why: str
    path: Path
    pdq: str
    quality: int


@dataclass(frozen=True, slots=True)
class FrameHash:
    """The hash alone of a frame: its time in ms, its PDQ (64 hex digits) and quality."""

    ms: int
    pdq: str
    quality: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """A contact sheet: one WebP of cells of a size in pixels, row by row, with the time in ms that each shows."""

    path: Path
    columns: int
    width: int
    height: int
    times: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Waveform:
    """How loud a sound track is over time: two hexadecimal digits (0..255) for each of at most 300 equal stretches."""

    peaks: str
    duration_ms: int
    is_silent: bool


@dataclass(frozen=True, slots=True)
class Examination:
    """An examined clip: its frames and sound. The files live in the caller's working folder."""

    probe: Probe
    frames: tuple[SampledFrame, ...]
    audio: Path | None  # 16 kHz mono WAV; None without a sound track, or when nobody asked
    sheet: Sheet | None = None
    waveform: Waveform | None = None  # None without a sound track that can be decoded
    track: tuple[FrameHash, ...] = ()  # by time: those of `frames`, and more between them


@dataclass(frozen=True, slots=True)
class Preview:
    """A small MP4 that every browser plays, and its size in pixels."""

    path: Path
    width: int
    height: int


def probe(path: Path, limits: MediaLimits = DEFAULT_LIMITS) -> Probe:
    """Return what a clip is, having read all its packets and decoded one picture.

    Raises:
        MediaRejected: no_video_stream, truncated, damaged, too_long, too_small, ...
        MediaExaminationFailed: the child ran out of time or memory, died, or could not be asked (unavailable).
    """
    answer = _ask({"verb": "probe"}, path, None, limits, limits.probe_seconds)
    with _sense_expected():
        return Probe(**answer["probe"])


def examine(path: Path, workdir: Path, *, want_audio: bool, limits: MediaLimits = DEFAULT_LIMITS) -> Examination:
    """Return sampled frames, and the sound where it is wanted, written into `workdir`.

    Raises:
        MediaRejected, MediaExaminationFailed: as `probe`.
    """
    answer = _ask({"verb": "examine", "want_audio": want_audio}, path, workdir, limits, limits.examine_seconds)
    with _sense_expected():
        frames = tuple(_frame(workdir, **given) for given in answer["frames"])
        audio = workdir / Path(answer["audio"]).name if answer["audio"] else None
        sheet = _sheet(workdir, **answer["sheet"]) if answer.get("sheet") else None
        waveform = _waveform(answer.get("waveform"))
        track = tuple(_frame_hash(*given) for given in answer.get("track", ()))
        return Examination(Probe(**answer["probe"]), frames, audio, sheet, waveform, track)


def preview(path: Path, workdir: Path, limits: MediaLimits = DEFAULT_LIMITS) -> Preview:
    """Return a copy of a clip for browsers, written into `workdir`.

    Raises:
        MediaRejected, MediaExaminationFailed: as `probe`.
    """
    answer = _ask({"verb": "preview"}, path, workdir, limits, limits.preview_seconds)
    with _sense_expected():
        made = answer["preview"]
        return Preview(workdir / Path(made["file"]).name, int(made["width"]), int(made["height"]))


def _frame(workdir: Path, *, ms: int, why: str, file: str, pdq: str, quality: int) -> SampledFrame:
    """Return a frame as the child describes it; the sandbox may be compromised, so nothing is taken on trust."""
    return SampledFrame(ms, why, workdir / Path(file).name, *_hash_parts(ms, pdq, quality))


def _frame_hash(ms: int, pdq: str, quality: int) -> FrameHash:
    return FrameHash(ms, *_hash_parts(ms, pdq, quality))


def _hash_parts(ms: int, pdq: str, quality: int) -> tuple[str, int]:
    if not (isinstance(ms, int) and isinstance(quality, int) and len(bytes.fromhex(pdq)) == 32):
        raise ValueError("not a frame")
    return pdq, quality


def _sheet(workdir: Path, *, file: str, columns: int, width: int, height: int, times: list[int]) -> Sheet:
    if not all(isinstance(n, int) and n >= 0 for n in (columns, width, height, *times)):
        raise ValueError("not a sheet")
    return Sheet(workdir / Path(file).name, columns, width, height, tuple(times))


def _waveform(answer: dict[str, Any] | None) -> Waveform | None:
    if answer is None:
        return None
    return Waveform(bytes.fromhex(answer["peaks"]).hex(), int(answer["duration_ms"]), bool(answer["is_silent"]))


@contextmanager
def _sense_expected() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError):
        raise MediaExaminationFailed("crashed", "the decoder answered nonsense") from None


def _ask(
    request: dict[str, Any], path: Path, workdir: Path | None, limits: MediaLimits, seconds: int
) -> dict[str, Any]:
    """Ask about a file, which the child gets as a descriptor, like the folder: it can open nothing by itself."""
    line = json.dumps({**request, "seconds": seconds, "limits": _wire(limits)}).encode() + b"\n"
    with _descriptors(path, workdir) as descriptors:
        answer = _exchange(line, descriptors, seconds + _GRACE_SECONDS)
    if "refused" in answer:
        raise MediaRejected(str(answer["refused"]), str(answer.get("detail", "")))
    if "failed" in answer:
        raise MediaExaminationFailed(str(answer["failed"]), str(answer.get("detail", "")))
    return answer


@contextmanager
def _descriptors(path: Path, workdir: Path | None) -> Iterator[list[int]]:
    with ExitStack() as stack:
        opened = [os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)]  # what is no file must not hold us up
        stack.callback(os.close, opened[0])
        os.set_blocking(opened[0], True)
        if workdir is not None:
            opened.append(os.open(workdir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            stack.callback(os.close, opened[1])
        yield opened


def _wire(limits: MediaLimits) -> dict[str, Any]:
    return {
        "memory": limits.child_memory_bytes,
        "output": limits.child_output_bytes,
        "max_streams": limits.max_streams,
        "min_side": limits.min_side,
        "max_side": limits.max_side,
        "max_pixels": limits.max_pixels,
        "max_seconds": limits.max_duration_seconds,
        "max_fps": limits.max_fps,
    }


def _exchange(line: bytes, descriptors: list[int], seconds: int) -> dict[str, Any]:
    """Send one request and return its answer; silence is a failure with a reason."""
    with _connect() as connection:
        connection.settimeout(seconds)
        try:
            socket.send_fds(connection, [line], descriptors)  # short enough to go at once
            answer = connection.makefile("rb").readline(_MAX_ANSWER)
        except TimeoutError:
            raise MediaExaminationFailed("timeout") from None
        except OSError as error:
            raise MediaExaminationFailed("crashed", type(error).__name__) from error
    if not answer:
        raise MediaExaminationFailed("crashed", "the decoder ended without an answer")
    try:
        parsed = json.loads(answer)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise MediaExaminationFailed("crashed", "the decoder answered nonsense")
    return parsed


class _Server:
    """This process's child server: started at first use, again after a fork or when it died."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gh-media-"))
        self.pid = os.getpid()
        self.socket = self.folder / "s"
        self.process = subprocess.Popen(  # noqa: S603 - our own module, nothing of the caller's in the arguments
            [sys.executable, "-m", "moderation.detection.media.sandbox_worker", str(self.socket), json.dumps(decoder_terms())],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=_PROJECT, env=child_environment(),
        )  # fmt: skip
        if not self.process.stdout or self.process.stdout.readline() != b"ready\n":
            self.stop()
            raise MediaExaminationFailed("unavailable", "the decoding process did not start")

    def is_usable(self) -> bool:
        """Whether it is this process's and alive."""
        return self.pid == os.getpid() and self.process.poll() is None

    def stop(self) -> None:
        """End it and remove its folder; one inherited over a fork is its parent's to end."""
        if self.pid == os.getpid():
            self.process.kill()
            self.process.wait()
            if self.process.stdout:
                self.process.stdout.close()
            shutil.rmtree(self.folder, ignore_errors=True)


_server: _Server | None = None
_lock = threading.Lock()


def _connect() -> socket.socket:
    global _server
    with _lock:
        if _server is None or not _server.is_usable():
            if _server is not None:
                _server.stop()
            _server = _Server()
            atexit.register(_server.stop)
        path = str(_server.socket)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(path)
    except OSError as error:
        connection.close()
        raise MediaExaminationFailed("unavailable", "the decoding process is away") from error
    return connection
