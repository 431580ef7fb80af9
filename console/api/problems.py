"""Errors over HTTP: RFC 9457 problem documents with a stable type and a sentence a person can act on."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

CONTENT_TYPE = "application/problem+json"

#: HTTP status -> (type, title). The type is what clients compare; it never changes.
_KINDS: dict[int, tuple[str, str]] = {
    400: ("malformed", "The request could not be read"),
    401: ("unauthenticated", "No valid API key"),
    403: ("forbidden", "This key may not do that"),
    404: ("not-found", "There is no such thing"),
    405: ("method-not-allowed", "Method not allowed"),
    406: ("not-acceptable", "Not available in that form"),
    409: ("conflict", "The same id with other content"),
    411: ("length-required", "Length required"),
    413: ("too-large", "Too large"),
    415: ("unsupported-media-type", "Unsupported type of content"),
    422: ("invalid", "The request was read but is not valid"),
    429: ("rate-limited", "Too many requests"),
    500: ("internal", "Something failed on our side"),
    503: ("unavailable", "Not available now"),
    507: ("storage-full", "There is no room to store this"),
}


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


def problem_response(status: int, detail: str) -> JsonResponse:
    """Return a problem document from outside REST framework (middleware, 404 handlers)."""
    return JsonResponse(problem(status, detail), status=status, content_type=CONTENT_TYPE)


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn what a view raised into a problem document; None lets Django answer 500.

    Field errors of a serializer are 422: the request was well formed, its content was not.
    """
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    set_rollback()
    code, detail, errors = _parts(error)
    response = Response(problem(code, detail, errors), status=code, content_type=CONTENT_TYPE)
    if wait := getattr(error, "wait", None):
        response["Retry-After"] = str(int(wait) + 1)
    if header := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = header
    return response


def _kind(code: int) -> tuple[str, str]:
    return _KINDS.get(code, _KINDS[400 if code < 500 else 500])


def _parts(error: exceptions.APIException) -> tuple[int, str, list[dict[str, str]]]:
    if isinstance(error, Problem):
        return error.status_code, str(error.detail), error.errors
    if isinstance(error, exceptions.ValidationError):
        errors = list(_field_errors(error.detail))
        names = ", ".join(dict.fromkeys(e["field"] for e in errors)) or "the request"
        return status.HTTP_422_UNPROCESSABLE_ENTITY, f"Not valid: {names}. See errors; nothing was stored.", errors
    return error.status_code, str(error.detail), []


def _field_errors(detail: Any, field: str = "") -> Iterator[dict[str, str]]:
    """Flatten REST framework's nested error detail into rows."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _field_errors(inner, f"{field}.{name}" if field else str(name))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _field_errors(inner, field)
    else:
        yield {"field": field or "body", "code": getattr(detail, "code", "invalid"), "detail": str(detail)}


def not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    """Answer an unknown address under /api/."""
    return problem_response(404, "There is no such address. The API is described at /api/v1/docs/.")
