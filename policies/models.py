"""Policy versions and all that a version says. A version is immutable once it leaves draft; triggers hold that."""

import uuid

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.lookups import Exact
from django.utils import timezone

from policies.choices import BAND_MIN_AGES, DETECTORS, Band, ItemKind, Outcome, Standing
from policies.document.clauses import MAX_CLAUSES
from policies.document.rows import LIST_CHARS, NAME_CHARS, REASON_CHARS, SLUG_CHARS, TERM_CHARS, TITLE_CHARS
from policies.triggers import (
    BANK_BLOCKS,
    four_eyes,
    frozen_child,
    frozen_term,
    frozen_version,
    no_truncate,
    version_transitions,
)

#: Two capital letters: ISO 3166-1 alpha-2.
MARKET = RegexValidator(r"^[A-Z]{2}$", "A market is two capital letters.")
#: A BCP 47 primary subtag.
LANGUAGE = RegexValidator(r"^[a-z]{2,3}$", "A language is two or three small letters.")
#: The threshold columns, from the mildest consequence to the strictest.
THRESHOLD_LEVELS = ("restrict_13_at", "restrict_16_at", "restrict_18_at", "escalate_at", "block_at")


def _market(blank: bool = True) -> "models.CharField[str, str]":
    return models.CharField(max_length=2, blank=blank, validators=[MARKET])


def _language() -> "models.CharField[str, str]":
    return models.CharField(max_length=3, blank=True, validators=[LANGUAGE])


def _score() -> "models.FloatField[float | None, float | None]":
    return models.FloatField(null=True, blank=True, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)])


def _category(*, null: bool = False) -> "models.ForeignKey[Category, Category]":
    return models.ForeignKey(
        "policies.Category", to_field="slug", on_delete=models.PROTECT, related_name="+", null=null, blank=null
    )


class Category(models.Model):
    """One kind of harm, with the guideline that reviewers read beside the item."""

    slug = models.SlugField(max_length=SLUG_CHARS, unique=True)
    name = models.CharField(max_length=NAME_CHARS)
    severity = models.PositiveSmallIntegerField()  # 1 (a nuisance) to 5 (a life)
    guideline = models.TextField(blank=True)
    is_mild = models.BooleanField(default=False)
    is_child_safety = models.BooleanField(default=False)

    class Meta:
        verbose_name_plural = "categories"
        ordering = ["-severity", "slug"]
        constraints = [
            models.CheckConstraint(name="policies_category_severity_range", condition=Q(severity__range=(1, 5))),
            models.CheckConstraint(
                name="policies_category_child_safety_severe",
                condition=Q(is_child_safety=False) | Q(severity=5, is_mild=False),
            ),
        ]

        # A published version counts on what its categories mean; their words may be corrected.
        triggers = [
            pgtrigger.ReadOnly(
                name="meaning_is_fixed", fields=["slug", "severity", "is_mild", "is_child_safety"], level=pgtrigger.Row
            )
        ]

    def __str__(self) -> str:
        return self.name


class VersionState(models.TextChoices):
    """Where a version is on its way to deciding; `lifecycle.TRANSITIONS` says how it moves."""

    DRAFT = "draft", "Draft"
    IN_REVIEW = "in_review", "In review"
    SHADOW = "shadow", "Shadow"
    CANARY = "canary", "Canary"
    ACTIVE = "active", "Active"
    RETIRED = "retired", "Retired"


#: States in which a version must have been approved by somebody who did not write it.
APPROVED_STATES = (VersionState.SHADOW, VersionState.CANARY, VersionState.ACTIVE)


