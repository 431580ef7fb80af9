"""Who may send more than anybody may: decided from the headers alone, before any of a large body is read."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.wsgi import WSGIRequest
from django.db import close_old_connections
from django.http import HttpRequest
from rest_framework.exceptions import APIException
from rest_framework.views import APIView

from console.api.authentication import KNOWN_KEY
from console.api.limits import match_of
from console.edge.environ import Environ


def caller_known(environ: Environ) -> bool:
    """Return whether somebody may send more than anybody may, without reading any of it.

    At an API address: a key with the scope, within its rate. At a page: somebody signed in who may open it. A key that was
    found is kept in `environ`, so that it is looked up and counted once for each request.
    """
    close_old_connections()
    request = WSGIRequest(dict(environ))
    match = match_of(request.path_info)
    view = getattr(match.func, "cls", None) if match else None
    if match is None or view is None:
        return _may_open(request, getattr(match.func, "permissions", ()) if match else ())
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


def _may_open(request: HttpRequest, permissions: tuple[str, ...]) -> bool:
    engine = import_module(settings.SESSION_ENGINE)
    request.session = engine.SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    user = get_user(request)
    return user.is_authenticated and (not permissions or any(user.has_perm(code) for code in permissions))
