"""How large a body each address takes. Small unless its view says otherwise; refused before a byte of it is read.

A view says so by an attribute `max_body_bytes`, a function without arguments: a class method of an API view, or put on a
page's view by `takes_body`. What it grants is for those whom we know: see console/edge/callers.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, ResolverMatch, resolve

from console.api.problems import TITLES, problem_response
from console.http import refused_page
from policies.untrusted import whole_number

V = TypeVar("V", bound=Callable[..., Any])

#: What any address takes of anybody: forms of the console with room for what is typed into them, a report, an appeal.
DEFAULT_BODY_BYTES = 64 * 1024
#: In the environment of a request: status and sentence of a body that the server's edge did not take.
REFUSAL = "gatehouse.refusal"


def form_bytes(file_bytes: int = 0) -> int:
    """Return how much a form with a file of such a size can be: Django takes only so much beside files."""
    return file_bytes + settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def takes_body(max_bytes: Callable[[], int]) -> Callable[[V], V]:
    """Let a page's view take bodies up to a size from people who are signed in."""

    def decorate(view: V) -> V:
        view.max_body_bytes = max_bytes  # type: ignore[attr-defined]
        return view

    return decorate


def body_limit(path: str) -> int:
    """Return the most bytes that a body for a path may have; of an address that does not exist, no more than of any."""
    match = match_of(path)
    granted = getattr(getattr(match.func, "cls", match.func), "max_body_bytes", None) if match else None
    return max(granted(), DEFAULT_BODY_BYTES) if granted else DEFAULT_BODY_BYTES


def match_of(path: str) -> ResolverMatch | None:
    """Return the view of a path, None where there is none."""
    try:
        return resolve(path)
    except Resolver404:
        return None


def refusal_of(environ: dict[str, Any], path: str) -> tuple[int, str] | None:
    """Return status and sentence where the headers of a request announce a body that its address does not take."""
    given = environ.get("CONTENT_LENGTH") or ""
    if environ.get("HTTP_TRANSFER_ENCODING"):
        return 411, "Say how long the body is: send Content-Length instead of chunks."
    length = whole_number(given or "0", 0, 10**18)
    return (400, "Content-Length is not a number.") if length is None else _too_large(length, path)


def _too_large(length: int, path: str) -> tuple[int, str] | None:
    if length <= DEFAULT_BODY_BYTES:
        return None
    limit = body_limit(path)
    return (413, f"A request to this address may have at most {limit} bytes.") if length > limit else None


class BodyLimitMiddleware:
    """Answers what the edge refused, and what it would have refused where another server runs in its place."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        refusal = request.META.get(REFUSAL) or refusal_of(request.META, request.path_info)
        return _refuse(request, *refusal) if refusal else self.get_response(request)


def _refuse(request: HttpRequest, status: int, detail: str) -> HttpResponse:
    if request.path_info.startswith("/api/"):
        return problem_response(status, detail)
    return refused_page(status, TITLES.get(status, TITLES[400]), detail)
