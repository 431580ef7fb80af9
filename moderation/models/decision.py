"""Verdicts that were applied. Append-only; each stores all that is needed to replay it."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from moderation.models.base import PublicKeyModel, append_only, min_age_check, min_age_field, span_of, territories_field
from policies.choices import Outcome
from policies.document.rows import SLUG_CHARS
from policies.triggers import no_truncate

#: Raised as the name of a violated constraint where a machine decides under a version that decides nothing (any more).
VERSION_DECIDES = "moderation_decision_version_decides"
# Without a lock: an activation must never wait for uploads. A decision that was checked before an activation commits, and
# itself commits after it, is found by the activation, which waits for all transactions of before.
_VERSION_DECIDES = """
    IF NOT EXISTS (
        SELECT 1 FROM policies_policyversion v WHERE v.id = NEW.policy_version_id AND v.state IN ('active', 'canary')
    ) THEN
        RAISE EXCEPTION 'decision on item % under version %, which does not decide', NEW.item_id, NEW.policy_version_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'moderation_decision_version_decides';
    END IF;
    RETURN NEW;
"""
_NOT_TWICE_RUNNING = """
    IF EXISTS (
        SELECT 1 FROM moderation_decision d
        WHERE d.id = NEW.supersedes_id AND d.stage IN ('on_path', 'deep') AND d.evidence_digest = NEW.evidence_digest
          AND d.policy_version_id = NEW.policy_version_id
    ) THEN
        RAISE EXCEPTION 'the standing decision on item % rests on the same evidence', NEW.item_id
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'moderation_decision_not_twice_running';
    END IF;
    RETURN NEW;
"""
# Whoever writes the decision, one or thousands: from now on the item's files lie where nobody knows (`media_keys`). Once for
# an item, while the work is not done; what has no files needs none.
_REKEY = """
    IF EXISTS (SELECT FROM policies_category c WHERE c.slug = NEW.category AND c.is_child_safety) THEN
        INSERT INTO moderation_outboxmessage
            (key, created_at, topic, part, queue, rank_at, payload, item_id, state, attempts, available_at, last_error)
        SELECT gen_random_uuid(), now(), 'moderation.tasks.media_rekey', '', '', now(), '{}', i.id, 'pending', 0, now(), ''
        FROM moderation_item i
        WHERE i.id = NEW.item_id AND (i.media_id IS NOT NULL OR i.cover_id IS NOT NULL)
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
"""


# Any category that carries the flag, whatever it is called; see moderation.items.visibility.
_RESTRICTS_ITEM = """
    IF EXISTS (SELECT 1 FROM policies_category c WHERE c.slug = NEW.category AND c.is_child_safety) THEN
        UPDATE moderation_item SET is_restricted = true WHERE id = NEW.item_id AND NOT is_restricted;
    END IF;
    RETURN NULL;
"""


# What a clause says is part of its version, which never changes: the key says which it was.
_CLAUSE_OF_VERSION = """
    IF NOT EXISTS (
        SELECT FROM policies_clause c
        WHERE c.version_id = NEW.policy_version_id AND c.category_id = NEW.category AND c.key = NEW.clause
          AND c.outcome > 0
    ) THEN
        RAISE EXCEPTION 'decision on item %: version % has no clause % for it', NEW.item_id, NEW.policy_version_id, NEW.clause
            USING ERRCODE = 'check_violation', CONSTRAINT = 'moderation_decision_clause_of_version';
    END IF;
    RETURN NEW;
