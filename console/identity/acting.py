"""Says who acts during a request, for what the database writes down by itself (moderation/audit/actors.py)."""

import sys
from collections.abc import Callable
from pathlib import Path

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse

from console.models import ApiKey
from moderation.audit.actors import Acting, acting, process_is
from moderation.audit.log import audit_write

#: Pages of allauth's that show a person their recovery codes: whoever reads them could sign in with one.
_SHOW_CODES = frozenset({"mfa_view_recovery_codes", "mfa_download_recovery_codes"})


class ActingMiddleware:
    """Binds the request's person, key or nobody to what it does. Asked lazily: reading does not need to know."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with acting(lambda: acting_in(request)):
            response = self.get_response(request)
        if via_of(request) in _SHOW_CODES and response.status_code == 200 and isinstance(request.user, User):
            _codes_shown(request.user, via_of(request))
        return response


def acting_in(request: HttpRequest) -> Acting:
    """Return who makes a request: the person signed in, the API key, or nobody known."""
    user: object = getattr(request, "user", None)
    via = via_of(request)
    if isinstance(user, ApiKey):
        return Acting(None, f"api:{user.name}", via)
    if user is None or isinstance(user, AnonymousUser) or not getattr(user, "is_authenticated", False):
        return Acting(None, "anonymous", via)
    return Acting(user.pk, user.get_username(), via)  # type: ignore[attr-defined] # a person, perhaps a lazy one


def via_of(request: HttpRequest | None) -> str:
    """Return the name of the address that a request came to; the address itself may hold ids of people and tokens."""
    match = request.resolver_match if request is not None else None
    return match.view_name if match is not None else ""


def _codes_shown(user: User, via: str) -> None:
    audit_write(
        actor=user,
        action="user.recovery_codes_shown",
        object_type="user",
        object_key=user.get_username(),
        via=via,
    )


def process_named() -> None:
    """Name the process after the management command that it runs; servers and workers are no command."""
    if len(sys.argv) > 1 and Path(sys.argv[0]).name in {"manage.py", "django-admin"}:
        process_is(f"command:{sys.argv[1]}"[:150])
