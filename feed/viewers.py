"""Viewers without their identity: keyed hashes, audience bands from what a client claims, marks of what was seen."""

import hashlib
import hmac
from functools import lru_cache

from django.conf import settings

from policies.choices import Band, band_of_age
from policies.untrusted import whole_number

#: A mark of 40 bits: among 400 marks and 600 candidates a false match happens once in millions of pages.
MARK_BYTES = 5
_MAC_BYTES = 6
#: Years; more is no age.
OLDEST = 120


@lru_cache(maxsize=1)
def _key_of(secret: str) -> bytes:
    return hashlib.blake2b(b"feed.viewers", key=secret.encode()[:64], digest_size=32).digest()


def _key(data: bytes, size: int) -> bytes:
    return hashlib.blake2b(data, key=_key_of(settings.SECRET_KEY), digest_size=size).digest()


def viewer_hash(viewer: str) -> str:
    """Return what is stored and logged of a viewer id: 32 hex digits, or nothing for nobody in particular."""
    return _key(b"viewer:" + viewer.encode(), 16).hex() if viewer else ""


def band_of_claim(age: str | None) -> Band:
    """Return the band of an age as a client wrote it; whatever is not 0 to 120 in ASCII digits is the youngest."""
    return band_of_age(whole_number(age or "", 0, OLDEST))


def mark_of_seen(item_id: int, history: str) -> bytes:
    """Return the mark by which a cursor remembers an item without telling its key; in another history it means no item."""
    return _key(b"seen:%d:" % item_id + history.encode(), MARK_BYTES)


def impression_make(nonce: bytes, region: str, item_id: int) -> str:
    """Return an impression id: 16 random bytes and the viewer's region, bound to the item, in hex."""
    body = nonce + (region.encode() if len(region) == 2 else b"--")
    return (body + _impression_mac(body, item_id)).hex()


def impression_region(impression_id: str, item_id: int) -> str | None:
    """Return the region that an impression was shown in, empty where unknown; None where the id is not one of ours."""
    try:
        raw = bytes.fromhex(impression_id)
        body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if len(body) != 18 or not hmac.compare_digest(mac, _impression_mac(body, item_id)):
            return None
        region = body[16:].decode("ascii")
    except ValueError:
        return None
    return "" if region == "--" else region


def _impression_mac(body: bytes, item_id: int) -> bytes:
    return _key(b"impression:%d:" % item_id + body, _MAC_BYTES)
