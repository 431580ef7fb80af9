"""System checks: combinations of settings that would start but must not run."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as CheckWarning

from console.roles import ROLES


@register(deploy=False)
def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the settings as a whole."""
    return [
        *_check_secret(),
        *_check_gate(),
        *_check_media(),
        *_check_speech(),
        *_check_second_factor(),
        *_check_production(),
    ]


def _check_secret() -> list[CheckMessage]:
    if len(settings.SECRET_KEY) >= 32:
        return []
    hint = "Set SECRET_KEY, or SECRET_KEY_FILE, to at least 32 random characters."
    return [Error("SECRET_KEY is missing or short.", hint=hint, id="gatehouse.E001")]


def _check_gate() -> list[CheckMessage]:
    if settings.GATE_POLL_MS * 3 <= settings.GATE_MAX_AGE_MS:
        return []
    hint = "Three polls must fit into the limit, or one slow poll empties the feed."
    return [Error("GATE_MAX_AGE_MS is less than three times GATE_POLL_MS.", hint=hint, id="gatehouse.E002")]


def _check_media() -> list[CheckMessage]:
    if settings.MEDIA_BACKEND not in {"file", "s3"}:
        return [Error(f"MEDIA_BACKEND={settings.MEDIA_BACKEND!r}.", hint="Use file or s3.", id="gatehouse.E003")]
    options = settings.STORAGES["default"].get("OPTIONS", {})
    if settings.MEDIA_BACKEND == "s3" and not options.get("bucket_name"):
        return [Error("MEDIA_BACKEND=s3 without a bucket.", hint="Set MEDIA_S3_BUCKET.", id="gatehouse.E004")]
    if settings.MEDIA_BACKEND == "s3" and not settings.MEDIA_CSP_ORIGINS:
        hint = "Set MEDIA_CSP_ORIGINS to the origin of the bucket's addresses, or browsers refuse to load media from there."
        return [CheckWarning("MEDIA_BACKEND=s3 without MEDIA_CSP_ORIGINS.", hint=hint, id="gatehouse.W002")]
    return []


def _check_speech() -> list[CheckMessage]:
    if settings.WHISPER_DEVICE in {"auto", "cpu", "cuda"}:
        return []
    return [Error(f"WHISPER_DEVICE={settings.WHISPER_DEVICE!r}.", hint="Use auto, cpu or cuda.", id="gatehouse.E007")]


def _check_second_factor() -> list[CheckMessage]:
    unknown = sorted(set(settings.MFA_REQUIRED_ROLES) - set(ROLES))
    if not unknown:
        return []
    hint = f"Name roles of these: {', '.join(ROLES)}; or none, alone."
    return [Error(f"MFA_REQUIRED_ROLES names {', '.join(unknown)}.", hint=hint, id="gatehouse.E040")]


def _check_production() -> list[CheckMessage]:
    if settings.ENVIRONMENT != "production":
        return []
    found: list[CheckMessage] = []
    if settings.DEMO_ENABLED:
        found.append(Error("Demo pages are on in production.", hint="Unset DEMO_ENABLED.", id="gatehouse.E005"))
    if settings.DEBUG:
        found.append(Error("DEBUG is on in production.", hint="Unset DEBUG.", id="gatehouse.E006"))
    if not settings.ALLOWED_HOSTS:
        found.append(CheckWarning("ALLOWED_HOSTS is empty.", hint="Name the hosts you serve.", id="gatehouse.W001"))
    return found
