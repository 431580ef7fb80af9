"""Refuses bodies that no endpoint could take before a byte of them is read."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from console.api.problems import problem_response


def max_body_bytes() -> int:
    """Return the most that a request can hold: a video, its cover and the fields around them."""
    return settings.MEDIA_MAX_VIDEO_BYTES + settings.MEDIA_MAX_IMAGE_BYTES + settings.DATA_UPLOAD_MAX_MEMORY_SIZE


class BodyLimitMiddleware:
    """Answers 411 to API bodies of unknown length and 413 to those above the limit."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith("/api/"):
            refusal = _refusal(request)
            if refusal is not None:
                return refusal
        return self.get_response(request)


def _refusal(request: HttpRequest) -> HttpResponse | None:
    given = request.META.get("CONTENT_LENGTH") or ""
    if not given and request.META.get("HTTP_TRANSFER_ENCODING"):
        return problem_response(411, "Say how long the body is: send Content-Length instead of chunks.")
    if (given and not given.isascii()) or not (given or "0").isdigit():
        return problem_response(400, "Content-Length is not a number.")
    if int(given or 0) > max_body_bytes():
        return problem_response(413, f"A request may have at most {max_body_bytes()} bytes.")
    return None
