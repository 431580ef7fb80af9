"""One file on the bench of a worker: fetched and taken apart when the first detector without a kept result asks."""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from moderation.detection.clip import ClipSubject
from moderation.detection.hashes.pdq import pdq_of
from moderation.detection.media.limits import MediaExaminationFailed, MediaRejected
from moderation.detection.media.sandbox import Examination, SampledFrame, examine
from moderation.detection.media.stills import decode_image
from moderation.detection.media.storage import local_copy
from moderation.files.derived import samples_fetch, samples_keep, views_keep
from moderation.models import MediaFile
from policies.choices import ItemKind

#: Long side in pixels at which stills are read.
_READ_SIDE = 960
#: A file that breaks the decoder, or its limits, on so many attempts is to blame for it.
_BLAMED_AT_ATTEMPT = 2


@dataclass
class Workbench:
    """A file, and what it was taken apart into, for as long as the stack is open.

    Args:
        attempt: how often this work was begun, from 1.
        want_audio: whether a detector will listen.
    """

    file: MediaFile
    kind: ItemKind
    stack: ExitStack
    want_audio: bool
    attempt: int = 1
    clip: ClipSubject | None = None
    taken: Examination | None = None
    workdir: Path = field(default_factory=Path)
    rejected: MediaRejected | None = None

    def subject(self) -> ClipSubject:
        """Return the file taken apart.

        Raises:
            MediaRejected: it cannot be decoded, now or ever.
            MediaExaminationFailed: it could not be decoded this time.
            OSError: storage does not give it.
        """
        if self.rejected:
            raise self.rejected
        if self.clip is None:
            try:
                self.clip = self._clip() if self.file.is_video else self._still()
            except MediaRejected as error:
                self.rejected = error
                raise
            except MediaExaminationFailed as error:
                self.rejected = _blame(error, self.attempt)
                raise (self.rejected or error) from error
        return self.clip

    def share(self) -> bool:
        """Keep what the clip was taken apart into for other workers; a still is quick enough to decode again.

        Returns:
            False where the file cannot be decoded: other workers would only find the same.

        Raises:
            MediaExaminationFailed, OSError: as `subject`.
        """
        try:
            self.subject()
        except MediaRejected:
            return False
        if self.taken is not None and self.taken.sheet is not None:  # not fetched from what was shared before
            samples_keep(file=self.file, taken=self.taken, workdir=self.workdir, has_sound=self.want_audio)
        return True

    def _clip(self) -> ClipSubject:
        self.workdir = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="gh-deep-")))
        fetched = samples_fetch(file=self.file, workdir=self.workdir, want_audio=self.want_audio)
        if fetched is None:
            path = self.stack.enter_context(local_copy(self.file.storage_key))
            fetched = examine(path, self.workdir, want_audio=self.want_audio)
            views_keep(file=self.file, taken=fetched, path=path, workdir=self.workdir)
        self.taken = fetched
        return ClipSubject(
            self.kind, self.file.sha256, fetched.frames, fetched.audio, fetched.probe.has_audio, fetched.track
        )

    def _still(self) -> ClipSubject:
        """Return an image as a clip of one frame."""
        path = self.stack.enter_context(local_copy(self.file.storage_key))
        workdir = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="gh-deep-")))
        copy = workdir / "still.jpg"
        Image.fromarray(decode_image(path, side=_READ_SIDE).pixels).save(copy, "JPEG", quality=92)
        frame = SampledFrame(0, "scene", copy, *pdq_of(decode_image(path).pixels))
        return ClipSubject(self.kind, self.file.sha256, (frame,), None, has_audio=False)


def _blame(error: MediaExaminationFailed, attempt: int) -> MediaRejected | None:
    """Return a rejection for a file that broke the decoder again; a decoder that could not be asked says nothing of it."""
    if error.reason == "unavailable" or attempt < _BLAMED_AT_ATTEMPT:
        return None
    return MediaRejected(
        "undecodable", f"The clip cannot be decoded within the limits on time and memory ({error.reason})."
    )
