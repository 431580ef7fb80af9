"""Addresses of stored media. None of them grants anything: whoever answers one asks again whether it may.

A feed's address names an item, a part of it, the viewer that the gate cleared it for, and when it ends; it is signed. A
reviewer's address names an item and a part, and is worth nothing without the session of somebody who may see that item.
Neither names a file, so that files can be moved.
"""

import base64
import hashlib
import hmac
import re
import time
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from moderation.gate.door import Cleared, Viewer, require_cleared
from policies.choices import Band

#: Addresses made within this share of their life of each other are equal, so that browsers find again what they keep.
_STEPS = 5
_MAC_BYTES = 24
_SIGNED = re.compile(r"([0-9a-f]{32})\.([mc])\.([0-3])\.([A-Z]{2})?\.([0-9a-f]{1,10})\.([\w-]{32})", re.ASCII)


class Part(StrEnum):
    """What of an item is shown: what was uploaded, or what was made of it for people."""

    MEDIA = "media"
    COVER = "cover"
    PREVIEW = "preview"
    SHEET = "sheet"
    THUMB = "thumb"


#: The parts that feeds show, by their letter in an address.
_LETTERS = {Part.MEDIA: "m", Part.COVER: "c"}
_PARTS = {letter: part for part, letter in _LETTERS.items()}


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a feed's address says: that the gate cleared an item for a viewer once, and until when it is worth asking again.

    `ends_at` is in seconds of the Unix epoch.
    """

    item_key: UUID
    part: Part
    viewer: Viewer
    ends_at: int


def feed_url(token: Cleared, *, viewer: Viewer, item_key: UUID, part: Part, now: float | None = None) -> str:
    """Return the address of a part of a cleared item, for as long as MEDIA_ADDRESS_SECONDS, or up to a fifth less.

    Args:
        token: the gate's own, for this viewer.
        now: seconds of the Unix epoch.

    Raises:
        TypeError: the token is not one that the gate made.
    """
    require_cleared(token)
    life = settings.MEDIA_ADDRESS_SECONDS
    step = max(life // _STEPS, 1)
    ends_at = int(time.time() if now is None else now) // step * step + life
    says = f"{item_key.hex}.{_LETTERS[part]}.{viewer.band:d}.{viewer.region}.{ends_at:x}"
    return f"{settings.MEDIA_URL}{says}.{_mac(says, settings.SECRET_KEY)}"


def ticket_read(signed: str, now: float) -> Ticket | None:
    """Return what a feed's address says; None where it is forged or over at `now`, in seconds of the Unix epoch."""
    match = _SIGNED.fullmatch(signed)
    if match is None or not _is_ours(*signed.rsplit(".", 1)):
        return None
    key, letter, band, region, ends_at, _ = match.groups()
    ticket = Ticket(UUID(hex=key), _PARTS[letter], Viewer(Band(int(band)), region or ""), int(ends_at, 16))
    return ticket if now < ticket.ends_at else None


def reviewer_url(item_key: UUID, part: Part) -> str:
    """Return where people with a session load a part of an item, if they may see it."""
    return reverse("item_media", args=[item_key, part.value])


def _is_ours(says: str, mac: str) -> bool:
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return any(hmac.compare_digest(mac, _mac(says, str(secret))) for secret in secrets)


def _mac(says: str, secret: str) -> str:
    # One keyed hash, a microsecond: a slate signs one for each of its items.
    digest = hashlib.blake2b(says.encode(), key=_key_of(secret), digest_size=_MAC_BYTES).digest()
    return base64.urlsafe_b64encode(digest).decode()


@lru_cache(maxsize=8)
def _key_of(secret: str) -> bytes:
    return hashlib.blake2b(b"moderation.gate.media_urls", key=hashlib.sha512(secret.encode()).digest()).digest()
