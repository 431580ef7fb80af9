"""What a file may be, and what is said where it is not."""

from dataclasses import dataclass


class MediaRejected(Exception):
    """A file that is not taken. `code` is for machines, `detail` is a sentence for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class MediaStorageFull(Exception):
    """There is no room for the file; nothing of it was kept."""


class MediaExaminationFailed(Exception):
    """The sandbox gave no sound answer.

    `reason`: `timeout`, `memory`, `output` or `crashed`, which the file is to blame for as far as anybody can tell; `unavailable` when
    the child could not be asked or the machine was too busy to give it any time, which says nothing about the file.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """Limits on files and on what decoding them may cost. Sizes in bytes, sides in pixels, times in seconds."""

    max_video_bytes: int = 200 * 2**20
    max_image_bytes: int = 20 * 2**20
    min_side: int = 16
    max_side: int = 16_384
    max_pixels: int = 50_000_000
    max_duration_seconds: int = 600
    max_streams: int = 8
    max_fps: float = 240.0
    child_memory_bytes: int = 3 * 2**30  # address space, of which libraries map most without using it
    child_output_bytes: int = 256 * 2**20  # 240 frames of noise take half of it
    probe_seconds: int = 5
    examine_seconds: int = 180  # ten minutes at 1080p take about 90 on a quiet core
    preview_seconds: int = 120  # for reviewers' comfort only: a clip that takes longer has no preview


DEFAULT_LIMITS = MediaLimits()


def web_safe(mime: str, codec: str, pixel_format: str, audio_codec: str) -> bool:
    """Return whether every current browser plays a file: by its type as we found it, and its codecs as libav names them."""
    if mime == "video/mp4":
        return codec in {"h264"} and pixel_format in {"yuv420p", "yuvj420p"} and audio_codec in {"", "aac", "mp3"}
    if mime == "video/webm":
        return codec in {"vp8", "vp9", "av1"} and audio_codec in {"", "opus", "vorbis"}
    return False
