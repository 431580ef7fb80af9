"""How decoders are confined on this machine, by the settings, and whether it holds."""

from functools import cache
from typing import Any

from django.conf import settings

from moderation.detection.media.lockdown import Confinement, try_out


def decoder_terms() -> dict[str, Any]:
    """Return what the sandbox is started with; see sandbox_worker.py."""
    return {
        "means": settings.MEDIA_CONFINEMENT,
        "uid": settings.MEDIA_DECODER_UID,
        "is_required": settings.MEDIA_CONFINEMENT_REQUIRED,
    }


@cache
def confinement() -> Confinement:
    """Return what holds a decoder here, tried once a process: whether it gets at our data and settings by any means."""
    private = [settings.VAR_DIR, settings.VAR_DIR / "secret_key", settings.BASE_DIR / ".env"]
    if settings.MEDIA_BACKEND == "file":
        private.append(settings.MEDIA_ROOT)
    found = [path for path in private if path.exists()]
    return try_out(private=found, means=settings.MEDIA_CONFINEMENT, uid=settings.MEDIA_DECODER_UID)
