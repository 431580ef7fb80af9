"""What views share about HTTP: the typed request, page-or-fragment rendering, redirects that htmx follows."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails


class HtmxRequest(HttpRequest):
    """A request as every view of the console gets it: signed in (access.requires saw to that), with htmx details."""

    htmx: HtmxDetails
    user: User


@dataclass(frozen=True, slots=True)
class FileSpan:
    """A part of a file on this machine: `length` bytes from `first`."""

    path: str
    first: int
    length: int


class FileSpanResponse(StreamingHttpResponse):
    """A part of a file, as pieces for any server, and as its place for ours, which then needs no thread to send it."""

    def __init__(self, pieces: Iterable[bytes], *, span: FileSpan) -> None:
        """Take both."""
        super().__init__(pieces)
        self.span = span


def render_page(
    request: HttpRequest, template: str, context: dict[str, Any], *, fragment: str = "", status: int = 200
) -> HttpResponse:
    """Render a page, or only its named fragment where htmx asked (and not for a page from its history)."""
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
    name = f"{template}#{fragment}" if fragment and htmx and not htmx.history_restore_request else template
    return render(request, name, context, status=status)


def redirect_to(request: HttpRequest, target: str, *args: object) -> HttpResponse:
    """Redirect after a POST; htmx is told to load the whole page, since the navigation changes too."""
    response = redirect(target, *args)
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponseClientRedirect(response.url)
    return response
