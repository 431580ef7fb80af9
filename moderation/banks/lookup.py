"""What a picture or a hash would meet in the banks: for people who ask why something matched, or why not. Stores nothing."""

from dataclasses import dataclass
from typing import IO

from moderation.detection.hashes.detector import BankIndex, Match
from moderation.detection.hashes.pdq import PDQ_MAX_DISTANCE, PDQ_MIN_QUALITY
from moderation.detection.media.limits import MediaRejected
from moderation.detection.media.sniff import HEAD_BYTES, sniff
from moderation.detection.media.stills import picture_of
from moderation.detection.media.storage import hash_file
from policies.choices import Outcome

#: How far away an entry may be to be shown; chance pairs are 128 bits apart, and below 90 one in a million is.
SHOWN_DISTANCE = 90
#: Entries shown.
SHOWN = 24


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked up. quality: 0 to 100, None where only a hash was given. Either hash may be absent."""

    pdq: str = ""
    quality: int | None = None
    sha256: str = ""

    @property
    def is_usable(self) -> bool:
        """Whether the picture has enough structure for its PDQ to count."""
        return self.quality is None or self.quality >= PDQ_MIN_QUALITY


@dataclass(frozen=True, slots=True)
class Near:
    """One entry, and what would follow. outcome: None where nothing would, and `why_not` says so."""

    match: Match
    outcome: Outcome | None
    why_not: str

    @property
    def is_within(self) -> bool:
        """Whether the distance alone makes it the same picture."""
        return self.match.distance <= PDQ_MAX_DISTANCE


def ask_by_file(file: IO[bytes]) -> Asked:
    """Return the hashes of a still, decoded under the limits of uploads. The file is read and not kept.

    Raises:
        MediaRejected: not a still, or not decodable within the limits.
    """
    file.seek(0)
    if sniff(file.read(HEAD_BYTES)).family != "image":
        raise MediaRejected("not_an_image", "This is no still picture; take a frame of the clip.")
    sha256, _ = hash_file(file)
    picture, _ = picture_of(file, role="media", sha256=sha256)
    assert picture.pdq is not None  # noqa: S101  (picture_of always hashes)
    return Asked(*picture.pdq, sha256)


def ask_by_value(value: str) -> Asked:
    """Return what 64 hexadecimal digits may stand for: PDQ and SHA-256 look alike, so they are looked up as both."""
    return Asked(pdq=value, sha256=value)


def nearest(asked: Asked, index: BankIndex, slugs: frozenset[str]) -> list[Near]:
    """Return the entries of the named banks that are the same file or the nearest pictures, nearest first."""
    exact = index.exactly(asked.sha256, slugs=slugs) if asked.sha256 else []
    similar = index.nearest(asked.pdq, max_distance=SHOWN_DISTANCE, n=SHOWN, slugs=slugs) if asked.pdq else []
    return [_near(match, asked) for match in [*exact, *similar]]


def differing(a: str, b: str) -> str:
    """Return the bits in which two hashes differ, as a hash."""
    return f"{int(a, 16) ^ int(b, 16):064x}"


def _near(match: Match, asked: Asked) -> Near:
    why_not = _why_not(match, asked)
    return Near(match, None if why_not else match.entry.outcome, why_not)


def _why_not(match: Match, asked: Asked) -> str:
    if match.distance > PDQ_MAX_DISTANCE:
        return "too far"
    if match.entry.algorithm == "pdq" and not asked.is_usable:
        return "too little structure"
    return "" if match.entry.is_enabled else "not in force"
