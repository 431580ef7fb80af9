"""Who is calling the API: `Authorization: Api-Key <key>`."""

import re
import time
from datetime import timedelta
from typing import Any

import structlog
from django.db import DatabaseError, OperationalError, transaction
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.request import Request

from console.api.throttling import call_count
from console.models import ApiKey, hash_secret
from moderation.db.statements import columns_of, row_of, run, run_first

log = structlog.get_logger(__name__)

#: In the environment of a request: the key that was found, and counted, before its body was read.
KNOWN_KEY = "gatehouse.known_key"
#: How long a key that this process has seen is believed while the database is away. While it answers, every call asks it:
#: what is revoked or expired is refused by every process from the next call on, and nothing is kept.
KNOWN_SECONDS = 300.0
#: The last use is written at most so often, by whichever process comes first.
LAST_USE_SECONDS = 60.0
#: Every call passes here.
_FIND = f"""
    SELECT {columns_of(ApiKey)} FROM console_apikey
    WHERE secret_hash = %s AND is_active AND (expires_at IS NULL OR expires_at > clock_timestamp())
"""  # noqa: S608 # our columns
# A row that another process writes just now is left to it.
_USED = """
    UPDATE console_apikey SET last_used_at = %(now)s WHERE id = (
        SELECT id FROM console_apikey
        WHERE id = %(pk)s AND (last_used_at IS NULL OR last_used_at <= %(before)s) FOR NO KEY UPDATE SKIP LOCKED
    )
"""
_known: dict[str, tuple[float, ApiKey]] = {}
_KEY = re.compile(r"Api-Key ([\x21-\x7e]{20,200})")


class Unavailable(APIException):
    """Keys cannot be looked up now."""

    status_code = 503
    default_detail = "The database is away. Try again shortly."
    default_code = "unavailable"


class ApiKeyAuthentication(BaseAuthentication):
    """Finds the active key; the look-up is by hash, so its time tells nothing about stored secrets."""

    def authenticate(self, request: Request) -> tuple[ApiKey, ApiKey] | None:
        """Return the key, or None where no credentials were sent; count the call either way.

        Raises:
            AuthenticationFailed: the header is malformed, or the key is unknown or revoked.
            Throttled: the key, or the address without one, called too often.
        """
        if known := request.META.get(KNOWN_KEY):
            return known, known
        header = request.META.get("HTTP_AUTHORIZATION", "")
        key = _active_key(header)
        call_count(request, key)
        if key:
            return key, key
        if header:
            raise AuthenticationFailed(
                "The API key is malformed, unknown, expired or revoked. Send: Authorization: Api-Key <key>."
            )
        return None

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge, which makes refusals 401 rather than 403."""
        return "Api-Key"


def _active_key(header: str) -> ApiKey | None:
    match = _KEY.fullmatch(header)
    if match is None:
        return None
    secret_hash = hash_secret(match[1])
    try:
        row = run_first(_FIND, [secret_hash]).fetchone()
    except OperationalError:
        return _recall(secret_hash)
    if row is None:
        _known.pop(secret_hash, None)
        return None
    key = row_of(ApiKey, row)
    _known[secret_hash] = (time.monotonic(), key)
    _note_use(key)
    return key


def _note_use(key: ApiKey) -> None:
    """Write when a key was used, where the row says that this was not done within a minute. It is never worth a refusal."""
    now = timezone.now()
    before = now - timedelta(seconds=LAST_USE_SECONDS)
    if key.last_used_at is not None and key.last_used_at > before:
        return
    try:
        with transaction.atomic():
            run(_USED, {"now": now, "pk": key.pk, "before": before})
    except DatabaseError as error:
        log.warning("key_use_not_written", error=type(error).__name__)


def _recall(secret_hash: str) -> ApiKey | None:
    """Return a key that was valid shortly before the database went away.

    Without it a feed client would get an error of ours instead of the honest empty slate. Nothing else gains by it:
    every other endpoint needs the database, and the gate denies all once its view is old.
    """
    found_at, key = _known.get(secret_hash, (0.0, None))
    if key is None or time.monotonic() - found_at > KNOWN_SECONDS:
        raise Unavailable
    return None if key.is_expired(timezone.now()) else key


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes the key in the OpenAPI schema."""

    target_class = "console.api.authentication.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Api-Key <key>`"}
