"""Who needs a second factor to sign in, and what they may reach before they have shown one: the pages to set it up."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.views import ActivateTOTPView
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect

from console.access import back_to
from console.roles import ROLES

#: Kinds that stand alone; recovery codes only stand in for one of these.
KINDS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
#: What stays open without: setting one up, showing it, asking for the password again on the way, and leaving.
OPEN = frozenset({
    "mfa_index", "mfa_activate_totp", "mfa_view_recovery_codes", "mfa_generate_recovery_codes", "mfa_download_recovery_codes",
    "mfa_authenticate", "mfa_reauthenticate", "account_reauthenticate", "account_login", "account_logout",
})  # fmt: skip
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


def has_one(user: AbstractUser) -> bool:
    """Return whether somebody has set a second factor up."""
    return bool(Authenticator.objects.filter(user=user, type__in=KINDS).exists())


def has_shown(request: HttpRequest, user: AbstractUser) -> bool:
    """Return whether the second factor was shown in this very session: one of before it was set up has not."""
    return any(record.get("method") == "mfa" for record in get_authentication_records(request, user))


class EnrolView(ActivateTOTPView):  # type: ignore[misc]
    """Setting a second factor up by typing a code of it, which shows it in this session as well."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Activate it."""
        response: HttpResponse = super().form_valid(form)
        record_authentication(self.request, self.request.user, "mfa", type=str(Authenticator.Type.TOTP))
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
        if name in OPEN or request.path_info.startswith("/api/") or not user.is_authenticated or not is_required(user):
            return None
        if not has_one(user):
            messages.warning(request, "Your role needs a second factor. Set it up here; then you can go on.")
            return _send(request, reverse("mfa_activate_totp"))
        if not has_shown(request, user):
            return _send(request, f"{reverse('mfa_reauthenticate')}?{urlencode({'next': back_to(request)})}")
        if name in REMOVAL:
            raise PermissionDenied
        return None


def _send(request: HttpRequest, url: str) -> HttpResponse:
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)  # type: ignore[attr-defined]
