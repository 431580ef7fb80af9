"""API keys: who may call what over HTTP. Not a domain model: moderation never sees one."""

import hashlib
import secrets
import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

SCOPES: tuple[str, ...] = (
    "items:write",
    "items:read",
    "feed:read",
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

    class Meta:
        constraints = [
            models.CheckConstraint(name="console_apikey_scopes_known", condition=Q(scopes__contained_by=list(SCOPES))),
        ]
        permissions = [("manage_keys", "Can make and revoke API keys")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_authenticated(self) -> bool:
        """True: a key that was found is an authenticated caller (what Django REST framework asks of a user)."""
        return True

    @classmethod
    def issue(cls, *, name: str, scopes: list[str], secret: str = "") -> tuple["ApiKey", str]:
        """Store a new key; return it with its secret, which cannot be had again."""
        secret = secret or f"gh_{secrets.token_urlsafe(32)}"
        key = cls.objects.create(name=name, prefix=secret[:8], secret_hash=hash_secret(secret), scopes=scopes)
        return key, secret