class PolicyVersion(models.Model):
    """What is forbidden and what follows, as published at a moment."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    number = models.PositiveIntegerField(unique=True)
    title = models.CharField(max_length=TITLE_CHARS)
    change_note = models.TextField(blank=True)
    state = models.CharField(max_length=12, choices=VersionState.choices, default=VersionState.DRAFT)
    canary_percent = models.PositiveSmallIntegerField(default=0)
    # What an item of unknown language gets at least. Detectors that need a language go missing by themselves.
    unknown_language_outcome = models.PositiveSmallIntegerField(choices=Outcome.choices, default=Outcome.CLEAR)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    digest = models.CharField(max_length=64, blank=True)  # sha256 of the content, set when it leaves draft
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    published_at = models.DateTimeField(null=True, blank=True)
    activated_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-number"]
        permissions = [
            ("edit_versions", "Can write and submit policy versions"),
            ("approve_versions", "Can approve and activate policy versions of others"),
        ]
        constraints = [
            # Read on every refresh of the compiled policy.
            models.UniqueConstraint(
                fields=["state"], condition=Q(state=VersionState.ACTIVE), name="policies_version_one_active"
            ),
            # Two canaries would each be the other's disturbance, and a creator could be in both.
            models.UniqueConstraint(
                fields=["state"], condition=Q(state=VersionState.CANARY), name="policies_version_one_canary"
            ),
            models.CheckConstraint(name="policies_version_state_known", condition=Q(state__in=VersionState.values)),
            models.CheckConstraint(
                name="policies_version_four_eyes", condition=Q(approver__isnull=True) | ~Q(approver=F("author"))
            ),
            models.CheckConstraint(
                name="policies_version_approved_before_use",
                condition=~Q(state__in=APPROVED_STATES) | Q(approver__isnull=False, published_at__isnull=False),
            ),
            models.CheckConstraint(
                name="policies_version_digest_after_draft",
                condition=Q(state=VersionState.DRAFT) | Q(digest__regex=r"^[0-9a-f]{64}$"),
            ),
            models.CheckConstraint(
                name="policies_version_canary_range",
                condition=Q(state=VersionState.CANARY, canary_percent__range=(1, 99))
                | (~Q(state=VersionState.CANARY) & Q(canary_percent=0)),
            ),
            models.CheckConstraint(
                name="policies_version_unknown_language_known",
                condition=Q(unknown_language_outcome__in=(Outcome.CLEAR, Outcome.ESCALATE, Outcome.HOLD)),
            ),
        ]
        triggers = [frozen_version(), version_transitions(), four_eyes(), no_truncate()]

    def __str__(self) -> str:
        return f"Policy {self.number}: {self.title}"

    @property
    def is_draft(self) -> bool:
        """True while the content may still change."""
        return self.state == VersionState.DRAFT


class VersionPart(models.Model):
    """A row of a version's content: it changes only while the version is a draft."""

    version = models.ForeignKey(PolicyVersion, on_delete=models.CASCADE, related_name="%(class)ss")

    class Meta:
        abstract = True
        triggers = [frozen_child(), no_truncate()]


def _order_levels() -> Q:
    """Return the check that no consequence starts below a milder one; a null level is skipped."""
    condition = Q()
    for i, lower in enumerate(THRESHOLD_LEVELS):
        for upper in THRESHOLD_LEVELS[i + 1 :]:
            nulls = Q(**{f"{lower}__isnull": True}) | Q(**{f"{upper}__isnull": True})
            condition &= nulls | Q(**{f"{lower}__lte": F(upper)})
    return condition


def _levels_in_range() -> Q:
    condition = Q()
    for level in THRESHOLD_LEVELS:
        condition &= Q(**{f"{level}__isnull": True}) | Q(**{f"{level}__gte": 0.0, f"{level}__lte": 1.0})
    return condition


