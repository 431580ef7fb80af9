"""Reporters who are known by name, and whether their reports are trusted: said by administrators, never by a call."""

from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.crypto import salted_hmac

from moderation.audit.log import audit_write
from moderation.exceptions import ModerationError
from moderation.models import Reporter

PERMISSION = "moderation.manage_reporters"
_SALT = "moderation.reporters"


class ReporterInvalid(ModerationError):
    """The reporter cannot be registered so."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


def reporters() -> QuerySet[Reporter]:
    """Return the registered reporters, trusted ones first, by name."""
    return Reporter.objects.order_by("-is_trusted_flagger", "name", "pk")


def reporter_known(external_id: str) -> Reporter | None:
    """Return the registered reporter of the platform's id; None for everybody else.

    The key is SECRET_KEY. After it was replaced, those registered under a key of SECRET_KEY_FALLBACKS are still found.
    """
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return Reporter.objects.filter(external_hash__in=[_hash(external_id, key) for key in keys]).first()


def _hash(external_id: str, key: str | bytes) -> str:
    return salted_hmac(_SALT, external_id, secret=key, algorithm="sha256").hexdigest()


@transaction.atomic
def reporter_register(
    *, actor: AbstractUser, external_id: str, name: str, is_trusted_flagger: bool, now: datetime
) -> Reporter:
    """Register a reporter by the platform's id of them.

    Raises:
        PermissionDenied: the actor may not.
        ReporterInvalid: a blank name, or they are registered already.
    """
    _check(actor)
    if not name.strip():
        raise ReporterInvalid("name", "Say who it is: an organisation, a person, a desk.")
    if reporter_known(external_id):
        raise ReporterInvalid("external_id", "They are registered already; look for them in the list.")
    try:
        with transaction.atomic():
            reporter = Reporter.objects.create(
                external_hash=_hash(external_id, settings.SECRET_KEY),
                name=name.strip(),
                is_trusted_flagger=is_trusted_flagger,
                created_at=now,
            )
    except IntegrityError:
        raise ReporterInvalid("external_id", "Somebody has just registered them.") from None
    _audit(actor, "reporter.registered", reporter)
    return reporter


@transaction.atomic
def reporter_trust(*, actor: AbstractUser, reporter_key: str, is_trusted_flagger: bool) -> Reporter:
    """Say whether a reporter's reports are trusted from now on; what they reported before stays as it was taken.

    Raises:
        PermissionDenied: the actor may not.
        Reporter.DoesNotExist: there is none of this key.
    """
    _check(actor)
    reporter = Reporter.objects.select_for_update().get(key=reporter_key)
    if reporter.is_trusted_flagger != is_trusted_flagger:
        reporter.is_trusted_flagger = is_trusted_flagger
        reporter.save(update_fields=["is_trusted_flagger"])
        _audit(actor, "reporter.trusted" if is_trusted_flagger else "reporter.distrusted", reporter)
    return reporter


def _check(actor: AbstractUser) -> None:
    if not actor.has_perm(PERMISSION):
        raise PermissionDenied("Only administrators say who is trusted.")


def _audit(actor: AbstractUser, action: str, reporter: Reporter) -> None:
    audit_write(
        actor=actor,
        action=action,
        object_type="reporter",
        object_key=reporter.key,
        is_trusted_flagger=reporter.is_trusted_flagger,
    )
