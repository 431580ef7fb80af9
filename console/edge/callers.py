"""Who may send more than anybody may: decided from the headers alone, before any of a large body is read."""

from __future__ import annotations

import time
from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.wsgi import WSGIRequest
from django.db import close_old_connections
from django.http import HttpRequest
from django.urls import ResolverMatch
from rest_framework.exceptions import APIException
from rest_framework.views import APIView

from console.api.authentication import KNOWN_KEY
from console.api.limits import match_of
from console.edge.environ import Environ
from console.identity.second_factor import hold_at
from console.identity.session_life import session_is_over

#: For so long a process takes a caller for known without asking again, and so many of them.
RECENT_SECONDS = 2.0
_MOST_RECENT = 256


class RecentCallers:
    """The callers of the API that were known a moment ago, by key and address. Used from the event loop only.

    Asking costs a thread and a look-up before the body is read, and the answer is the same from one upload to the next. What
    is let in by it is a body that fits into memory, no more: whether its sender may do what they ask, and how often, is asked
    of every request once it is whole.
    """

    def __init__(self) -> None:
        """Know nobody."""
        self._until: dict[tuple[str, str, str], float] = {}

    def knows(self, environ: Environ) -> bool:
        """Say whether this caller was found to be known within RECENT_SECONDS; somebody without a key never was."""
        return "HTTP_AUTHORIZATION" in environ and time.monotonic() < self._until.get(_caller(environ), 0.0)

    def note(self, environ: Environ) -> None:
        """Remember a caller who was just found to be known."""
        if "HTTP_AUTHORIZATION" not in environ:  # a session ends, and shows its second factor, between two requests
            return
        if len(self._until) >= _MOST_RECENT:
            self._until.clear()
        self._until[_caller(environ)] = time.monotonic() + RECENT_SECONDS


def _caller(environ: Environ) -> tuple[str, str, str]:
    return environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["HTTP_AUTHORIZATION"]


def caller_known(environ: Environ) -> bool:
    """Return whether somebody may send more than anybody may, without reading any of it.

    At an API address: a key with the scope, within its rate. At a page: somebody signed in who may open it, in a session that
    has not ended and has shown the second factor. A key that was found is kept in `environ`, so that it is looked up and
    counted once for each request.
    """
    close_old_connections()
    request = WSGIRequest(dict(environ))
    match = match_of(request.path_info)
    view = getattr(match.func, "cls", None) if match else None
    if match is None:
        return False
    if view is None:
        return _may_open(request, match)
    api_view: APIView = view(**match.func.initkwargs)  # type: ignore[attr-defined]
    api_view.setup(request, *match.args, **match.kwargs)
    try:
        asked = api_view.initialize_request(request, *match.args, **match.kwargs)
        api_view.perform_authentication(asked)
        api_view.check_permissions(asked)
    except APIException:
        return False
    if asked.auth is None:
        return False
    environ[KNOWN_KEY] = asked.auth
    return True


def _may_open(request: HttpRequest, match: ResolverMatch) -> bool:
    """Return whether somebody is signed in who may open a page: all that the middleware and the page itself would ask."""
    engine = import_module(settings.SESSION_ENGINE)
    request.session = engine.SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    user = get_user(request)
    if (
        not user.is_authenticated
        or session_is_over(request.session, time.time())
        or hold_at(request, user, match.view_name)
    ):
        return False
    permissions: tuple[str, ...] = getattr(match.func, "permissions", ())
    return not permissions or any(user.has_perm(code) for code in permissions)
