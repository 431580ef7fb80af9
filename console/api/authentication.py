"""Who is calling the API: `Authorization: Api-Key <key>`."""

import re
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from console.api.throttling import call_count
from console.models import ApiKey, hash_secret

_KEY = re.compile(r"Api-Key ([\x21-\x7e]{20,200})")


class ApiKeyAuthentication(BaseAuthentication):
    """Finds the active key; the look-up is by hash, so its time tells nothing about stored secrets."""

    def authenticate(self, request: Request) -> tuple[ApiKey, ApiKey] | None:
        """Return the key, or None where no credentials were sent; count the call either way.

        Raises:
            AuthenticationFailed: the header is malformed, or the key is unknown or revoked.
            Throttled: the key, or the address without one, called too often.
        """
        header = request.META.get("HTTP_AUTHORIZATION", "")
        key = _active_key(header)
        call_count(request, key)
        if key:
            return key, key
        if header:
            raise AuthenticationFailed(
                "The API key is malformed, unknown or revoked. Send: Authorization: Api-Key <key>."
            )
        return None

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge, which makes refusals 401 rather than 403."""
        return "Api-Key"


def _active_key(header: str) -> ApiKey | None:
    match = _KEY.fullmatch(header)
    if match is None:
        return None
    return ApiKey.objects.filter(secret_hash=hash_secret(match[1]), is_active=True).first()


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes the key in the OpenAPI schema."""

    target_class = "console.api.authentication.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Api-Key <key>`"}
