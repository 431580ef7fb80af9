"""One rule for the text of every request that is not JSON: addresses, parameters, forms and the names of files.

JSON and the API's forms pass the same rule in their parsers; see policies.untrusted.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes

from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse

from console.api.errors import bad_request, not_found
from console.api.problems import problem_response
from policies.untrusted import text_fault

_API = "/api/"


class StrictTextMiddleware:
    """Answers 404 for an address, and 400 for parameters and forms, with text that could be neither stored nor sent."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if text_fault(request.path_info):
            return not_found(request, Http404())
        if _has_fault(request.META.get("QUERY_STRING", "")):
            return _unreadable_parameters(request)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        """Look at a form, which the check against forgery has read by now; the API reads its own."""
        if request.method != "POST" or request.path_info.startswith(_API):
            return None
        texts = [text for name, values in request.POST.lists() for text in (name, *values)]
        texts += [text for name, file in request.FILES.items() for text in (name, getattr(file, "name", None) or "")]
        if any(map(text_fault, texts)):
            return bad_request(request, SuspiciousOperation("unreadable form"))
        return None


def _unreadable_parameters(request: HttpRequest) -> HttpResponse:
    """Say so: to programs by the parameters at fault, 422, as for any parameter that is wrong."""
    if not request.path_info.startswith(_API):
        return bad_request(request, SuspiciousOperation("unreadable parameters"))
    wrong = [name for name, values in request.GET.lists() if any(map(text_fault, values)) and not text_fault(name)]
    detail = "It is not text in UTF-8 without NUL."
    errors = [{"field": name[:64], "code": "unreadable_text", "detail": detail} for name in wrong or ["query"]]
    return problem_response(422, f"Not valid: {', '.join(e['field'] for e in errors)}. See errors.", errors)


def _has_fault(query: str) -> bool:
    """Whether parameters, decoded as they will be, hold what no text may hold, or bytes that are no UTF-8."""
    if "%" not in query and query.isascii():
        return "\0" in query
    try:
        return bool(text_fault(unquote_to_bytes(query.encode("latin-1", "replace")).decode()))
    except UnicodeDecodeError:
        return True
