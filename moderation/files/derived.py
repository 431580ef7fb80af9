"""Keeping what was made from a file: contact sheet, waveform and preview for people, samples for other workers.

All of it can be made again, so a race or a full disk loses nothing that matters.
"""

import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from django.conf import settings
from django.core.files.storage import default_storage

from moderation.detection.media import samples
from moderation.detection.media.limits import MediaExaminationFailed, MediaRejected, MediaStorageFull, web_safe
from moderation.detection.media.sandbox import Examination, Preview, preview
from moderation.detection.media.storage import local_copy, save_upload
from moderation.files.keys import rekey_late
from moderation.files.thumbs import sheet_thumb_keep
from moderation.models import DerivedFile, MediaFile

log = structlog.get_logger(__name__)
Kind = DerivedFile.Kind

#: Of the code that makes sheets, waveforms and previews.
VERSION = "1"
_FOLDER = "derived"


def views_keep(*, file: MediaFile, taken: Examination, path: Path, workdir: Path) -> None:
    """Keep what reviewers see of a clip that was just examined; a preview only where browsers do not play the clip.

    Never raises for want of room or of a preview: the deep pass goes on without them.
    """
    try:
        if taken.sheet:
            sheet = taken.sheet
            data = {"columns": sheet.columns, "width": sheet.width, "height": sheet.height, "times": list(sheet.times)}
            _keep(file, Kind.SHEET, VERSION, data, sheet.path, "image/webp")
            sheet_thumb_keep(file, sheet.path, data)
        if taken.waveform:
            wave = taken.waveform
            data = {"peaks": wave.peaks, "duration_ms": wave.duration_ms, "is_silent": wave.is_silent}
            _keep(file, Kind.WAVEFORM, VERSION, data)
        if not web_safe(file.mime, taken.probe.codec, taken.probe.pixel_format, taken.probe.audio_codec):
            _keep_preview(file, preview(path, workdir))
    except (MediaStorageFull, MediaRejected, MediaExaminationFailed) as error:
        log.warning("derived_not_kept", sha256=file.sha256, error=str(error))


def _keep_preview(file: MediaFile, made: Preview) -> None:
    _keep(file, Kind.PREVIEW, VERSION, {"width": made.width, "height": made.height}, made.path, "video/mp4")


def samples_keep(*, file: MediaFile, taken: Examination, workdir: Path, has_sound: bool) -> None:
    """Keep a clip's frames, and its sound if that was asked for, for the workers that its other detectors run on."""
    packed = workdir / "samples.zip"
    samples.pack(taken, packed)
    _keep(file, Kind.SAMPLES, _samples_version(has_sound), {}, packed, "application/zip")


def _samples_version(has_sound: bool) -> str:
    return f"{samples.VERSION}-{'sound' if has_sound else 'mute'}"


def samples_fetch(*, file: MediaFile, workdir: Path, want_audio: bool) -> Examination | None:
    """Return a clip's kept frames and sound as files in `workdir`; None where there are none that can be read."""
    fitting = [_samples_version(True)] + ([] if want_audio else [_samples_version(False)])
    kept = DerivedFile.objects.filter(file=file, kind=Kind.SAMPLES, version__in=fitting).first()
    if kept is None:
        return None
    try:
        with local_copy(kept.storage_key) as path:
            return samples.unpack(path, workdir)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        log.warning("samples_not_read", sha256=file.sha256, error=type(error).__name__)
        return None


def samples_sweep(*, now: datetime, limit: int = 500) -> int:
    """Remove samples that are old enough that no worker waits for them; return how many."""
    old = DerivedFile.objects.filter(
        kind=Kind.SAMPLES, created_at__lt=now - timedelta(hours=settings.DEEP_SAMPLES_HOURS)
    )
    rows = list(old.order_by("created_at")[:limit])
    for row in rows:
        # The row goes first: a worker that finds none takes the clip apart, one that finds a row without a file as well.
        row.delete()
        if not DerivedFile.objects.filter(storage_key=row.storage_key).exists():
            default_storage.delete(row.storage_key)
    return len(rows)


def _keep(
    file: MediaFile,
    kind: DerivedFile.Kind,
    version: str,
    data: dict[str, object],
    path: Path | None = None,
    mime: str = "",
) -> None:
    made: dict[str, object] = {"data": data, "mime": mime}
    if path is not None:
        with path.open("rb") as content:
            stored = save_upload(content, folder=_FOLDER)
        made |= {"sha256": stored.sha256, "storage_key": stored.key, "n_bytes": stored.n_bytes}
    # Samples that were swept and are needed again, or made twice at once: the last one is as good as the first.
    DerivedFile.objects.update_or_create(file=file, kind=kind, version=version, defaults=made)
    if path is not None:
        rekey_late(file)
