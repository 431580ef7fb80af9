"""Sign-ins, sign-outs and refusals in the audit log.

Signals, against the house's rule, because Django and allauth sign people in and out and call nothing of ours: these are their
only hooks. What people change about their accounts is written down by triggers instead.
"""

from datetime import timedelta
from typing import Any

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.signals import password_reset
from allauth.mfa.signals import authentication_failed
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from console.access import ClosedSignupAdapter
from console.api.throttling import address_of
from console.identity.acting import via_of
from moderation.audit.log import Actor, audit_counted, audit_write
from moderation.models import AuditTally

FAILED = "user.sign_in_failed"
#: Refusals of one name within so many seconds are one row, and a second one with their number.
STRETCH_SECONDS = 60
#: So many names that nobody has are told apart in one stretch; all further ones are one. So a flood of refusals writes at
#: most two rows a minute for each of these, for the rest, and for each person that there is.
MAX_UNKNOWN = 5
_OTHERS = "unknown:others"


class TellingAdapter(ClosedSignupAdapter):
    """Sign-in that also tells of those who tried too often: allauth turns them away before it asks anybody.

    They are counted by the same address as callers of the API.
    """

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address that somebody signs in from."""
        return address_of(request)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Let somebody try, or refuse for now and record it.

        Raises:
            ValidationError: too many tries.
        """
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            _on_failure(_name_in(credentials), via=via_of(request), step="too_many")
            raise


def connect() -> None:
    """Listen to Django and allauth."""
    user_logged_in.connect(_on_sign_in, dispatch_uid="console.signed_in")
    user_logged_out.connect(_on_sign_out, dispatch_uid="console.signed_out")
    user_login_failed.connect(_on_refusal, dispatch_uid="console.refused")
    authentication_failed.connect(_second_factor_refused, dispatch_uid="console.second_factor_refused")
    password_reset.connect(_password_reset, dispatch_uid="console.password_reset")


def _on_sign_in(sender: object, request: HttpRequest | None, user: User, **named: Any) -> None:
    _write(user, "user.signed_in", user, methods=_methods(request), via=via_of(request))


def _on_sign_out(sender: object, request: HttpRequest | None, user: User | None, **named: Any) -> None:
    if isinstance(user, User):  # not somebody who was signed in nowhere
        _write(user, "user.signed_out", user, via=via_of(request))


def _password_reset(sender: object, request: HttpRequest, user: User, **named: Any) -> None:
    """Say that a mailed link was used; that the password is another one is a row of its own."""
    _write("anonymous", "user.password_reset", user, via=via_of(request))


def _write(actor: Actor, action: str, user: User, **data: Any) -> None:
    known = {name: value for name, value in data.items() if value}
    audit_write(actor=actor, action=action, object_type="user", object_key=user.get_username()[:128], **known)


def _methods(request: HttpRequest | None) -> list[str]:
    """Return how somebody proved who they are, such as `password`, `mfa:totp`."""
    records = getattr(request, "session", {}).get(AUTHENTICATION_METHODS_SESSION_KEY, ())
    return [":".join(filter(None, (record.get("method"), record.get("type")))) for record in records]


def _on_refusal(sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **named: Any) -> None:
    _on_failure(_name_in(credentials), via=via_of(request))


def _name_in(credentials: dict[str, Any]) -> str:
    return str(credentials.get("username") or credentials.get("email") or "")


def _second_factor_refused(sender: object, request: HttpRequest, user: User, **named: Any) -> None:
    _on_failure(user.get_username(), via=via_of(request), step="second_factor")


def _on_failure(name: str, **data: Any) -> None:
    """Record a refusal under the name that was tried: a person's own, or a keyed hash, since people type passwords there."""
    now = timezone.now()
    audit_counted(
        actor="anonymous", action=FAILED, object_type="user", object_key=_name_told(name, now),
        seconds=STRETCH_SECONDS, now=now, tells_total=True, **data,
    )  # fmt: skip


def _name_told(name: str, now: Any) -> str:
    known = (
        None if "\0" in name else User.objects.filter(username__iexact=name).values_list("username", flat=True).first()
    )
    if known:
        return known[:128]
    told = "unknown:" + salted_hmac("gatehouse.sign_in.name", name.casefold(), algorithm="sha256").hexdigest()[:16]
    lately = AuditTally.objects.filter(
        action=FAILED, object_key__startswith="unknown:", begins_at__gt=now - timedelta(seconds=STRETCH_SECONDS)
    )
    keys = set(lately.values_list("object_key", flat=True)[: MAX_UNKNOWN + 1])
    return told if told in keys or len(keys - {_OTHERS}) < MAX_UNKNOWN else _OTHERS
