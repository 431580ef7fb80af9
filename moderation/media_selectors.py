"""Which stored file a part of an item is. Says nothing about who may have it."""

from dataclasses import dataclass
from uuid import UUID

from moderation.media_urls import Part
from moderation.models import DerivedFile, Item


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
    if part in {Part.MEDIA, Part.COVER}:
        columns = (f"{part}__{name}" for name in ("storage_key", "sha256", "mime", "n_bytes"))
        row = Item.objects.filter(key=item_key, **{f"{part}__isnull": False}).values_list("pk", *columns).first()
    else:
        made = DerivedFile.objects.filter(file__items__key=item_key, kind=part.value, storage_key__gt="").order_by(
            "-pk"
        )
        row = made.values_list("file__items__pk", "storage_key", "sha256", "mime", "n_bytes").first()
    return ItemFile(*row) if row else None
