"""Terms against a wave of abuse that cannot wait for a version: live at once, reviewed afterwards, gone unless confirmed."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from moderation.models.base import PublicKeyModel
from policies.choices import Outcome


class EmergencyState(models.TextChoices):
    """Where an emergency term is."""

    LIVE = "live", "Live, not reviewed yet"
    CONFIRMED = "confirmed", "Confirmed"
    EXPIRED = "expired", "Ended: time over, or part of the active version"
    WITHDRAWN = "withdrawn", "Taken back"
    REJECTED = "rejected", "Rejected"


class EmergencyTerm(PublicKeyModel):
    """A word or phrase that one person put in force beside the active version."""

    text = models.CharField(max_length=120)
    category = models.ForeignKey("policies.Category", to_field="slug", on_delete=models.PROTECT, related_name="+")
    language = models.CharField(max_length=3, blank=True)
    outcome = models.PositiveSmallIntegerField(choices=Outcome.choices)
    note = models.CharField(max_length=300)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=EmergencyState.choices, default=EmergencyState.LIVE)
    expires_at = models.DateTimeField()
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    reviewed_at = models.DateTimeField(null=True)
    review_note = models.CharField(max_length=300, blank=True)
    ended_at = models.DateTimeField(null=True)
    n_rechecked = models.PositiveIntegerField(default=0)  # stored items that were looked through for it
    n_caught = models.PositiveIntegerField(default=0)  # of these, how many were decided anew

    class Meta:
        ordering = ["-id"]
        permissions = [("add_emergency_terms", "Can put an emergency term in force")]
        constraints = [
            models.CheckConstraint(
                name="moderation_emergencyterm_state_known", condition=Q(state__in=EmergencyState.values)
            ),
            models.CheckConstraint(
                name="moderation_emergencyterm_outcome_acts",
                condition=Q(outcome__range=(Outcome.RESTRICT, Outcome.BLOCK)),
            ),
            models.CheckConstraint(
                name="moderation_emergencyterm_four_eyes", condition=Q(reviewer__isnull=True) | ~Q(reviewer=F("author"))
            ),
            models.CheckConstraint(
                name="moderation_emergencyterm_reviewed_by_somebody",
                condition=~Q(state__in=("confirmed", "rejected"))
                | Q(reviewer__isnull=False, reviewed_at__isnull=False),
            ),
            models.CheckConstraint(
                name="moderation_emergencyterm_ended_has_time",
                condition=Q(state__in=("live", "confirmed"), ended_at__isnull=True)
                | Q(~Q(state__in=("live", "confirmed")), ended_at__isnull=False),
            ),
            models.CheckConstraint(name="moderation_emergencyterm_text_not_blank", condition=Q(text__regex=r"\S")),
            models.CheckConstraint(name="moderation_emergencyterm_note_not_blank", condition=Q(note__regex=r"\S")),
            models.UniqueConstraint(
                fields=["text", "category", "language"],
                condition=Q(state__in=("live", "confirmed")),
                name="moderation_emergencyterm_once",
            ),
        ]
        indexes = [
            # emergency_source: what is in force, every second in every process
            models.Index(
                fields=["id"], name="moderation_emergency_in_force", condition=Q(state__in=("live", "confirmed"))
            ),
        ]

    def __str__(self) -> str:
        return self.text

    @property
    def is_open(self) -> bool:
        """True while it is live or confirmed, as far as its row says."""
        return self.state in {EmergencyState.LIVE, EmergencyState.CONFIRMED}

    def is_matching(self, now: datetime) -> bool:
        """Whether uploads are matched against it: confirmed, or live and not over."""
        return self.state == EmergencyState.CONFIRMED or (self.state == EmergencyState.LIVE and self.expires_at > now)
