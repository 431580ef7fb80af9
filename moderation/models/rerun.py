"""A run of one detector over the files there are, after its version changed."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from moderation.models.base import PublicKeyModel
from policies.choices import DEEP_DETECTORS


class DetectorRerun(PublicKeyModel):
    """One run over history: how far it is, how fast it may go, and whether it goes on. Its place is kept here, so that any
    process may go on with it."""

    class State(models.TextChoices):
        """Whether it goes on."""

        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Cancelled"

    detector = models.CharField(max_length=20)
    version = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    per_minute = models.PositiveIntegerField(help_text="Files a minute, at most.")
    n_total = models.PositiveIntegerField(help_text="Files without a result of this version when it began.")
    n_done = models.PositiveIntegerField(default=0)
    cursor = models.BigIntegerField(default=0, help_text="Files up to this primary key were promised.")
    budget_from = models.DateTimeField(help_text="Files are promised for the time since then.")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="moderation_rerun_detector_known", condition=Q(detector__in=sorted(DEEP_DETECTORS))
            ),
            models.CheckConstraint(
                name="moderation_rerun_state_known", condition=Q(state__in=["running", "paused", "done", "cancelled"])
            ),
            models.CheckConstraint(
                name="moderation_rerun_rate_range", condition=Q(per_minute__gte=1, per_minute__lte=6_000)
            ),
            models.CheckConstraint(
                name="moderation_rerun_finished_has_time",
                condition=Q(state__in=["done", "cancelled"], finished_at__isnull=False)
                | Q(state__in=["running", "paused"], finished_at__isnull=True),
            ),
            models.UniqueConstraint(
                fields=["detector"], condition=Q(state__in=["running", "paused"]), name="moderation_rerun_one_each"
            ),
        ]
        permissions = [("rerun_detectors", "Can run detectors over history again")]

    def __str__(self) -> str:
        return f"{self.detector} over history ({self.state})"

    @property
    def is_open(self) -> bool:
        """Whether it may still go on."""
        return self.state in {self.State.RUNNING, self.State.PAUSED}

    @property
    def share_done(self) -> float:
        """How far it is, in [0, 1]; files that came since it began have results of the new version anyway."""
        return min(self.n_done / self.n_total, 1.0) if self.n_total else 1.0
