"""Saved simulations: what was asked of which draft, how far it is, and what came out. A finished one never changes."""

from datetime import date, timedelta

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from moderation.models.base import PublicKeyModel
from policies.replay.outcomes import Simulation
from policies.replay.population import Filter
from policies.triggers import no_truncate

# The draft may be discarded; what was found of it stays.
_FINAL = """
    IF OLD.state IN ('done', 'failed', 'cancelled')
       AND to_jsonb(NEW) - 'draft_id' IS DISTINCT FROM to_jsonb(OLD) - 'draft_id'
    THEN
        RAISE EXCEPTION 'simulation % is finished', OLD.key USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
"""


class RunState(models.TextChoices):
    """Where a run is."""

    QUEUED = "queued", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


FINISHED_RUN_STATES = (RunState.DONE, RunState.FAILED, RunState.CANCELLED)


class SimulationRun(PublicKeyModel):
    """One draft (or any other version) replayed beside the version that was active.

    Digests say what exactly was compared: a draft may change afterwards, or be discarded. `since` and `until` bound the time
    of upload, the end excluded; `filter` is the rest of it, as `policies.replay.population.Filter` writes it.

    There are two results where the restricted partition has anything of the population: one without it, for everybody, and
    the whole. Runs from before that have only the whole one, and are not open; see moderation.items.visibility.
    """

    draft = models.ForeignKey(
        "policies.PolicyVersion", on_delete=models.SET_NULL, null=True, related_name="simulation_runs"
    )
    draft_key = models.UUIDField()
    draft_number = models.PositiveIntegerField()
    draft_digest = models.CharField(max_length=64)
    active = models.ForeignKey("policies.PolicyVersion", on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField()
    until = models.DateTimeField()
    filter = models.JSONField(default=dict)
    state = models.CharField(max_length=9, choices=RunState.choices, default=RunState.QUEUED)
    progress = models.PositiveSmallIntegerField(default=0, help_text="Percent.")
    wants_cancel = models.BooleanField(default=False)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)
    n_items = models.PositiveIntegerField(null=True)
    result = models.JSONField(null=True)
    is_open = models.BooleanField(default=False, help_text="`result` leaves the restricted partition out.")
    n_items_whole = models.PositiveIntegerField(null=True)
    result_whole = models.JSONField(null=True, help_text="With the partition, where it has anything of the population.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="moderation_simulationrun_state_known", condition=Q(state__in=RunState.values)),
            models.CheckConstraint(name="moderation_simulationrun_progress_percent", condition=Q(progress__lte=100)),
            models.CheckConstraint(name="moderation_simulationrun_period_forward", condition=Q(since__lt=F("until"))),
            models.CheckConstraint(
                name="moderation_simulationrun_finished_whole",
                condition=Q(state__in=FINISHED_RUN_STATES, finished_at__isnull=False)
                | Q(~Q(state__in=FINISHED_RUN_STATES), finished_at__isnull=True),
            ),
            models.CheckConstraint(
                name="moderation_simulationrun_done_has_result",
                condition=Q(state=RunState.DONE, result__isnull=False, n_items__isnull=False, progress=100, error="")
                | Q(~Q(state=RunState.DONE), result__isnull=True),
            ),
            models.CheckConstraint(
                name="moderation_simulationrun_whole_beside_open",
                condition=Q(result_whole__isnull=True, n_items_whole__isnull=True)
                | Q(state=RunState.DONE, is_open=True, result_whole__isnull=False, n_items_whole__gte=F("n_items")),
            ),
            models.CheckConstraint(
                name="moderation_simulationrun_failed_says_why", condition=~Q(state=RunState.FAILED) | ~Q(error="")
            ),
        ]
        indexes = [models.Index(fields=["draft_key", "-id"], name="moderation_run_of_draft")]  # a version's runs
        triggers = [
            pgtrigger.Trigger(name="finished_is_final", when=pgtrigger.Before, operation=pgtrigger.Update, func=_FINAL),
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            no_truncate(),
        ]

    def __str__(self) -> str:
        return f"version {self.draft_number} over {self.n_items or 0} items"

    @property
    def is_finished(self) -> bool:
        """True where nothing will change any more."""
        return self.state in FINISHED_RUN_STATES

    @property
    def last_day(self) -> date:
        """The last day whose uploads were replayed: the end itself is outside."""
        return (self.until - timedelta(microseconds=1)).date()

    @property
    def wanted(self) -> Filter:
        """The filter with its period, in seconds since 1970."""
        period = {"since": int(self.since.timestamp()), "until": int(self.until.timestamp())}
        return Filter.from_json({**self.filter, **period})

    @property
    def simulation(self) -> Simulation | None:
        """What came out; None before it is done."""
        return None if self.result is None else Simulation.from_json(self.result)

    @property
    def simulation_whole(self) -> Simulation | None:
        """The same with the restricted partition; None before it is done."""
        return self.simulation if self.result_whole is None else Simulation.from_json(self.result_whole)
