"""Addresses of stored media that expire: a signature instead of a session, so that players of feed clients can load them.

Who may be handed such an address is decided by whoever asks for it: the gate for feeds, access rules for reviewers.
"""

import time

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.signing import BadSignature, TimestampSigner, b62_encode

#: How long an address works, in seconds: long enough to watch a page of clips, short enough not to be passed on.
VALID_SECONDS = 3_600
#: Addresses made within this many seconds of each other are equal, so that browsers can cache what they name.
_STEP_SECONDS = 600


class _SteppedSigner(TimestampSigner):
    """Signs with a time rounded down to the step."""

    def timestamp(self) -> str:
        """Return the current step in base 62."""
        return b62_encode(int(time.time()) // _STEP_SECONDS * _STEP_SECONDS)


_signer = _SteppedSigner(salt="moderation.media")


def media_url(storage_key: str) -> str:
    """Return an address of a stored file that works for the next VALID_SECONDS less up to ten minutes.

    Under S3 it is the bucket's own signed address; otherwise a path on this server.
    """
    if settings.MEDIA_BACKEND == "s3":
        return default_storage.url(storage_key)
    return f"{settings.MEDIA_URL}{_signer.sign(storage_key)}"


def media_key(signed: str) -> str | None:
    """Return the storage key that an address was made for; None where it is forged or too old."""
    try:
        return _signer.unsign(signed, max_age=VALID_SECONDS)
    except BadSignature:
        return None
