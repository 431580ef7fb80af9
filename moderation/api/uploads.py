"""The files of an upload: checked by content, then stored, and removed again where the upload is refused after all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

import structlog
from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.db import DatabaseError, connection, transaction

from moderation.api.errors import INVALID, STORAGE_FULL, TOO_LARGE, UNAVAILABLE, UNSUPPORTED, Refused
from moderation.detection.media.limits import MediaExaminationFailed, MediaRejected, MediaStorageFull
from moderation.detection.media.sandbox import probe
from moderation.detection.media.sniff import HEAD_BYTES, SniffedType, sniff
from moderation.detection.media.stills import picture_of
from moderation.detection.media.storage import StoredFile, content_lock, discard, hash_file, save_upload
from moderation.detection.types import Picture
from moderation.intake.submit import UploadedMedia
from moderation.models import MediaFile

log = structlog.get_logger(__name__)

#: What a rejection by content means over HTTP; all others are 422: of the right type, and not acceptable.
_STATUS_OF = {"unsupported_type": UNSUPPORTED, "not_an_image": UNSUPPORTED}


@dataclass(frozen=True, slots=True)
class _Checked:
    """A file that may be stored."""

    file: UploadedFile[Any]
    role: str
    sha256: str
    n_bytes: int
    mime: str
    width: int
    height: int
    duration_ms: int | None = None
    picture: Picture | None = None


@contextmanager
def uploads_stored(
    *, kind: str, media: UploadedFile[Any] | None, cover: UploadedFile[Any] | None
) -> Iterator[tuple[UploadedMedia | None, UploadedMedia | None]]:
    """Check and store the files of an upload for the block; where the block raises, they leave no trace.

    1. check both, so that a bad cover costs no storage,
    2. store; the block writes the rows, under a lock on each content, and sees then that they are still there,
    3. after an error remove what is new, unless somebody else holds its lock or refers to it by now.

    Raises:
        Refused: 413, 415 or 422 for a file that is not acceptable, 507 where there is no room.
    """
    checked = [
        _check(file, role, family)
        for file, role, family in ((media, "media", kind), (cover, "cover", "image"))
        if file is not None
    ]
    if not checked:
        yield None, None
        return
    stored: list[StoredFile] = []
    try:
        by_role = {one.role: _store(one, stored) for one in checked}
        yield by_role.get("media"), by_role.get("cover")
    except BaseException:
        for one in stored:
            _forget(one)
        raise


def _check(file: UploadedFile[Any], role: str, family: str) -> _Checked:
    limit = settings.MEDIA_MAX_VIDEO_BYTES if family == "video" else settings.MEDIA_MAX_IMAGE_BYTES
    if (file.size or 0) > limit:
        raise Refused(
            TOO_LARGE, f"The file has {file.size} bytes; at most {limit} are allowed.", field=role, code="too_large"
        )
    try:
        sniffed = _sniff(file, role, family)
        return _check_video(file, role, sniffed) if family == "video" else _check_image(file, role, sniffed)
    except MediaRejected as error:
        raise Refused(_STATUS_OF.get(error.code, INVALID), error.detail, field=role, code=error.code) from error
    except MediaExaminationFailed as error:
        raise _not_examined(error, role) from error


def _sniff(file: UploadedFile[Any], role: str, family: str) -> SniffedType:
    file.seek(0)
    sniffed = sniff(file.read(HEAD_BYTES))
    if sniffed.family != family:
        detail = f"The file is of type {sniffed.mime} by its content; this needs {family}."
        raise Refused(UNSUPPORTED, detail, field=role, code="wrong_type")
    return sniffed


def _check_image(file: UploadedFile[Any], role: str, sniffed: SniffedType) -> _Checked:
    sha256, n_bytes = hash_file(_raw(file))
    picture, decoded = picture_of(_raw(file), role=role, sha256=sha256)
    return _Checked(file, role, sha256, n_bytes, sniffed.mime, decoded.width, decoded.height, picture=picture)


def _check_video(file: UploadedFile[Any], role: str, sniffed: SniffedType) -> _Checked:
    with _on_disk(file) as path:
        found = probe(path)
    sha256, n_bytes = hash_file(_raw(file))
    return _Checked(file, role, sha256, n_bytes, sniffed.mime, found.width, found.height, duration_ms=found.duration_ms)


def _raw(file: UploadedFile[Any]) -> IO[bytes]:
    raw: IO[bytes] = file.file  # type: ignore[assignment]
    raw.seek(0)
    return raw


@contextmanager
def _on_disk(file: UploadedFile[Any]) -> Iterator[Path]:
    """Yield a path of the file: small ones are in memory, and the decoder, another process, cannot see them there."""
    if isinstance(file, TemporaryUploadedFile):
        yield Path(file.temporary_file_path())
        return
    with NamedTemporaryFile(prefix="gh-upload-") as copy:
        copy.writelines(file.chunks())
        copy.flush()
        yield Path(copy.name)


def _not_examined(error: MediaExaminationFailed, role: str) -> Refused:
    log.warning("media_not_examined", reason=error.reason, role=role)
    if error.reason == "unavailable":
        return Refused(UNAVAILABLE, "Clips cannot be examined now; nothing was stored. Try again shortly.")
    return Refused(
        INVALID, "The clip cannot be decoded within the limits on time and memory.", field=role, code="damaged"
    )


def _store(one: _Checked, stored: list[StoredFile]) -> UploadedMedia:
    try:
        kept = save_upload(_raw(one.file), hashed=(one.sha256, one.n_bytes))
    except MediaStorageFull as error:
        raise Refused(STORAGE_FULL, str(error)) from error
    stored.append(kept)
    return UploadedMedia(
        sha256=kept.sha256,
        storage_key=kept.key,
        mime=one.mime,
        n_bytes=kept.n_bytes,
        width=one.width,
        height=one.height,
        duration_ms=one.duration_ms,
        picture=one.picture,
    )


def _forget(stored: StoredFile) -> None:
    """Remove a file that this upload brought, if nothing refers to it and nobody is about to."""
    if not stored.is_new:
        return
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [content_lock(stored.sha256)])
            is_ours = cursor.fetchone()[0]
            # By key as well: content that was moved away is not named by the object that this upload brought.
            named = MediaFile.objects.filter(sha256=stored.sha256, storage_key=stored.key)
            if is_ours and not named.exists():
                discard(stored)
    except (DatabaseError, OSError) as error:
        # Unused bytes are the lesser harm: without the database nobody can say that nothing refers to them.
        log.warning("media_left_behind", sha256=stored.sha256, error=type(error).__name__)
