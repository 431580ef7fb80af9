"""The end of sessions: after a time without a sign of the person, and after a time whatever they do."""

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

#: What a page sends along that asks for news by itself: nobody needs to be there for it.
POLL_HEADER = "X-Poll"
#: A sign of life is written at most so often, so that reading pages costs no writes.
_NOTE_SECONDS = 60.0
_BEGAN, _SEEN = "began_at", "seen_at"


class SessionLifeMiddleware:
    """Signs people out whose session is over, and notes when they were last seen. It goes after authentication."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and not request.path_info.startswith("/api/"):
            _follow(request, time.time())
        return self.get_response(request)


def session_begin(session: SessionBase) -> None:
    """Note that somebody has just signed in."""
    session[_BEGAN] = session[_SEEN] = time.time()


def session_is_over(session: SessionBase, now: float) -> bool:
    """Return whether a session has ended, by idleness or by its age. One of before there were such notes has not."""
    began, seen = session.get(_BEGAN), session.get(_SEEN)
    if began is None or seen is None:
        return False
    return bool(now - seen > settings.SESSION_IDLE_SECONDS or now - began > settings.SESSION_LIFE_SECONDS)


def sessions_end(user: AbstractBaseUser, *, but: str | None) -> None:
    """End all sessions of somebody except one. Whose a session is stands inside it, so each is looked at: they are few."""
    for row in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if row.session_key != but and row.get_decoded().get(SESSION_KEY) == str(user.pk):
            row.delete()


def _follow(request: HttpRequest, now: float) -> None:
    session = request.session
    if SESSION_KEY not in session:
        return
    if _BEGAN not in session or _SEEN not in session:
        session_begin(session)
    elif session_is_over(session, now):
        logout(request)
        request.session_ended = True  # type: ignore[attr-defined] # access says so where it sends them to sign in
    elif now - session[_SEEN] > min(_NOTE_SECONDS, settings.SESSION_IDLE_SECONDS / 4) and is_activity(request):
        session[_SEEN] = now


def is_activity(request: HttpRequest) -> bool:
    """Return whether a person stands behind a request. What is sent to change something always has one."""
    return request.method not in {"GET", "HEAD"} or POLL_HEADER not in request.headers
