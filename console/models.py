"""API keys: who may call what over HTTP; and people's own shortcuts. No domain models: moderation never sees one."""

import hashlib
import secrets
import uuid
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.lookups import Exact

SCOPES: tuple[str, ...] = (
    "items:write",
    "items:read",
    "feed:read",
    "feed:explain",
    "events:write",
    "reports:write",
    "appeals:write",
    "compliance:read",
)


def hash_secret(secret: str) -> str:
    """Return what is stored of a key. Keys carry 256 random bits, so a plain fast hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiKey(models.Model):
    """One platform client's key; the secret is shown once and only its hash is kept."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12)
    secret_hash = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=24), default=list)
    rate_per_minute = models.PositiveIntegerField(null=True, help_text="Empty: the deployment's default.")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="api_keys",
        help_text="Who answers for it; empty where a machine was given it at set-up.",
    )  # fmt: skip
    expires_at = models.DateTimeField(null=True, help_text="Refused from then on; empty: never.")
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True, help_text="Within a minute.")
    replaces = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="replaced_by")

    class Meta:
        constraints = [
            models.CheckConstraint(name="console_apikey_scopes_known", condition=Q(scopes__contained_by=list(SCOPES))),
            models.CheckConstraint(
                name="console_apikey_revoked_is_inactive", condition=Q(revoked_at__isnull=True) | Q(is_active=False)
            ),
            models.CheckConstraint(name="console_apikey_replaces_another", condition=~Q(replaces=F("pk"))),
        ]
        permissions = [
            ("manage_keys", "Can make and revoke API keys"),
            ("manage_people", "Can invite people and give roles"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_authenticated(self) -> bool:
        """True: a key that was found is an authenticated caller (what Django REST framework asks of a user)."""
        return True

    def is_expired(self, now: datetime) -> bool:
        """Return whether the key's time is over."""
        return self.expires_at is not None and self.expires_at <= now

    def is_valid(self, now: datetime) -> bool:
        """Return whether a call with the key is let in."""
        return self.is_active and not self.is_expired(now)

    @classmethod
    def issue(
        cls,
        *,
        name: str,
        scopes: list[str],
        secret: str = "",
        owner: AbstractBaseUser | None = None,
        expires_at: datetime | None = None,
        replaces: "ApiKey | None" = None,
        rate_per_minute: int | None = None,
    ) -> tuple["ApiKey", str]:
        """Store a new key; return it with its secret, which cannot be had again. `api_keys` has the audited way."""
        secret = secret or f"gh_{secrets.token_urlsafe(32)}"
        key = cls.objects.create(
            name=name,
            prefix=secret[:8],
            secret_hash=hash_secret(secret),
            scopes=scopes,
            owner_id=owner.pk if owner else None,
            expires_at=expires_at,
            replaces=replaces,
            rate_per_minute=rate_per_minute,
        )
        return key, secret


class Shortcuts(models.Model):
    """One person's own keys; who has no row has the first ones. `keys` is slug of an action -> one character."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="shortcuts")
    keys = models.JSONField(default=dict)
    is_off = models.BooleanField(default=False, help_text="Single characters do nothing (WCAG 2.1.4).")
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "shortcuts"
        constraints = [
            models.CheckConstraint(
                name="console_shortcuts_keys_by_action",
                condition=Q(
                    Exact(Func(F("keys"), function="jsonb_typeof", output_field=models.CharField()), Value("object"))
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"keys of {self.user_id}"
