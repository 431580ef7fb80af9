"""What a file is, by its first bytes. Names and declared types are never looked at."""

from dataclasses import dataclass

from moderation.detection.media.limits import MediaRejected

#: So many bytes decide.
HEAD_BYTES = 64


@dataclass(frozen=True, slots=True)
class SniffedType:
    """A type we know: MIME type, and family `video`, `image` or `audio`."""

    mime: str
    family: str


_IMAGE_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1")
_AUDIO_BRANDS = (b"M4A ", b"M4B ")


def sniff(head: bytes) -> SniffedType:
    """Return the type of a file.

    Args:
        head: its first HEAD_BYTES bytes, or all of a shorter file.

    Raises:
        MediaRejected: empty, or nothing that we take (unsupported_type).
    """
    if not head:
        raise MediaRejected("empty", "The file is empty.")
    found = _by_magic(head)
    if found is None:
        raise MediaRejected(
            "unsupported_type",
            "The file's content is none of MP4, MOV, WebM, Matroska, JPEG, PNG, WebP or GIF.",
        )
    return found


def _by_magic(head: bytes) -> SniffedType | None:
    for magic, mime, family in (
        (b"\xff\xd8\xff", "image/jpeg", "image"),
        (b"\x89PNG\r\n\x1a\n", "image/png", "image"),
        (b"GIF87a", "image/gif", "image"),
        (b"GIF89a", "image/gif", "image"),
        (b"fLaC", "audio/flac", "audio"),
        (b"OggS", "audio/ogg", "audio"),
        (b"ID3", "audio/mpeg", "audio"),
    ):
        if head.startswith(magic):
            return SniffedType(mime, family)
    return _by_box(head)


def _by_box(head: bytes) -> SniffedType | None:
    kind, brand = head[:4], head[8:12]
    if head[4:8] == b"ftyp":
        return _iso(brand)
    if kind == b"RIFF" and brand in (b"WEBP", b"WAVE"):
        return SniffedType("image/webp", "image") if brand == b"WEBP" else SniffedType("audio/wav", "audio")
    if kind == b"FORM" and brand in (b"AIFF", b"AIFC"):
        return SniffedType("audio/aiff", "audio")
    if kind == b"\x1a\x45\xdf\xa3":
        return SniffedType("video/webm" if b"webm" in head else "video/x-matroska", "video")
    return None


def _iso(brand: bytes) -> SniffedType | None:
    if brand in _IMAGE_BRANDS:
        return None
    if brand in _AUDIO_BRANDS:
        return SniffedType("audio/mp4", "audio")
    return SniffedType("video/quicktime" if brand == b"qt  " else "video/mp4", "video")
