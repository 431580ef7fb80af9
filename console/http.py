"""What views share about HTTP: the typed request, page-or-fragment rendering, redirects that htmx follows."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails


class HtmxRequest(HttpRequest):
    """A request as every view of the console gets it: signed in (access.requires saw to that), with htmx details."""

    htmx: HtmxDetails
    user: User


def render_page(
    request: HttpRequest, template: str, context: dict[str, Any], *, fragment: str = "", status: int = 200
) -> HttpResponse:
    """Render a page, or only its named fragment where htmx asked (and not for a page from its history)."""
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
    name = f"{template}#{fragment}" if fragment and htmx and not htmx.history_restore_request else template
    return render(request, name, context, status=status)


def refused_page(
    status: int, title: str, detail: str, *, back: str = "/", typed: Sequence[tuple[str, str]] = ()
) -> HttpResponse:
    """Render a refusal that stands alone: it needs no database, no session and no user.

    Args:
        back: the page that the refused form is on; "/" where nobody knows.
        typed: field and value of what was typed and no form can take any more.
    """
    context = {"title": title, "detail": detail, "back": back, "typed": typed}
    return HttpResponse(render_to_string("refused.html", context), status=status)


def redirect_to(request: HttpRequest, target: str, *args: object) -> HttpResponse:
    """Redirect after a POST; htmx is told to load the whole page, since the navigation changes too."""
    response = redirect(target, *args)
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponseClientRedirect(response.url)
    return response


class BlocksResponse(StreamingHttpResponse):
    """A long answer of `blocks`, each made only when it can be sent: a server without a thread to spare asks for them itself.

    Whoever iterates must close the response, and must not collect blocks ahead: each comes after the question whether it may.
    """

    def __init__(self, blocks: Iterator[bytes]) -> None:
        """Take an iterator that can be closed."""
        super().__init__(blocks)
        self.blocks = blocks