class Threshold(VersionPart):
    """From which score each consequence follows. The row with no market, language and band is the base; the others
    replace it whole where they match. A null level never follows."""

    category = _category()
    market = _market()
    language = _language()
    band = models.PositiveSmallIntegerField(choices=Band.choices, null=True, blank=True)
    restrict_13_at = _score()
    restrict_16_at = _score()
    restrict_18_at = _score()
    escalate_at = _score()
    block_at = _score()

    class Meta(VersionPart.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["version", "category", "market", "language", "band"],
                nulls_distinct=False,
                name="policies_threshold_once_per_context",
            ),
            models.CheckConstraint(name="policies_threshold_levels_in_range", condition=_levels_in_range()),
            models.CheckConstraint(name="policies_threshold_levels_ordered", condition=_order_levels()),
            models.CheckConstraint(
                name="policies_threshold_band_known", condition=Q(band__isnull=True) | Q(band__in=Band.values)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category_id} in {self.market or 'any market'}, {self.language or 'any language'}"


class Guideline(VersionPart):
    """What reviewers read beside an item of a category; it reaches them when the version becomes active."""

    category = _category()
    text = models.TextField(blank=True)

    class Meta(VersionPart.Meta):
        constraints = [
            models.UniqueConstraint(fields=["version", "category"], name="policies_guideline_once_per_category")
        ]

    def __str__(self) -> str:
        return f"{self.category_id}: {self.text[:40]}"


_KIND_OF_SENTENCES = Func(F("sentences"), function="jsonb_typeof", output_field=models.CharField())


