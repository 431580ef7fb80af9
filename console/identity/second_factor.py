"""Who needs a second factor to sign in, and what they may reach before they have shown one: the pages to set it up."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.views import ActivateTOTPView
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect

from console.access import back_to
from console.identity.roles import ROLES
from console.identity.session_life import sessions_end

#: Kinds that stand alone; recovery codes only stand in for one of these.
KINDS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
_SET_UP, _SHOW = "mfa_activate_totp", "mfa_reauthenticate"
_LEAVE = frozenset({"account_login", "account_logout"})
#: What stays open before one is set up: setting it up, and asking for the password again on the way.
OPEN_TO_SET_UP = _LEAVE | {"mfa_index", _SET_UP, "account_reauthenticate"}
#: What stays open while one that is set up has not been shown: showing it. The password proves nothing more: whoever has only
#: that must not see recovery codes, make new ones, or set up another factor.
OPEN_TO_SHOW = _LEAVE | {"mfa_authenticate", _SHOW}
#: Pages on which somebody changes their own sign-in. Who has set a second factor up shows it first, needed or not.
_OF_SIGN_IN = frozenset({"account_reauthenticate", "account_change_password"})
#: Whoever must have one does not take it off; an administrator does, in the admin site.
REMOVAL = frozenset({"mfa_deactivate_totp"})


@lru_cache(maxsize=8)
def _harmful(roles: tuple[str, ...]) -> frozenset[str]:
    """Return the permissions that people of these roles have and no others."""
    needing = {code for role in roles for code in ROLES[role]}
    return frozenset(needing - {code for role, codes in ROLES.items() if role not in roles for code in codes})


def is_required(user: AbstractUser) -> bool:
    """Return whether somebody can do what takes a second factor here.

    It goes by what they may do, however they came to it: all that one of the roles in MFA_REQUIRED_ROLES may, something that
    only such roles may, or as staff of the admin site.
    """
    roles = tuple(settings.MFA_REQUIRED_ROLES)
    if not roles:
        return False
    theirs = user.get_all_permissions()
    is_of_one = any(theirs.issuperset(ROLES[role]) for role in roles)
    return bool(user.is_superuser or user.is_staff or is_of_one or theirs & _harmful(roles))


def set_up_at(user: AbstractUser) -> datetime | None:
    """Return since when somebody has had a second factor; None where they have none."""
    own = Authenticator.objects.filter(user=user, type__in=KINDS)
    since: datetime | None = own.order_by("created_at").values_list("created_at", flat=True).first()
    return since


def has_shown(request: HttpRequest, user: AbstractUser, *, since: datetime) -> bool:
    """Return whether the second factor was shown in this very session, and since it was set up: not one of before it."""
    records = get_authentication_records(request, user)
    return any(record.get("method") == "mfa" and record["at"] >= since.timestamp() for record in records)


def hold_at(request: HttpRequest, user: AbstractUser, name: str) -> str:
    """Return the page of the second factor that comes before the page `name`; empty where somebody may go on."""
    needs_one = is_required(user)
    if not (needs_one or name in _OF_SIGN_IN or name.startswith("mfa_")):
        return ""
    since = set_up_at(user)
    if since is None:
        return _SET_UP if needs_one and name not in OPEN_TO_SET_UP else ""
    return "" if name in OPEN_TO_SHOW or has_shown(request, user, since=since) else _SHOW


class EnrolView(ActivateTOTPView):  # type: ignore[misc]
    """Setting a second factor up by typing a code of it, which shows it in this session as well."""

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        """Activate it, and end what somebody else may hold from before: recovery codes of a former one, other sessions."""
        user = self.request.user
        if set_up_at(user) is None:
            Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).delete()
        response: HttpResponse = super().form_valid(form)
        record_authentication(self.request, user, "mfa", type=str(Authenticator.Type.TOTP))
        sessions_end(user, but=self.request.session.session_key)
        return response


class SecondFactorMiddleware:
    """Holds people who can do harm at the pages of the second factor until this session has shown one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        """Return where to go first, or None to let the request pass.

        Raises:
            PermissionDenied: somebody who needs the second factor would take it off.
        """
        name = request.resolver_match.view_name if request.resolver_match else ""
        user = request.user
        if request.path_info.startswith("/api/") or not user.is_authenticated:
            return None
        page = hold_at(request, user, name)
        if page == _SET_UP:
            messages.warning(request, "Your role needs a second factor. Set it up here; then you can go on.")
            return _send(request, reverse(page))
        if page:
            return _send(request, f"{reverse(page)}?{urlencode({'next': back_to(request)})}")
        if name in REMOVAL and is_required(user):
            raise PermissionDenied
        return None


def _send(request: HttpRequest, url: str) -> HttpResponse:
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)  # type: ignore[attr-defined]
