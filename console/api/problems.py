"""Errors over HTTP: RFC 9457 problem documents with a stable type and a sentence a person can act on."""

import errno
from collections.abc import Iterator
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import InterfaceError, OperationalError
from django.http import Http404, JsonResponse
from rest_framework import exceptions, status
from rest_framework.response import Response

from moderation.db.histories import HistoryUnknown
from policies.errors import PolicyUnavailable

log = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"
#: Seconds after which a caller may try again when a server that we need is away.
RETRY_SECONDS = 5

#: HTTP status -> (type, title). The type is what clients compare; it never changes.
_KINDS: dict[int, tuple[str, str]] = {
    400: ("malformed", "The request could not be read"),
    401: ("unauthenticated", "No valid API key"),
    403: ("forbidden", "This key may not do that"),
    404: ("not-found", "There is no such thing"),
    405: ("method-not-allowed", "Method not allowed"),
    406: ("not-acceptable", "Not available in that form"),
    409: ("conflict", "The same id with other content"),
    410: ("history-gone", "The stream does not go on from there"),
    411: ("length-required", "Length required"),
    413: ("too-large", "Too large"),
    415: ("unsupported-media-type", "Unsupported type of content"),
    422: ("invalid", "The request was read but is not valid"),
    429: ("rate-limited", "Too many requests"),
    500: ("internal", "Something failed on our side"),
    503: ("unavailable", "Not available now"),
    507: ("storage-full", "There is no room to store this"),
}
#: HTTP status -> what it means, for the schema.
TITLES = {code: title for code, (_, title) in _KINDS.items()}


class Problem(exceptions.APIException):
    """An error with its own status, machine code and field errors.

    Args:
        status: HTTP status, one of those above.
        detail: what was wrong and what to do, in one sentence.
        errors: `[{"field", "code", "detail"}]`.
    """

    def __init__(self, status: int, detail: str, *, code: str = "", errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(detail=detail, code=code or _kind(status)[0])
        self.status_code = status
        self.errors = errors or []


def problem(status: int, detail: str, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """Return the body of a problem document."""
    kind, title = _kind(status)
    body: dict[str, Any] = {"type": f"urn:gatehouse:problem:{kind}", "title": title, "status": status, "detail": detail}
    if errors:
        body["errors"] = errors
    return body


def problem_response(status: int, detail: str, errors: list[dict[str, str]] | None = None) -> JsonResponse:
    """Return a problem document from outside REST framework (middleware, 404 handlers)."""
    return JsonResponse(problem(status, detail, errors), status=status, content_type=CONTENT_TYPE)


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn what a view raised into a problem document; None lets Django answer 500.

    Field errors of a serializer are 422: the request was well formed, its content was not.
    """
    known = _recognise(error)
    if known is None:
        return None
    code, detail, errors = _parts(known)
    response = Response(problem(code, detail, errors), status=code, content_type=CONTENT_TYPE)
    if wait := getattr(known, "wait", RETRY_SECONDS if code in {503, 507} else None):
        response["Retry-After"] = str(int(wait) + 1)
    if header := getattr(known, "auth_header", None):
        response["WWW-Authenticate"] = header
    return response


def _recognise(error: Exception) -> exceptions.APIException | None:
    """Translate errors that are not of REST framework; None for those that nobody foresaw."""
    if isinstance(error, exceptions.APIException):
        return error
    if isinstance(error, Http404):
        return exceptions.NotFound("There is no such thing.")
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(error, (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)):
        return Problem(413, "The request has too many or too large fields.")
    return _recognise_failure(error)


def _recognise_failure(error: Exception) -> Problem | None:
    if isinstance(error, (OperationalError, InterfaceError)):
        log.error("database_unavailable", error=type(error).__name__)
        return Problem(503, "The database cannot be reached; nothing was stored. Try again shortly.")
    if isinstance(error, HistoryUnknown):
        log.error("history_unknown")
        return Problem(
            503, "The database does not say which history it is, so nothing is told of it. Try again shortly."
        )
    if isinstance(error, PolicyUnavailable):
        log.error("policy_unavailable")
        return Problem(503, "No policy version can decide now; nothing was stored. Try again shortly.")
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        log.error("storage_full", errno=error.errno)
        return Problem(507, "There is no room left to store media; nothing was stored. Try again later.")
    return None


def _kind(code: int) -> tuple[str, str]:
    return _KINDS.get(code, _KINDS[400 if code < 500 else 500])


def _parts(error: exceptions.APIException) -> tuple[int, str, list[dict[str, str]]]:
    if isinstance(error, exceptions.NotAuthenticated):
        return error.status_code, "This call needs a key. Send: Authorization: Api-Key <key>.", []
    if isinstance(error, exceptions.ValidationError):
        errors = list(_field_errors(error.detail))
        names = ", ".join(dict.fromkeys(e["field"] for e in errors)) or "the request"
        return status.HTTP_422_UNPROCESSABLE_ENTITY, f"Not valid: {names}. See errors; nothing was stored.", errors
    # Problems, and those that the apps below the console raise, carry their field errors.
    return error.status_code, str(error.detail), getattr(error, "errors", [])


def _field_errors(detail: Any, field: str = "") -> Iterator[dict[str, str]]:
    """Flatten REST framework's nested error detail into rows."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _field_errors(inner, f"{field}.{name}" if field else str(name))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _field_errors(inner, field)
    else:
        field = "body" if field in {"", "non_field_errors"} else field
        yield {"field": field, "code": getattr(detail, "code", "invalid"), "detail": str(detail)}
