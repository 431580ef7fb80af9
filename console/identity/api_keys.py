"""API keys as administrators handle them: issued, rotated with an overlap, revoked; each step in the audit log."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F, QuerySet

from console.models import SCOPES, ApiKey
from moderation.audit.actors import suppress_audit_trigger
from moderation.audit.log import Actor, audit_write
from moderation.exceptions import ModerationError

PERMISSION = "console.manage_keys"
#: The old key of a rotation works no longer than this beside the new one.
MOST_OVERLAP = timedelta(days=30)


class ApiKeyInvalid(ModerationError):
    """The key cannot be made or changed so."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


def keys() -> QuerySet[ApiKey]:
    """Return all keys with their owners: those that work first, then by age, the newest first."""
    return ApiKey.objects.select_related("owner", "replaces", "replaced_by").order_by(
        "-is_active", F("expires_at").desc(nulls_first=True), "-pk"
    )


def key_named(text: str) -> ApiKey:
    """Return the one key of a public key or a prefix, as `apikey_list` prints them.

    Raises:
        ApiKeyInvalid: there is none, or several begin so.
    """
    try:
        found = list(ApiKey.objects.filter(key=UUID(text)))
    except ValueError:
        found = list(ApiKey.objects.filter(prefix=text[:8])) if text else []
    if len(found) == 1:
        return found[0]
    several = f"{len(found)} keys begin so; give the id of the one you mean." if found else "There is no such key."
    raise ApiKeyInvalid("key", f"{several} manage.py apikey_list has them all.")


@transaction.atomic
def key_issue(
    *,
    actor: Actor,
    name: str,
    scopes: Sequence[str],
    now: datetime,
    owner: AbstractBaseUser | None = None,
    expires_at: datetime | None = None,
    secret: str = "",
) -> tuple[ApiKey, str]:
    """Make a key and return it with its secret, which is kept nowhere.

    Raises:
        PermissionDenied: the actor may not.
        ApiKeyInvalid: no name, no or unknown scopes, or an end that has passed.
    """
    _check(actor)
    if not name.strip():
        raise ApiKeyInvalid("name", "Say what the key is for.")
    if not scopes or not set(scopes) <= set(SCOPES):
        raise ApiKeyInvalid("scopes", f"Choose one or more of {', '.join(SCOPES)}.")
    if expires_at is not None and expires_at <= now:
        raise ApiKeyInvalid("expires_at", "The key would have expired already.")
    in_order = [scope for scope in SCOPES if scope in scopes]
    with suppress_audit_trigger("api_key"):
        key, secret = ApiKey.issue(
            name=name.strip(), scopes=in_order, secret=secret, owner=owner, expires_at=expires_at
        )  # fmt: skip
    _audit(actor, "api_key.issued", key, scopes=in_order)
    return key, secret


@transaction.atomic
def key_rotate(*, actor: Actor, key: ApiKey, overlap: timedelta, now: datetime) -> tuple[ApiKey, str]:
    """Make a key that may do what an old one may, and let the old one work for a time yet.

    1. lock the old key: it is replaced once,
    2. issue the new one, without an end of its own: who wants one revokes it or rotates again,
    3. let the old one expire, earlier than it would have or now; a longer life it does not get.

    Args:
        overlap: from nothing (the old key is refused at once) to 30 days.

    Raises:
        PermissionDenied: the actor may not.
        ApiKeyInvalid: the old key does not work any more, was replaced, or so long an overlap.
    """
    _check(actor)
    if not timedelta(0) <= overlap <= MOST_OVERLAP:
        raise ApiKeyInvalid("overlap", f"The old key may go on for at most {MOST_OVERLAP.days} days.")
    old = ApiKey.objects.select_for_update(of=("self",)).get(pk=key.pk)
    if not old.is_valid(now):
        raise ApiKeyInvalid("key", "This key does not work any more; issue a new one.")
    if ApiKey.objects.filter(replaces=old).exists():
        raise ApiKeyInvalid("key", "This key was replaced already; rotate the one that replaced it.")
    ends_at = min(now + overlap, old.expires_at or now + overlap)
    with suppress_audit_trigger("api_key"):
        new, secret = ApiKey.issue(
            name=old.name, scopes=old.scopes, owner=old.owner, replaces=old, rate_per_minute=old.rate_per_minute
        )
        old.expires_at = ends_at
        old.save(update_fields=["expires_at"])
    _audit(actor, "api_key.rotated", old, new=str(new.key), old_until=ends_at.isoformat())
    _audit(actor, "api_key.issued", new, scopes=new.scopes)
    return new, secret


@transaction.atomic
def key_revoke(*, actor: Actor, key: ApiKey, now: datetime) -> ApiKey:
    """Refuse a key from the next call on, in every process. Safe to repeat.

    Raises:
        PermissionDenied: the actor may not.
    """
    _check(actor)
    known = ApiKey.objects.select_for_update(of=("self",)).get(pk=key.pk)
    if known.is_active:
        known.is_active, known.revoked_at = False, now
        with suppress_audit_trigger("api_key"):
            known.save(update_fields=["is_active", "revoked_at"])
        _audit(actor, "api_key.revoked", known)
    return known


def _check(actor: Actor) -> None:
    """Let through administrators, and whoever works on the machine itself (commands name no user)."""
    if not isinstance(actor, str) and not actor.has_perm(PERMISSION):  # type: ignore[attr-defined]
        raise PermissionDenied("Only administrators handle API keys.")


def _audit(actor: Actor, action: str, key: ApiKey, **data: object) -> None:
    audit_write(actor=actor, action=action, object_type="api_key", object_key=key.key, prefix=key.prefix, **data)
