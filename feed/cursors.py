"""Opaque, signed cursors: they remember which items were shown, so that a slate that changes still never repeats."""

import base64
import binascii
from collections.abc import Iterable

from django.core import signing

from feed import params
from feed.viewers import MARK_BYTES, mark_of_seen

_SALT = "feed.cursor"


class CursorError(Exception):
    """The cursor is not one of ours, or too old."""


def cursor_make(seen: Iterable[bytes], served: Iterable[int], history: str) -> str:
    """Return the cursor of the next page; the newest SEEN_MAX items are remembered, each as one of its history."""
    marks = [*seen, *(mark_of_seen(i, history) for i in served)][-params.SEEN_MAX :]
    text = base64.urlsafe_b64encode(b"".join(marks)).decode().rstrip("=")
    return signing.TimestampSigner(salt=_SALT).sign(text)


def cursor_read(cursor: str) -> tuple[bytes, ...]:
    """Return the marks of a cursor, oldest first.

    Raises:
        CursorError: it is forged, damaged or older than CURSOR_MAX_AGE_SECONDS.
    """
    try:
        text = signing.TimestampSigner(salt=_SALT).unsign(cursor, max_age=params.CURSOR_MAX_AGE_SECONDS)
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (signing.BadSignature, binascii.Error, ValueError) as error:
        raise CursorError from error
    return tuple(raw[i : i + MARK_BYTES] for i in range(0, len(raw), MARK_BYTES))
