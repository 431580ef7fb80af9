"""A person's decision that lets somebody see what nobody could: it takes effect a moment later, and can be taken back until then."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from moderation.models.base import PublicKeyModel, min_age_check, min_age_field, span_of, territories_field
from moderation.models.decision import PERSON_STAGES, DecisionStage
from policies.choices import Outcome
from policies.document.rows import SLUG_CHARS
from policies.triggers import no_truncate

# What became of it is said once, and what was said in it is never changed: a worker that runs twice finds nothing to do.
_SETTLED_ONCE = """
    IF OLD.state <> 'waiting' AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION 'decision % waits no longer', OLD.key USING ERRCODE = 'check_violation';
    END IF;
    IF (NEW.item_id, NEW.job_id, NEW.actor_id, NEW.stage, NEW.outcome, NEW.min_age, NEW.territories_blocked, NEW.category,
        NEW.clause, NEW.span_from_ms, NEW.span_until_ms, NEW.note, NEW.answer, NEW.expected_decision, NEW.due_at)
       IS DISTINCT FROM
       (OLD.item_id, OLD.job_id, OLD.actor_id, OLD.stage, OLD.outcome, OLD.min_age, OLD.territories_blocked, OLD.category,
        OLD.clause, OLD.span_from_ms, OLD.span_until_ms, OLD.note, OLD.answer, OLD.expected_decision, OLD.due_at)
    THEN
        RAISE EXCEPTION 'what decision % says is never changed', OLD.key USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
"""


class WaitingState(models.TextChoices):
    """What became of it."""

    WAITING = "waiting", "Takes effect in a moment"
    APPLIED = "applied", "Took effect"
    TAKEN_BACK = "taken_back", "Taken back"
    OVERTAKEN = "overtaken", "Did not take effect"


class WaitingDecision(PublicKeyModel):
    """What a person decided, until it is a decision or none. It clears nothing itself: only the decision made of it does.

    `expected_decision` names what their page showed, `lists_n` and `lists_newest` the lists that were in force then.
    """

    item = models.ForeignKey("moderation.Item", on_delete=models.PROTECT, related_name="waiting_decisions")
    job = models.ForeignKey("moderation.Job", on_delete=models.PROTECT, null=True, related_name="waiting_decisions")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    stage = models.CharField(max_length=12, choices=DecisionStage.choices)
    outcome = models.PositiveSmallIntegerField(choices=Outcome.choices)
    min_age = min_age_field()
    territories_blocked = territories_field()
    category = models.CharField(max_length=40, blank=True)
    clause = models.CharField(max_length=SLUG_CHARS, blank=True)
    span_from_ms = models.PositiveIntegerField(null=True)
    span_until_ms = models.PositiveIntegerField(null=True)
    note = models.TextField(blank=True)
    answer = models.CharField(max_length=2_000, blank=True)
    expected_decision = models.CharField(max_length=200)
    lists_n = models.BigIntegerField()
    lists_newest = models.BigIntegerField()
    due_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=WaitingState.choices, default=WaitingState.WAITING)
    settled_at = models.DateTimeField(null=True)
    decision = models.OneToOneField(
        "moderation.Decision", on_delete=models.PROTECT, null=True, related_name="waited_as"
    )
    why = models.CharField(max_length=200, blank=True, help_text="Why it did not take effect, as its maker is told.")
    seen_at = models.DateTimeField(null=True, help_text="When its maker said that they have read why.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="moderation_waiting_clears", condition=Q(outcome__in=(Outcome.CLEAR, Outcome.RESTRICT))
            ),
            min_age_check("moderation_waiting_min_age_known"),
            models.CheckConstraint(name="moderation_waiting_by_person", condition=Q(stage__in=PERSON_STAGES)),
            models.CheckConstraint(name="moderation_waiting_state_known", condition=Q(state__in=WaitingState.values)),
            models.CheckConstraint(
                name="moderation_waiting_settled_whole",
                condition=Q(state=WaitingState.WAITING, settled_at__isnull=True)
                | Q(~Q(state=WaitingState.WAITING), settled_at__isnull=False),
            ),
            models.CheckConstraint(
                name="moderation_waiting_applied_has_decision",
                condition=Q(state=WaitingState.APPLIED, decision__isnull=False)
                | Q(~Q(state=WaitingState.APPLIED), decision__isnull=True),
            ),
            models.CheckConstraint(
                name="moderation_waiting_overtaken_says_why",
                condition=Q(~Q(why=""), state=WaitingState.OVERTAKEN) | Q(~Q(state=WaitingState.OVERTAKEN), why=""),
            ),
            models.CheckConstraint(
                name="moderation_waiting_seen_when_overtaken",
                condition=Q(seen_at__isnull=True) | Q(state=WaitingState.OVERTAKEN),
            ),
            # A second one replaces the first, and says so.
            models.UniqueConstraint(
                fields=["item"], condition=Q(state=WaitingState.WAITING), name="moderation_waiting_one_each"
            ),
        ]
        indexes = [
            # waiting_apply_due
            models.Index(fields=["due_at"], name="moderation_waiting_due", condition=Q(state=WaitingState.WAITING)),
            # acts_of: one's own last ten
            models.Index(fields=["actor", "-created_at"], name="moderation_waiting_recent"),
            # overtaken_unread
            models.Index(
                fields=["actor"],
                name="moderation_waiting_unread",
                condition=Q(state=WaitingState.OVERTAKEN, seen_at__isnull=True),
            ),
        ]
        triggers = [
            no_truncate(),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="settled_once", when=pgtrigger.Before, operation=pgtrigger.Update, func=_SETTLED_ONCE
            ),
        ]

    @property
    def span_ms(self) -> tuple[int, int] | None:
        """The part of the clip that breaks the rule (ms); None where nobody marked one."""
        return span_of(self.span_from_ms, self.span_until_ms)

    def __str__(self) -> str:
        return f"{self.get_outcome_display()} ({self.state})"
