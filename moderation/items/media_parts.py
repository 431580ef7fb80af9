"""Which stored file a part of an item is. Says nothing about who may have it."""

from dataclasses import dataclass
from uuid import UUID

from moderation.db.statements import run_first
from moderation.gate.media_urls import Part

_FILE = "SELECT i.id, f.storage_key, f.sha256, f.mime, f.n_bytes FROM moderation_item i"
_UPLOADED = f"{_FILE} JOIN moderation_mediafile f ON f.id = i.{{column}} WHERE i.key = %s"
_MADE = f"""
    {_FILE} JOIN moderation_derivedfile f ON f.file_id = i.media_id
    WHERE i.key = %s AND f.kind = %s AND f.storage_key <> '' ORDER BY f.id DESC LIMIT 1
"""
# A frame of the clip tells more than the cover that its uploader chose.
_THUMB = f"""
    {_FILE} JOIN moderation_derivedfile f ON f.file_id IN (i.media_id, i.cover_id)
    WHERE i.key = %s AND f.kind = %s AND f.storage_key <> '' ORDER BY f.file_id = i.media_id DESC, f.id DESC LIMIT 1
"""
_COLUMNS = {Part.MEDIA: "media_id", Part.COVER: "cover_id"}


@dataclass(frozen=True, slots=True)
class ItemFile:
    """A file of an item: where it lies now, and what we found by looking at it."""

    item_id: int
    key: str
    sha256: str
    mime: str
    n_bytes: int


def item_file(item_key: UUID, part: Part) -> ItemFile | None:
    """Return the file of a part of an item; None where there is no such item, or it has no such part. One query."""
    if column := _COLUMNS.get(part):
        row = run_first(_UPLOADED.format(column=column), [item_key]).fetchone()
    else:
        statement = _THUMB if part is Part.THUMB else _MADE
        row = run_first(statement, [item_key, part.value]).fetchone()
    return ItemFile(*row) if row else None