class Clause(VersionPart):
    """One thing that a category forbids, which a decision can rest on, with the sentence for its creator in some languages."""

    category = _category()
    position = models.PositiveSmallIntegerField()  # the digit that chooses it
    key = models.CharField(max_length=SLUG_CHARS)
    name = models.CharField(max_length=NAME_CHARS)
    # What follows by default. CLEAR: nothing does, and the sentence is a help message.
    outcome = models.PositiveSmallIntegerField(choices=Outcome.choices)
    min_age = models.PositiveSmallIntegerField(default=0)  # years, with RESTRICT
    sentences = models.JSONField()  # language -> text

    class Meta(VersionPart.Meta):
        constraints = [
            models.UniqueConstraint(fields=["version", "key"], name="policies_clause_once_per_key"),
            models.UniqueConstraint(fields=["version", "category", "position"], name="policies_clause_once_per_digit"),
            models.CheckConstraint(
                name="policies_clause_position_is_digit", condition=Q(position__range=(1, MAX_CLAUSES))
            ),
            models.CheckConstraint(name="policies_clause_key_known_form", condition=Q(key__regex=r"^[a-z][a-z0-9-]*$")),
            models.CheckConstraint(name="policies_clause_name_not_blank", condition=Q(name__regex=r"\S")),
            models.CheckConstraint(
                name="policies_clause_outcome_follows",
                condition=Q(outcome__in=(Outcome.CLEAR, Outcome.ESCALATE, Outcome.BLOCK), min_age=0)
                | Q(outcome=Outcome.RESTRICT, min_age__in=BAND_MIN_AGES[1:]),
            ),
            models.CheckConstraint(
                name="policies_clause_says_something",
                condition=Q(Exact(_KIND_OF_SENTENCES, Value("object"))) & ~Q(sentences={}),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category_id} {self.position}: {self.name}"


class DetectorUse(VersionPart):
    """Whether a detector counts for a kind of item. One that is not used neither harms nor is missed: were its findings
    to count while its absence did not, removing evidence could make a verdict more permissive."""

    class Use(models.TextChoices):
        """The two honest possibilities."""

        REQUIRED = "required", "Required"
        NOT_USED = "not_used", "Not used"

    kind = models.PositiveSmallIntegerField(choices=ItemKind.choices)
    detector = models.CharField(max_length=20)
    use = models.CharField(max_length=10, choices=Use.choices)
    when_missing = models.PositiveSmallIntegerField(
        choices=[(Outcome.ESCALATE, "Escalate"), (Outcome.HOLD, "Hold")], null=True, blank=True
    )

    class Meta(VersionPart.Meta):
        constraints = [
            models.UniqueConstraint(fields=["version", "kind", "detector"], name="policies_detectoruse_once_per_kind"),
            models.CheckConstraint(name="policies_detectoruse_detector_known", condition=Q(detector__in=DETECTORS)),
            models.CheckConstraint(name="policies_detectoruse_kind_known", condition=Q(kind__in=ItemKind.values)),
            models.CheckConstraint(
                name="policies_detectoruse_missing_has_outcome",
                condition=Q(
                    use="required", when_missing__in=(Outcome.ESCALATE, Outcome.HOLD), when_missing__isnull=False
                )
                | Q(use="not_used", when_missing__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.detector} for {self.get_kind_display()}: {self.use}"


class AgeRule(VersionPart):
    """A minimum age that follows from the kind of item and the market alone."""

    kind = models.PositiveSmallIntegerField(choices=ItemKind.choices, null=True, blank=True)  # null: any kind
    market = _market()
    min_age = models.PositiveSmallIntegerField()  # years
    reason = models.CharField(max_length=REASON_CHARS)

    class Meta(VersionPart.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["version", "kind", "market"], nulls_distinct=False, name="policies_agerule_once_per_context"
            ),
            models.CheckConstraint(name="policies_agerule_age_starts_band", condition=Q(min_age__in=BAND_MIN_AGES[1:])),
        ]

    def __str__(self) -> str:
        return f"{self.min_age} and over: {self.reason}"


class TerritoryRule(VersionPart):
    """Where an item must not be shown once a category reaches a score."""

    category = _category()
    at = models.FloatField()
    regions = ArrayField(models.CharField(max_length=2, validators=[MARKET]))
    reason = models.CharField(max_length=REASON_CHARS, blank=True)

    class Meta(VersionPart.Meta):
        constraints = [
            models.UniqueConstraint(fields=["version", "category"], name="policies_territoryrule_once_per_category"),
            models.CheckConstraint(name="policies_territoryrule_at_range", condition=Q(at__gte=0.0, at__lte=1.0)),
            models.CheckConstraint(name="policies_territoryrule_somewhere", condition=Q(regions__len__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.category_id} from {self.at}: not in {', '.join(self.regions)}"


class StandingRule(VersionPart):
    """The least that follows from the creator's standing."""

    standing = models.PositiveSmallIntegerField(choices=Standing.choices)
    outcome = models.PositiveSmallIntegerField(choices=Outcome.choices)

    class Meta(VersionPart.Meta):
        constraints = [
            models.UniqueConstraint(fields=["version", "standing"], name="policies_standingrule_once"),
            models.CheckConstraint(
                name="policies_standingrule_outcome_acts",
                condition=Q(outcome__in=(Outcome.CLEAR, Outcome.ESCALATE, Outcome.HOLD, Outcome.BLOCK)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_standing_display()}: {self.get_outcome_display()}"


class TermList(VersionPart):
    """A named list of terms."""

    name = models.SlugField(max_length=LIST_CHARS)

    class Meta(VersionPart.Meta):
        constraints = [models.UniqueConstraint(fields=["version", "name"], name="policies_termlist_once")]

    def __str__(self) -> str:
        return self.name


class Term(models.Model):
    """A word or phrase, with a score or a mandatory outcome; an exception instead shields what it covers."""

    key = models.UUIDField(db_default=RandomUUID(), unique=True, editable=False)
    list = models.ForeignKey(TermList, on_delete=models.CASCADE, related_name="terms")
    text = models.CharField(max_length=TERM_CHARS)
    category = _category()
    language = _language()
    score = _score()
    outcome = models.PositiveSmallIntegerField(choices=Outcome.choices, null=True, blank=True)
    is_exception = models.BooleanField(default=False)
    whole_word = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["list", "text", "category", "language", "is_exception"], name="policies_term_once_per_list"
            ),
            models.CheckConstraint(name="policies_term_text_not_blank", condition=Q(text__regex=r"\S")),
            models.CheckConstraint(
                name="policies_term_score_range", condition=Q(score__isnull=True) | Q(score__gte=0.0, score__lte=1.0)
            ),
            models.CheckConstraint(
                name="policies_term_one_consequence",
                condition=Q(is_exception=True, score__isnull=True, outcome__isnull=True)
                | Q(is_exception=False, score__isnull=False, outcome__isnull=True)
                | Q(
                    is_exception=False,
                    score__isnull=True,
                    outcome__isnull=False,  # a CHECK lets NULL pass
                    outcome__range=(Outcome.RESTRICT, Outcome.BLOCK),
                ),
            ),
        ]
        triggers = [frozen_term(), no_truncate()]

    def __str__(self) -> str:
        return self.text


class BankRule(VersionPart):
    """What a match against a hash bank of a category means at least; the bank may be stricter."""

    category = _category()
    outcome = models.PositiveSmallIntegerField(choices=Outcome.choices)

    class Meta(VersionPart.Meta):
        constraints = [
            models.UniqueConstraint(fields=["version", "category"], name="policies_bankrule_once_per_category"),
            models.CheckConstraint(
                name="policies_bankrule_outcome_acts", condition=Q(outcome__range=(Outcome.RESTRICT, Outcome.BLOCK))
            ),
        ]
        triggers = [
            *VersionPart.Meta.triggers,
            # A legal duty; no version can soften it.
            pgtrigger.Trigger(
                name="child_safety_blocks",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                condition=~pgtrigger.Q(new__outcome=Outcome.BLOCK),
                func=BANK_BLOCKS,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category_id} bank: {self.get_outcome_display()}"


class RoutingRule(VersionPart):
    """Which queue takes an escalated item; the first rule that matches wins, and the last matches everything."""

    position = models.PositiveSmallIntegerField()
    category = _category(null=True)
    language = _language()
    kind = models.PositiveSmallIntegerField(choices=ItemKind.choices, null=True, blank=True)
    queue = models.SlugField(max_length=LIST_CHARS)
    severity = models.PositiveSmallIntegerField()
    sla_minutes = models.PositiveIntegerField()

    class Meta(VersionPart.Meta):
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "position"], name="policies_routingrule_once_per_position"),
            models.CheckConstraint(name="policies_routingrule_severity_range", condition=Q(severity__range=(1, 5))),
            models.CheckConstraint(name="policies_routingrule_sla_positive", condition=Q(sla_minutes__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.position}: {self.queue}"


class Approval(models.Model):
    """One step in a version's life: who did what, when and why. Append-only; the audit of versions."""

    class Verb(models.TextChoices):
        """What was done."""

        CREATE = "create", "Created"
        EDIT = "edit", "Edited"
        DISCARD = "discard", "Discarded"
        SUBMIT = "submit", "Submitted"
        APPROVE = "approve", "Approved"
        REJECT = "reject", "Rejected"
        SHADOW = "shadow", "Put in shadow"
        CANARY = "canary", "Put in canary"
        ADJUST = "adjust", "Changed the share of the canary"
        GUARD = "guard", "Rolled back by the guard"
        ACTIVATE = "activate", "Activated"
        RETIRE = "retire", "Retired"
        ROLLBACK = "rollback", "Rolled back to"

    version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="approvals")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    verb = models.CharField(max_length=10, choices=Verb.choices)
    note = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["version", "actor"], name="policies_approval_who")]  # four eyes
        constraints = [
            models.CheckConstraint(
                name="policies_approval_verb_known",
                condition=Q(
                    verb__in=(
                        "create", "edit", "discard", "submit", "approve", "reject", "shadow", "canary", "adjust", "guard",
                        "activate", "retire", "rollback",
                    )
                ),
            )
        ]  # fmt: skip
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete), no_truncate()]

    def __str__(self) -> str:
        return f"{self.get_verb_display()} by {self.actor_id}"
