"""What pages answer in place of bare refusals: a wrong method, and a form whose token another session made."""

from collections.abc import Callable, Iterator

from django.http import HttpRequest, HttpResponse

from console.access import back_to
from console.http import refused_page

#: Fields of forms that nobody typed.
_NOT_TYPED = frozenset({"csrfmiddlewaretoken", "password", "lease_token", "expected_decision", "next"})
_TYPED_MAX = 10_000


class MethodRefusedMiddleware:
    """Gives a refusal for the method of a request words and a way on; Django's has neither. The API has its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code != 405 or response.content or request.path_info.startswith("/api/"):
            return response
        detail = "This address takes forms from its own page; it is not one to open or to reload."
        page = refused_page(405, "Not opened this way", detail)
        page["Allow"] = response.get("Allow", "")
        return page


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose token is not this session's: somebody signed in again since, or the form is not ours.

    What was typed is shown to whoever sent the form from one of our own pages. Source: settings.CSRF_FAILURE_VIEW.
    """
    back = back_to(request)
    detail = (
        "You have signed in again, or out, since this form was sent to you. Open its page again and send it from there."
    )
    typed = list(_typed_in(request)) if back != "/" else []
    return refused_page(403, "This form is from another session", detail, back=back, typed=typed)


def _typed_in(request: HttpRequest) -> Iterator[tuple[str, str]]:
    """Yield the fields of a form that hold words of somebody's own."""
    for name, value in request.POST.items():
        if isinstance(value, str) and value.strip() and not any(part in name for part in _NOT_TYPED):
            yield name.replace("_", " ").capitalize()[:64], value[:_TYPED_MAX]
