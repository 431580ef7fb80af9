"""What deep detectors share: the clip (or still) they look at, and how their results are kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from moderation.detection.media.sandbox import FrameHash, SampledFrame
from moderation.detection.types import Result
from policies.choices import ItemKind, Stage

_PICTURES = frozenset({ItemKind.VIDEO, ItemKind.IMAGE})
#: What each deep detector looks at.
LOOKS_AT = {"frames": _PICTURES, "ocr": _PICTURES, "speech": frozenset({ItemKind.VIDEO}), "vision": _PICTURES}


def nothing_to_look_at(kind: ItemKind) -> tuple[Result, ...]:
    """Return the results of the deep detectors that a kind of item has nothing for: not applicable, which is not missing."""
    return tuple(Result(name, "none", not_applicable=True) for name, kinds in LOOKS_AT.items() if kind not in kinds)


@dataclass(frozen=True, slots=True)
class ClipSubject:
    """A file taken apart. For an image there is one frame at 0 ms and no sound.

    `has_audio` None: nobody could tell. `track`: the hashes of the frames and of more between them; none for an image.
    """

    kind: ItemKind
    sha256: str
    frames: tuple[SampledFrame, ...]
    audio: Path | None
    has_audio: bool | None
    track: tuple[FrameHash, ...] = ()


class DeepDetector(Protocol):
    """A slow detector. Its result depends on the file and its own version only, so it is kept and used again."""

    name: str
    stage: Stage
    kinds: frozenset[ItemKind]

    @property
    def version(self) -> str:
        """Names code and model: another version is another result."""
        ...

    @property
    def is_configured(self) -> bool:
        """Whether it has the model it needs; without, it is missing and the file need not be opened for it."""
        ...

    def run(self, clip: ClipSubject) -> Result:
        """Return the result with its payload; raising means missing (failed) after retries."""
        ...
