"""Addresses of stored media that expire: a signature instead of a session, so that players of feed clients can load them.

Who may be handed such an address is decided by whoever asks for it: the gate for feeds, access rules for reviewers.
"""

import time

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.signing import BadSignature, TimestampSigner, b62_encode

#: How long an address works, in seconds: long enough to watch a page of clips, short enough not to be passed on.
VALID_SECONDS = 3_600
#: How long an address of the bucket's works: for one sitting in front of one clip, since a player comes back here for another.
OBJECT_SECONDS = 900
#: Addresses made within this many seconds of each other are equal, so that browsers can cache what they name.
_STEP_SECONDS = 600


class _SteppedSigner(TimestampSigner):
    """Signs with a time rounded down to the step."""

    def timestamp(self) -> str:
        """Return the current step in base 62."""
        return b62_encode(int(time.time()) // _STEP_SECONDS * _STEP_SECONDS)


_signer = _SteppedSigner(salt="moderation.media")


def media_url(storage_key: str) -> str:
    """Return an address of a stored file on this server that works for the next VALID_SECONDS less up to ten minutes.

    Under S3 the view behind it redirects to the bucket (`object_url`): so addresses are equal for browsers' caches, cost no
    signing until somebody loads them, and stop working here when the file is gone.
    """
    return f"{settings.MEDIA_URL}{_signer.sign(storage_key)}"


def object_url(storage_key: str, *, mime: str, disposition: str) -> str:
    """Return the bucket's own address of a file, good for OBJECT_SECONDS, under the type and disposition that we give it.

    A player asks for its byte ranges there; no byte goes through this server.
    """
    parameters = {
        "ResponseContentType": mime,
        "ResponseContentDisposition": disposition,
        "ResponseCacheControl": f"private, max-age={OBJECT_SECONDS}",
    }
    url: str = default_storage.url(storage_key, parameters=parameters, expire=OBJECT_SECONDS)  # type: ignore[call-arg]
    return url


def media_key(signed: str) -> str | None:
    """Return the storage key that an address was made for; None where it is forged or too old."""
    try:
        return _signer.unsign(signed, max_age=VALID_SECONDS)
    except BadSignature:
        return None
