"""Who did what, when: one row per change, in the transaction of the change."""

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F
from django.db.models.functions import Upper

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
            # Every upload writes a row, so few and small: the primary key serves "newest first", times follow it closely.
            models.Index(fields=["object_key", "object_type"], name="moderation_audit_object"),  # the item page as well
            models.Index(Upper("actor_name"), F("id").desc(), name="moderation_audit_actor"),
            models.Index(
                fields=["action", "-id"], opclasses=["varchar_pattern_ops", "int8_ops"], name="moderation_audit_action"
            ),
            BrinIndex(fields=["at"], autosummarize=True, name="moderation_audit_at"),
        ]
        permissions = [("read_audit", "Can read the audit log")]
        triggers = [append_only(), no_truncate()]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.action} {self.object_key}"


class AuditTally(models.Model):
    """How often an act was repeated in one stretch of time: the audit log has a row of its first, not of each.

    Rows last until their stretch is over and its total is written down, so the table stays as small as a minute's variety.
    """

    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    actor_name = models.CharField(max_length=150)
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=40)
    object_key = models.CharField(max_length=128)
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    n = models.PositiveIntegerField(default=1)
    tells_total = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["action", "object_type", "object_key", "actor_name", "begins_at"],
                name="moderation_audittally_once",
            ),
            models.CheckConstraint(name="moderation_audittally_ends", condition=models.Q(ends_at__gt=F("begins_at"))),
        ]
        indexes = [models.Index(fields=["ends_at"], name="moderation_audittally_over")]  # the settling task

    def __str__(self) -> str:
        return f"{self.actor_name} {self.action} {self.object_key}: {self.n}"
