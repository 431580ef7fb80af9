"""Acts on many items at once that wait for a second person: who asked, what they saw of its radius, who answered."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from moderation.models.base import PublicKeyModel
from policies.triggers import no_truncate


class WideKind(models.TextChoices):
    """What would be done."""

    CAMPAIGN = "campaign", "Decide a campaign"
    CAMPAIGN_UNDO = "campaign_undo", "Undo a campaign's decision"
    ACTIVATION = "activation", "Put a version in force"
    ROLLBACK = "rollback", "Roll back to a version"
    BANK = "bank", "Switch a bank"


class WideState(models.TextChoices):
    """Where it is."""

    WAITING = "waiting", "Waits for a second person"
    CONFIRMED = "confirmed", "Confirmed and done"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Taken back"


class WideAct(PublicKeyModel):
    """One act that was asked for. It is done in the transaction that confirms it, and by nothing else.

    `act` is what the service of its kind takes; `radius` is what the asker saw, for those outside the restricted partition and
    whole; `n_items` and `n_views` are of all, and what a confirmation is measured against.
    """

    kind = models.CharField(max_length=16, choices=WideKind.choices)
    subject = models.CharField(max_length=80, help_text="Public key, number or slug of what it is done to.")
    act = models.JSONField(default=dict)
    radius = models.JSONField()
    n_items = models.PositiveBigIntegerField()
    n_views = models.PositiveBigIntegerField()
    state = models.CharField(max_length=10, choices=WideState.choices, default=WideState.WAITING)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    answered_at = models.DateTimeField(null=True)
    answer_note = models.CharField(max_length=300, blank=True)
    n_items_then = models.PositiveBigIntegerField(null=True, help_text="What it reached when it was answered.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="moderation_wideact_kind_known", condition=Q(kind__in=WideKind.values)),
            models.CheckConstraint(name="moderation_wideact_state_known", condition=Q(state__in=WideState.values)),
            models.CheckConstraint(
                name="moderation_wideact_four_eyes",
                condition=Q(answered_by__isnull=True) | Q(state="withdrawn") | ~Q(answered_by=F("asked_by")),
            ),
            models.CheckConstraint(
                name="moderation_wideact_own_withdrawn",
                condition=~Q(state="withdrawn") | Q(answered_by=F("asked_by")),
            ),
            models.CheckConstraint(
                name="moderation_wideact_answered_whole",
                condition=Q(state="waiting", answered_by__isnull=True, answered_at__isnull=True)
                | Q(~Q(state="waiting"), answered_by__isnull=False, answered_at__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=Q(state="waiting"), name="moderation_wideact_asked_once"
            ),
        ]
        indexes = [
            # acts_waiting: what waits for a second person, on every home page
            models.Index(fields=["-id"], name="moderation_wideact_waiting", condition=Q(state="waiting")),
        ]
        triggers = [
            pgtrigger.Protect(
                name="meaning_fixed",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange(
                    "key", "kind", "subject", "act", "radius", "n_items", "n_views", "asked_by", "created_at"
                ),
            ),
            pgtrigger.Protect(
                name="answer_final", operation=pgtrigger.Update, condition=~pgtrigger.Q(old__state="waiting")
            ),
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            no_truncate(),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.subject} ({self.state})"

    @property
    def is_waiting(self) -> bool:
        """True until somebody answered."""
        return self.state == WideState.WAITING
