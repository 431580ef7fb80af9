"""What deep detectors share: the clip (or still) they look at, and what each must offer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from moderation.detection.media.sandbox import FrameHash, SampledFrame
from moderation.detection.readers import Readers
from moderation.detection.types import Basis, Declaration, Finding, Lookup, Result
from policies.choices import ItemKind, Stage


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


class DeepDeclaration(Declaration, Protocol):
    """What a deep detector's class says of it."""

    @property
    def reads_sound(self) -> bool:
        """Whether it needs the sound track."""
        ...

    @property
    def looks_up(self) -> frozenset[Lookup]:
        """The lists that are held against what it keeps."""
        ...


class DeepDetector(DeepDeclaration, Protocol):
    """A slow detector. Its result depends on the file and its own version only, so it is kept and used again.

    What follows from a kept result under the lists of a moment is `interpret`; `scan` is the part of it that lists alone say.
    """

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

    def result_from_kept(self, sha256: str) -> Result | None:
        """Return what this version makes of a file that it looked at before; None where it has to look again."""
        ...

    def interpret(self, result: Result, readers: Readers) -> Result:
        """Return a result, new or kept, with its findings: a missing one as well, for what was understood all the same.

        Never asked where there was nothing to look at.

        Raises:
            Exception: a list that it needs is not known; the item is judged later.
        """
        ...

    def scan(self, payload: Mapping[str, Any], readers: Readers) -> Sequence[Finding]:
        """Return the findings that follow from lists alone; the payload may be of any version, and of a missing result."""
        ...


class DeepDefaults:
    """What most deep detectors have in common; each says where it differs."""

    stage = Stage.DEEP
    categories: ClassVar[tuple[str, ...]] = ()
    languages: ClassVar[frozenset[str] | None] = None
    kinds = frozenset({ItemKind.VIDEO, ItemKind.IMAGE})
    basis = Basis.CONTENT
    reads_sound = False
    looks_up: ClassVar[frozenset[Lookup]] = frozenset()

    def result_from_kept(self, sha256: str) -> Result | None:
        """None: nothing but the result is kept, so it has to look again."""
        return None

    def scan(self, payload: Mapping[str, Any], readers: Readers) -> Sequence[Finding]:
        """Find nothing: what it keeps is held against no list."""
        return ()
