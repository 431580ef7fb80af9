"""The last word before a process serves: its settings are checked whatever it was started with, and it says what it runs as."""

import os
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.checks import CheckMessage, run_checks
from django.core.management.base import BaseCommand

from moderation.detection.media.sandbox_settings import confinement

log = structlog.get_logger(__name__)

#: The tag of our own checks; those of Django and of packages run with commands, as usual.
TAG = "gatehouse"


def start_checked(role: str) -> None:
    """Stop this process where a check finds an error, else log what it runs as. Nothing that it writes is for everybody to read.

    Called by what serves: web processes, workers, the schedule, the relay. Checks that were silenced or skipped count as well.

    Args:
        role: what the process is, for the log.

    Raises:
        SystemExit: with a sentence for each error.
    """
    os.umask(os.umask(0o027) | 0o027)
    found = run_checks(tags=[TAG], databases=["default"])
    if errors := [message for message in found if message.is_serious()]:
        raise SystemExit(f"Gatehouse ({role}) does not start:\n" + "\n".join(map(_sentence, errors)))
    for message in found:
        log.warning("checked", id=message.id, found=message.msg)
    log.info("starting", role=role, **runs_as())


def _sentence(message: CheckMessage) -> str:
    return f"- {message.id}: {message.msg} {message.hint or ''}"


class ServingCommand(BaseCommand):
    """A command that serves: `--skip-checks` does not hold for it."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run it after the checks."""
        start_checked(self.__module__.rpartition(".")[2])
        return super().execute(*args, **options)


def runs_as() -> dict[str, str]:
    """Return what this process runs as, without secrets: environment, servers and their roles, files, and what protects them."""
    roles = ", ".join(sorted(settings.MFA_REQUIRED_ROLES))
    return {
        "environment": settings.ENVIRONMENT,
        "database": _database(),
        "redis": _place(settings.REDIS_URL),
        "broker": _place(settings.CELERY_BROKER_URL),
        "media": _media(),
        "tls": "required" if settings.SECURE_SSL_REDIRECT else "off",
        "second_factor": f"required of {roles}" if roles else "as people like",
        "mail": settings.EMAIL_BACKEND.split(".")[-2],
        "metrics": "with a token" if settings.METRICS_TOKEN else "for this machine",
        "decoders": str(confinement()),
    }  # fmt: skip


def _database() -> str:
    used = settings.DATABASES["default"]
    return f"{used['NAME']} at {used['HOST'] or 'the default socket'} as {used['USER'] or 'the default role'}"


def _place(url: str) -> str:
    """Return where an address points to; never who, with what or how."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _media() -> str:
    if settings.MEDIA_BACKEND == "s3":
        return f"bucket {settings.STORAGES['default']['OPTIONS']['bucket_name']}"
    return f"files in {settings.MEDIA_ROOT}"
