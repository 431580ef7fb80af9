"""Replaying stored evidence under a version that was put in force: how far it is, and what it changed."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from moderation.models.base import PublicKeyModel


class ActivationKind(models.TextChoices):
    """Why stored items are decided again."""

    ACTIVATE = "activate", "A version was activated"
    ROLLBACK = "rollback", "A former version was rolled back to"
    CANARY_END = "canary_end", "What a canary decided comes back under the active version"


class ActivationState(models.TextChoices):
    """Where an activation is."""

    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Stopped by an error; tried again"
    SUPERSEDED = "superseded", "Overtaken by a later one"


class Phase(models.TextChoices):
    """What an activation is doing, in this order."""

    REVOKE = "revoke", "Taking away what the version does not clear"
    SETTLE = "settle", "Waiting for what began before it"
    WIDEN = "widen", "Deciding everything else that differs"
    DONE = "done", "Nothing: it is done"


class Activation(PublicKeyModel):
    """One replay. `cursor` is the primary key of the last item that the phase is done with."""

    version = models.ForeignKey("policies.PolicyVersion", on_delete=models.PROTECT, related_name="activations")
    former_version = models.ForeignKey("policies.PolicyVersion", on_delete=models.PROTECT, related_name="+", null=True)
    #: Only items that this version decided; null for all.
    only_version = models.ForeignKey("policies.PolicyVersion", on_delete=models.PROTECT, related_name="+", null=True)
    kind = models.CharField(max_length=10, choices=ActivationKind.choices)
    state = models.CharField(max_length=10, choices=ActivationState.choices, default=ActivationState.RUNNING)
    phase = models.CharField(max_length=6, choices=Phase.choices, default=Phase.REVOKE)
    cursor = models.BigIntegerField(default=0)
    #: Every transaction that may still decide under the former version has a lower id.
    mark_xid = models.BigIntegerField(null=True)
    #: Every transaction that still ran when the first pass began has this id or a higher one.
    began_xmin = models.BigIntegerField(null=True)
    #: The term lists are others than those that stored captions were looked through for.
    looks_at_captions = models.BooleanField(default=False)
    #: Known hashes lead to something else than what is stored of those that were met.
    looks_at_matches = models.BooleanField(default=False)
    n_total = models.PositiveBigIntegerField(default=0)  # items with stored evidence when it began, about
    n_checked = models.PositiveBigIntegerField(default=0)  # in the phase
    n_revoked = models.PositiveBigIntegerField(default=0)  # were served and are not any more
    n_narrowed = models.PositiveBigIntegerField(default=0)  # are served to fewer
    n_widened = models.PositiveBigIntegerField(default=0)  # are served, or served to more
    n_blocked = models.PositiveBigIntegerField(default=0)  # got the verdict "block"
    n_escalated = models.PositiveBigIntegerField(default=0)  # got "escalate" or "hold"
    n_kept = models.PositiveBigIntegerField(default=0)  # differ, and stay as a person decided
    n_jobs = models.PositiveBigIntegerField(default=0)  # opened
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    finished_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True, help_text="A worker runs it and says so until then.")
    n_attempts = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # activations_resume asks for it; and two replays would undo each other's work.
            models.UniqueConstraint(
                fields=["finished_at"],
                condition=Q(state__in=("running", "failed")),
                nulls_distinct=False,
                name="moderation_activation_one_running",
            ),
            models.CheckConstraint(
                name="moderation_activation_state_known", condition=Q(state__in=ActivationState.values)
            ),
            models.CheckConstraint(name="moderation_activation_phase_known", condition=Q(phase__in=Phase.values)),
            models.CheckConstraint(
                name="moderation_activation_ended_has_time",
                condition=Q(state__in=("running", "failed"), finished_at__isnull=True)
                | Q(~Q(state__in=("running", "failed")), finished_at__isnull=False),
            ),
            models.CheckConstraint(
                name="moderation_activation_done_is_whole", condition=Q(state="done", phase="done") | ~Q(state="done")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.state})"

    @property
    def is_running(self) -> bool:
        """True until it is done or overtaken."""
        return self.state in {ActivationState.RUNNING, ActivationState.FAILED}

    @property
    def started_at(self) -> object:
        """When it began."""
        return self.created_at

    @property
    def progress(self) -> int:
        """How much is done, 0 to 100; each pass over the items is half of it."""
        if self.phase == Phase.DONE:
            return 100
        half = 0 if self.phase == Phase.REVOKE else 50
        share = 0.0 if self.phase == Phase.SETTLE else min(self.n_checked / max(self.n_total, 1), 1.0)
        return min(half + int(50 * share), 99)