"""


class DecisionStage(models.TextChoices):
    """What led to a decision."""

    ON_PATH = "on_path", "On the upload path"
    DEEP = "deep", "After the slow models"
    REVIEW = "review", "By a reviewer"
    SENIOR = "senior", "By a senior, over an earlier decision"
    ACTIVATION = "activation", "A policy version went live"
    WITHDRAWAL = "withdrawal", "Withdrawn by the platform"
    CAMPAIGN = "campaign", "As one of a campaign"
    EMERGENCY = "emergency", "Emergency terms changed"
    LISTS = "lists", "Banks, domains, prompts or a standing changed"
    UNDONE = "undone", "Somebody took their own decision back"


#: Stages in which a named person decided.
PERSON_STAGES = (DecisionStage.REVIEW, DecisionStage.SENIOR)
#: Rules of machines that keep what a person decided: new hard evidence waits for a senior, or blocks where it is of child
#: safety; once it is gone, their word holds again.
NEW_HARD_EVIDENCE, PERSON_HOLDS = "new_hard_evidence", "person_holds"
PERSONS_RULES = (NEW_HARD_EVIDENCE, PERSON_HOLDS)
#: Stages in which machines looked at all of the content.
MACHINE_STAGES = (DecisionStage.ON_PATH, DecisionStage.DEEP)
#: Stages in which a machine decides under the version of the moment.
LIVE_STAGES = (
    *MACHINE_STAGES, DecisionStage.CAMPAIGN, DecisionStage.EMERGENCY, DecisionStage.LISTS, DecisionStage.UNDONE,
)  # fmt: skip


class Decision(PublicKeyModel):
    """A verdict that was applied, by a machine or a person.

    `evidence` holds what `policies.decision.decide` was given: `{"scores": {category: float}, "hard": {category: int},
    "missing": {detector: why}, "context": {...}}`; `reasons` is what it answered.
    """

    item = models.ForeignKey("moderation.Item", on_delete=models.PROTECT, related_name="decisions")
    outcome = models.PositiveSmallIntegerField(choices=Outcome.choices)
    min_age = min_age_field()
    territories_blocked = territories_field()
    stage = models.CharField(max_length=12, choices=DecisionStage.choices)
    decided_by = models.CharField(max_length=80)
    category = models.CharField(max_length=40, blank=True)
    clause = models.CharField(
        max_length=SLUG_CHARS, default="", db_default="", blank=True,
        help_text="Key of the clause of its policy version that a person rested it on; empty: none was named.",
    )  # fmt: skip
    reasons = models.JSONField(default=list)
    evidence = models.JSONField(default=dict)
    evidence_digest = models.CharField(max_length=64)
    policy_version = models.ForeignKey("policies.PolicyVersion", on_delete=models.PROTECT, related_name="+")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="decisions")
    note = models.TextField(blank=True)
    span_from_ms = models.PositiveIntegerField(null=True, help_text="Where the part that breaks the rule begins.")
    span_until_ms = models.PositiveIntegerField(null=True, help_text="Where it ends; after it begins.")
    supersedes = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="superseded_by")

    class Meta:
        constraints = [
            models.CheckConstraint(name="moderation_decision_outcome_known", condition=Q(outcome__in=Outcome.values)),
            min_age_check("moderation_decision_min_age_known"),
            models.CheckConstraint(
                name="moderation_decision_clear_is_unrestricted",
                condition=~Q(outcome=Outcome.CLEAR) | Q(min_age=0, territories_blocked=[]),
            ),
            models.CheckConstraint(
                name="moderation_decision_person_named",
                condition=Q(stage__in=PERSON_STAGES, actor__isnull=False)
                | Q(~Q(stage__in=PERSON_STAGES), actor__isnull=True),
            ),
            # Both ends or neither, in order; what a machine decides or what is cleared marks nothing.
            models.CheckConstraint(
                name="moderation_decision_span_whole",
                condition=Q(span_from_ms__isnull=True, span_until_ms__isnull=True)
                | Q(
                    span_from_ms__isnull=False,
                    span_until_ms__isnull=False,  # or the comparison would be unknown, which a check lets through
                    span_until_ms__gt=F("span_from_ms"),
                    stage__in=PERSON_STAGES,
                    outcome__gt=Outcome.CLEAR,
                ),
            ),
            models.CheckConstraint(
                name="moderation_decision_clause_by_person",
                condition=Q(clause="") | (Q(stage__in=PERSON_STAGES) & ~Q(outcome=Outcome.CLEAR)),
            ),
            # A chain, never a tree, with one beginning.
            models.UniqueConstraint(
                fields=["item"], condition=Q(supersedes__isnull=True), name="moderation_decision_one_first"
            ),
        ]
        indexes = [
            models.Index(fields=["item", "id"], name="moderation_decision_history"),  # the item page
            models.Index(fields=["-created_at"], name="moderation_decision_recent"),  # dashboards
            # creator history on the upload path: recent blocks
            models.Index(
                fields=["item", "created_at"], name="moderation_decision_blocks", condition=Q(outcome=Outcome.BLOCK)
            ),
            # acts_of: one's own last ten
            models.Index(fields=["actor", "-id"], name="moderation_decision_own", condition=Q(actor__isnull=False)),
            # labels of simulations: what people decided in a period
            models.Index(fields=["created_at"], name="moderation_decision_people", condition=Q(actor__isnull=False)),
            # items explorer: what is rare in a category
            models.Index(
                fields=["category", "-created_at"], name="moderation_decision_category", condition=~Q(category="")
            ),
        ]
        triggers = [
            append_only(),
            no_truncate(),
            # Retries are safe: what stands is not decided again, however often a task runs. What stood once may come back.
            pgtrigger.Trigger(
                name="not_twice_running",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__supersedes__isnull=False, new__stage__in=MACHINE_STAGES),
                func=_NOT_TWICE_RUNNING,
            ),
            # A process that has not heard of an activation yet must not go on deciding under the former version.
            pgtrigger.Trigger(
                name="version_decides",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__stage__in=LIVE_STAGES),
                func=_VERSION_DECIDES,
            ),
            pgtrigger.Trigger(
                name="clause_of_version",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=~pgtrigger.Q(new__clause=""),
                func=_CLAUSE_OF_VERSION,
            ),
            pgtrigger.Trigger(
                name="restricted_media_moves",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__category__gt=""),
                func=_REKEY,
            ),
            pgtrigger.Trigger(
                name="restricts_item",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                condition=~pgtrigger.Q(new__category=""),
                func=_RESTRICTS_ITEM,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_outcome_display()} by {self.decided_by}"

    @property
    def span_ms(self) -> tuple[int, int] | None:
        """The part of the clip that breaks the rule (ms); None where nobody marked one."""
        return span_of(self.span_from_ms, self.span_until_ms)

    @property
    def is_by_person(self) -> bool:
        """True where a named person decided."""
        return self.stage in PERSON_STAGES

    @property
    def rests_on_person(self) -> bool:
        """True where a named person decided, or a machine keeps what they decided: machines' scores change nothing any more."""
        return self.is_by_person or self.decided_by in PERSONS_RULES

    @property
    def by_person(self) -> "Decision | None":
        """The person's decision that this one is, or keeps; None where it rests on machines. What was taken back is passed over."""
        decision: Decision | None = self
        while decision is not None and decision.decided_by in PERSONS_RULES and not decision.is_by_person:
            decision = decision.before_undone if decision.stage == DecisionStage.UNDONE else decision.supersedes
        return decision if decision is not None and decision.is_by_person else None

    @property
    def before_undone(self) -> "Decision | None":
        """What stood before the decision that this one takes back."""
        return self.supersedes.supersedes if self.supersedes else None
