"""What a version in shadow would have decided, how a canary does beside its control, and canaries that were taken back."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from moderation.models.base import PublicKeyModel, append_only, min_age_check, min_age_field
from policies.choices import Outcome
from policies.triggers import no_truncate


class ShadowVerdict(models.Model):
    """What a version in shadow says of the evidence of a decision that was applied. It changes nothing."""

    decision = models.ForeignKey("moderation.Decision", on_delete=models.PROTECT, related_name="shadow_verdicts")
    item = models.ForeignKey("moderation.Item", on_delete=models.PROTECT, related_name="+")
    version = models.ForeignKey("policies.PolicyVersion", on_delete=models.PROTECT, related_name="+")
    outcome = models.PositiveSmallIntegerField(choices=Outcome.choices)
    min_age = min_age_field()
    decided_by = models.CharField(max_length=80)
    category = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["decision", "version"], name="moderation_shadowverdict_once"),
            models.CheckConstraint(
                name="moderation_shadowverdict_outcome_known", condition=Q(outcome__in=Outcome.values)
            ),
            min_age_check("moderation_shadowverdict_min_age_known"),
        ]
        # the agreement table
        indexes = [models.Index(fields=["version", "-created_at"], name="moderation_shadow_recent")]
        triggers = [append_only(), no_truncate()]

    def __str__(self) -> str:
        return f"{self.get_outcome_display()} by {self.decided_by}"


class CanaryTally(models.Model):
    """Final machine verdicts of a stretch of time, of one arm: those under the canary, or those under the active version.

    Counts are of decisions made in the stretch. `n_final` are the verdicts that a person could overturn (served or
    blocked), of which people overturned `n_overturned` in the stretch.
    """

    version = models.ForeignKey("policies.PolicyVersion", on_delete=models.PROTECT, related_name="+")
    is_canary = models.BooleanField()
    since_at = models.DateTimeField()
    until_at = models.DateTimeField()
    n = models.PositiveIntegerField()
    n_blocked = models.PositiveIntegerField()
    n_escalated = models.PositiveIntegerField()
    n_held = models.PositiveIntegerField()
    n_final = models.PositiveIntegerField()
    n_overturned = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "is_canary", "since_at"], name="moderation_canarytally_once"),
            models.CheckConstraint(name="moderation_canarytally_forward", condition=Q(until_at__gt=F("since_at"))),
            models.CheckConstraint(
                name="moderation_canarytally_parts",
                condition=Q(n__gte=F("n_blocked") + F("n_escalated") + F("n_held"), n_final__lte=F("n")),
            ),
        ]
        triggers = [append_only(), no_truncate()]

    def __str__(self) -> str:
        return f"{self.n} {'under the canary' if self.is_canary else 'beside it'} until {self.until_at:%H:%M}"


class RollbackNotice(PublicKeyModel):
    """A canary that its guard took back; shown on every page until somebody has seen it."""

    version = models.ForeignKey("policies.PolicyVersion", on_delete=models.PROTECT, related_name="+")
    rate = models.CharField(max_length=20)
    detail = models.CharField(max_length=300)
    numbers = models.JSONField(default=dict)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="moderation_rollbacknotice_seen_by_somebody",
                condition=Q(acknowledged_at__isnull=True, acknowledged_by__isnull=True)
                | Q(acknowledged_at__isnull=False, acknowledged_by__isnull=False),
            ),
        ]
        # every page
        indexes = [
            models.Index(fields=["-id"], name="moderation_rollback_unseen", condition=Q(acknowledged_at__isnull=True))
        ]

    def __str__(self) -> str:
        return self.detail
