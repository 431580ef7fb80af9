"""What people do beyond a decision: what a creator is told from a job, and calls to whoever leads."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from moderation.models.base import PublicKeyModel, append_only
from policies.document.rows import SLUG_CHARS
from policies.triggers import no_truncate


class ActKind(models.TextChoices):
    """What is done to, or for, a creator beside a decision."""

    HELP = "help", "Help message"
    WARNING = "warning", "Warning"


class CreatorAct(PublicKeyModel):
    """One message to a creator that somebody sent from a job. For ever; what carries it to the platform is a notice.

    `clause` is the key of the clause of `policy_version` that it was taken from, empty where it was written by hand. Warnings
    are what strikes are to be counted from.
    """

    kind = models.CharField(max_length=8, choices=ActKind.choices)
    creator = models.ForeignKey("moderation.Creator", on_delete=models.PROTECT, related_name="acts")
    item = models.ForeignKey("moderation.Item", on_delete=models.PROTECT, related_name="acts")
    job = models.ForeignKey("moderation.Job", on_delete=models.PROTECT, related_name="acts")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    policy_version = models.ForeignKey(
        "policies.PolicyVersion", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    clause = models.CharField(max_length=SLUG_CHARS, blank=True, default="", db_default="")
    language = models.CharField(max_length=3, blank=True, default="", db_default="")
    text = models.CharField(max_length=2_000)

    class Meta:
        constraints = [
            models.CheckConstraint(name="moderation_creatoract_kind_known", condition=Q(kind__in=ActKind.values)),
            models.CheckConstraint(name="moderation_creatoract_says_something", condition=Q(text__regex=r"\S")),
            # Pressed twice is meant once.
            models.UniqueConstraint(fields=["job", "kind"], name="moderation_creatoract_once_a_job"),
        ]
        triggers = [append_only(), no_truncate()]

    def __str__(self) -> str:
        return f"{self.kind} to {self.creator_id}"


class LeadCall(PublicKeyModel):
    """Somebody tells whoever leads about a job; it stays on the leads' home page until one of them has seen to it."""

    job = models.ForeignKey("moderation.Job", on_delete=models.PROTECT, related_name="lead_calls")
    caller = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    text = models.CharField(max_length=500)
    seen_at = models.DateTimeField(null=True)
    seen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.CheckConstraint(name="moderation_leadcall_says_something", condition=Q(text__regex=r"\S")),
            models.CheckConstraint(
                name="moderation_leadcall_seen_by_somebody",
                condition=Q(seen_at__isnull=True, seen_by__isnull=True)
                | Q(seen_at__isnull=False, seen_by__isnull=False),
            ),
            # One call a job at a time; it also serves the home page, which asks for those nobody has seen to.
            models.UniqueConstraint(
                fields=["job"], condition=Q(seen_at__isnull=True), name="moderation_leadcall_one_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job_id}: {self.text[:40]}"
