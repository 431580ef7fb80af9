"""The pictures behind a match: what of the upload matched, and the same of an upload whose hash the bank's is.

Banks keep hashes and no pictures; where an upload of ours has the very hash of an entry, its picture is the entry's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractUser

from moderation.gate.media_urls import Part
from moderation.items.queries import items_search
from moderation.items.visibility import banks_visible, items_restricted
from moderation.models import Finding, HashMatch, Item


@dataclass(frozen=True, slots=True)
class Picture:
    """A part of an item, of a clip at a moment (ms)."""

    item_key: UUID
    part: Part
    is_video: bool
    at_ms: int | None = None


def picture_of(item: Item, where: Mapping[str, Any]) -> Picture | None:
    """Return what of an item a match was found in; None where it has no such part."""
    if where.get("role") == "cover":
        return Picture(item.key, Part.COVER, is_video=False) if item.cover else None
    if item.media is None:
        return None
    at = where.get("frame_ms")
    return Picture(item.key, Part.MEDIA, item.media.is_video, int(at) if at is not None else None)


def picture_kept(user: AbstractUser, entry_key: str, *, but: Item) -> Picture | None:
    """Return the picture of an entry: of the first other upload with its very hash that the user may look at; None without one.

    Of child-safety banks there is never one, whoever asks.
    """
    open_banks = banks_visible(user).filter(is_child_safety=False)
    same = HashMatch.objects.filter(entry__key=entry_key, entry__bank__in=open_banks, distance=0).exclude(item=but)
    seen = same.filter(item__in=items_search(user).order_by().values("pk")).exclude(item__in=items_restricted())
    match = seen.select_related("item__media", "item__cover").order_by("found_at", "pk").first()
    if match is None:
        return None
    found = Finding.objects.filter(item=match.item, where__entry=entry_key, where__distance=0).order_by("-pk").first()
    return picture_of(match.item, found.where if found else {})
