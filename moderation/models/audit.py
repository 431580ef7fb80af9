"""Who did what, when: one row per change, in the transaction of the change."""

from django.conf import settings
from django.db import models

from moderation.models.base import append_only
from policies.triggers import no_truncate


class AuditEvent(models.Model):
    """One act. `data` carries keys and values of the change, never content or personal data."""

    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    actor_name = models.CharField(max_length=150)
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=40)
    object_key = models.CharField(max_length=128)
    data = models.JSONField(default=dict)
    request_id = models.CharField(max_length=40, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["-id"], name="moderation_audit_recent"),  # the audit page
            models.Index(fields=["object_type", "object_key"], name="moderation_audit_object"),  # the item page
        ]
        permissions = [("read_audit", "Can read the audit log")]
        triggers = [append_only(), no_truncate()]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.action} {self.object_key}"
