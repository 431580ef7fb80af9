"""Thumbnails: one small still of an item for lists, made once a file, from what is stored of it already.

Of a clip it is the middle cell of its contact sheet, or its cover until there is one. It is never made of a restricted item.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog
from PIL import Image

from moderation.detection.media.limits import MediaRejected, MediaStorageFull
from moderation.detection.media.stills import decode_image
from moderation.detection.media.storage import local_copy, save_upload
from moderation.files.keys import rekey_late
from moderation.gate.media_urls import Part
from moderation.items.media_parts import ItemFile, item_file
from moderation.items.visibility import item_hides_media
from moderation.models import DerivedFile, Item, MediaFile

log = structlog.get_logger(__name__)

#: Of the code that makes thumbnails.
VERSION = "1"
#: Longer side in pixels: enough to know a picture again, too little to be harmed by it; some 5 kB.
SIDE = 192
_QUALITY = 72
_FOLDER = "derived"


def thumb_fetch(item: Item) -> ItemFile | None:
    """Return an item's thumbnail, made now where it was never asked for; None where there is none, or it cannot be made."""
    if item_hides_media(item):
        return None
    found = item_file(item.key, Part.THUMB)
    if found is None and thumb_make(item):
        found = item_file(item.key, Part.THUMB)
    return found


def thumb_make(item: Item) -> bool:
    """Make and keep an item's thumbnail; False where nothing of it can be made into one. Never raises for a bad file."""
    for file in (item.media, item.cover):
        try:
            if file is not None and (picture := _picture_of(file)) is not None:
                _keep(file, picture)
                return True
        except (MediaRejected, MediaStorageFull, OSError, ValueError, KeyError) as error:
            log.warning("thumb_not_made", sha256=file.sha256 if file else "", error=type(error).__name__)
    return False


def _picture_of(file: MediaFile) -> Image.Image | None:
    """Return the picture that stands for a file, not yet reduced; None of a clip whose contact sheet is not there yet."""
    if not file.is_video:
        with local_copy(file.storage_key) as path:
            return Image.fromarray(decode_image(path, side=SIDE).pixels)
    sheet = file.derived.filter(kind=DerivedFile.Kind.SHEET).exclude(storage_key="").order_by("-pk").first()
    if sheet is None:
        return None
    with local_copy(sheet.storage_key) as path:
        return _middle_cell(path, sheet.data)


def sheet_thumb_keep(file: MediaFile, path: Path, data: Mapping[str, Any]) -> None:
    """Keep the thumbnail of a clip whose contact sheet was just made.

    Raises:
        MediaStorageFull: there is no room for it.
    """
    _keep(file, _middle_cell(path, data))


def _middle_cell(path: Path, data: Mapping[str, Any]) -> Image.Image:
    """Return the middle cell of a contact sheet, which is ours and small.

    Raises:
        OSError, ValueError, KeyError: the file or its row is not what it should be.
    """
    at, columns, width, height = len(data["times"]) // 2, data["columns"], data["width"], data["height"]
    left, top = at % columns * width, at // columns * height
    with Image.open(path, formats=["WEBP"]) as sheet:
        return sheet.convert("RGB").crop((left, top, left + width, top + height))


def _keep(file: MediaFile, picture: Image.Image) -> None:
    picture.thumbnail((SIDE, SIDE))
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=_QUALITY)
    stored = save_upload(content, folder=_FOLDER)
    made = {
        "data": {"width": picture.width, "height": picture.height}, "mime": "image/jpeg",
        "sha256": stored.sha256, "storage_key": stored.key, "n_bytes": stored.n_bytes,
    }  # fmt: skip
    # Made twice at once: the last one is as good as the first.
    DerivedFile.objects.update_or_create(file=file, kind=DerivedFile.Kind.THUMB, version=VERSION, defaults=made)
    rekey_late(file)
