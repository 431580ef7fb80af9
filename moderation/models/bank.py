"""Banks of known hashes, what matched them, and what people say of those matches."""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q

from moderation.models.base import PublicKeyModel, append_only
from policies.choices import Outcome
from policies.triggers import no_truncate

#: Processes ask "what changed since my snapshot"; the id of the writing transaction answers that without a gap.
_STAMP = """
    NEW.txid := pg_current_xact_id()::text::bigint;
    RETURN NEW;
"""
#: Child safety: what one person takes out of force, another one must have asked for.
_FOUR_EYES = """
    IF NEW.retired_at IS NOT NULL
       AND EXISTS (SELECT 1 FROM moderation_hashbank b WHERE b.id = NEW.bank_id AND b.is_child_safety)
       AND (NEW.retire_asked_by_id IS NULL OR NEW.retired_by_id IS NULL OR NEW.retire_asked_by_id = NEW.retired_by_id)
    THEN
        RAISE EXCEPTION 'a child-safety hash is retired by two people' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
"""
_CATEGORY_SAYS = """
    IF NOT NEW.is_child_safety
       AND EXISTS (SELECT 1 FROM policies_category c WHERE c.slug = NEW.category_id AND c.is_child_safety)
    THEN
        RAISE EXCEPTION 'a bank of this category is a child-safety bank' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
"""


class ShareLevel(models.TextChoices):
    """With whom a hash may be shared: the traffic light protocol, as ThreatExchange has it."""

    WHITE = "WHITE", "Anyone"
    GREEN = "GREEN", "The community"
    AMBER = "AMBER", "Those who need it"
    RED = "RED", "Nobody else"


class HashBank(PublicKeyModel):
    """A set of hashes with one category and one outcome. `enabled_ratio` 0 is its kill switch, between is a canary."""

    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=120)
    category = models.ForeignKey("policies.Category", to_field="slug", on_delete=models.PROTECT, related_name="+")
    outcome = models.PositiveSmallIntegerField(choices=Outcome.choices, default=Outcome.BLOCK)
    enabled_ratio = models.FloatField(default=1.0)
    is_child_safety = models.BooleanField(default=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="moderation_hashbank_ratio_range", condition=Q(enabled_ratio__gte=0, enabled_ratio__lte=1)
            ),
            # A child-safety match blocks at once; no setting can soften that, nor switch off a part of the bank.
            models.CheckConstraint(
                name="moderation_hashbank_child_safety_blocks",
                condition=Q(is_child_safety=False) | Q(outcome=Outcome.BLOCK),
            ),
            models.CheckConstraint(
                name="moderation_hashbank_child_safety_whole",
                condition=Q(is_child_safety=False) | Q(enabled_ratio=1),
            ),
            models.CheckConstraint(
                name="moderation_hashbank_outcome_acts", condition=Q(outcome__gte=Outcome.RESTRICT, outcome__lte=4)
            ),
        ]
        permissions = [("manage_banks", "Can change hash banks")]
        triggers = [
            pgtrigger.Trigger(
                name="category_says", operation=pgtrigger.Insert, when=pgtrigger.Before, func=_CATEGORY_SAYS
            ),
            pgtrigger.Protect(
                name="meaning_fixed",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("key", "slug", "category", "is_child_safety"),
            ),
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            no_truncate(),
        ]

    def __str__(self) -> str:
        return self.title


class HashEntry(PublicKeyModel):
    """One known hash. It is never deleted: a wrong one is retired, which also keeps the next import from bringing it back.

    `flooded_at` says since when it matches suspiciously many uploads. Its matches are then held for people; in a
    child-safety bank they go on blocking, and the flood only raises an alarm.
    """

    class Algorithm(models.TextChoices):
        """How the hash was made."""

        SHA256 = "sha256", "SHA-256"
        PDQ = "pdq", "PDQ"

    bank = models.ForeignKey(HashBank, on_delete=models.PROTECT, related_name="entries")
    algorithm = models.CharField(max_length=8, choices=Algorithm.choices)
    value = models.CharField(max_length=64)
    note = models.CharField(max_length=200, blank=True)
    tags = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    share_level = models.CharField(max_length=8, choices=ShareLevel.choices, default=ShareLevel.AMBER)
    flooded_at = models.DateTimeField(null=True)
    flood_exempt_until = models.DateTimeField(null=True)
    retire_asked_at = models.DateTimeField(null=True)
    retire_asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    retire_reason = models.CharField(max_length=300, blank=True)
    retired_at = models.DateTimeField(null=True)
    retired_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    txid = models.BigIntegerField(default=0, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "algorithm", "value"], name="moderation_hashentry_once_per_bank"),
            models.CheckConstraint(name="moderation_hashentry_value_hex", condition=Q(value__regex=r"^[0-9a-f]{64}$")),
            models.CheckConstraint(
                name="moderation_hashentry_algorithm_known", condition=Q(algorithm__in=["sha256", "pdq"])
            ),
            models.CheckConstraint(
                name="moderation_hashentry_share_known", condition=Q(share_level__in=ShareLevel.values)
            ),
            models.CheckConstraint(
                name="moderation_hashentry_retired_says_why", condition=Q(retired_at=None) | Q(retire_reason__gt="")
            ),
        ]
        indexes = [
            models.Index(fields=["txid"], name="moderation_hashentry_tail"),  # every process: what changed
            models.Index(  # the bank page: what waits for a person
                fields=["bank"],
                name="moderation_hashentry_waiting",
                condition=Q(retired_at=None) & (Q(flooded_at__isnull=False) | Q(retire_asked_at__isnull=False)),
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="stamp", operation=pgtrigger.Insert | pgtrigger.Update, when=pgtrigger.Before, func=_STAMP
            ),
            pgtrigger.Trigger(
                name="four_eyes",
                operation=pgtrigger.Insert | pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(new__retired_at__isnull=False),
                func=_FOUR_EYES,
            ),
            pgtrigger.Protect(
                name="hash_fixed",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("key", "bank", "algorithm", "value"),
            ),
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            no_truncate(),
        ]

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value[:12]}"


class KnownClip(PublicKeyModel):
    """A clip whose frames are in a bank, in their order: so that "how much of it is in there" can be answered.

    Matching goes by the entries alone; one that is retired matches no more, whatever clip it came from.
    """

    bank = models.ForeignKey(HashBank, on_delete=models.PROTECT, related_name="clips")
    sha256 = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    times_ms = ArrayField(models.PositiveIntegerField())
    values = ArrayField(models.CharField(max_length=64))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "sha256"], name="moderation_knownclip_once_per_bank"),
            models.CheckConstraint(
                name="moderation_knownclip_a_time_each",
                condition=Q(times_ms__len=F("values__len"), values__len__gt=0),
            ),
        ]
        # match_frames: the clips that have one of the hashes that just matched
        indexes = [GinIndex(fields=["values"], name="moderation_knownclip_values")]
        triggers = [append_only(), no_truncate()]

    def __str__(self) -> str:
        return self.title


class HashMatch(models.Model):
    """That an item matched an entry: taken from findings beside the upload path, for counting."""

    entry = models.ForeignKey(HashEntry, on_delete=models.PROTECT, related_name="matches")
    bank = models.ForeignKey(HashBank, on_delete=models.PROTECT, related_name="matches")
    item = models.ForeignKey("moderation.Item", on_delete=models.PROTECT, related_name="+")
    creator = models.ForeignKey("moderation.Creator", on_delete=models.PROTECT, related_name="+")
    distance = models.PositiveSmallIntegerField()
    found_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["entry", "item"], name="moderation_hashmatch_once"),
            models.CheckConstraint(name="moderation_hashmatch_distance_range", condition=Q(distance__lte=31)),
        ]
        indexes = [
            models.Index(fields=["found_at"], name="moderation_hashmatch_recent"),  # the flood guard
            models.Index(fields=["bank", "found_at"], name="moderation_hashmatch_bank"),  # the banks page
        ]
        triggers = [append_only(), no_truncate()]

    def __str__(self) -> str:
        return f"item {self.item_id} at {self.distance} bits of entry {self.entry_id}"


class MatchFeedback(PublicKeyModel):
    """What one person says of a match: right or wrong. Without an item it was said of the entry, in the debugger.

    People may change their minds; the audit log has both.
    """

    entry = models.ForeignKey(HashEntry, on_delete=models.PROTECT, related_name="feedback")
    item = models.ForeignKey("moderation.Item", on_delete=models.PROTECT, null=True, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    is_right = models.BooleanField()
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["entry", "item", "person"],
                condition=Q(item__isnull=False),
                name="moderation_matchfeedback_once_per_item",
            ),
            models.UniqueConstraint(
                fields=["entry", "person"],
                condition=Q(item__isnull=True),
                name="moderation_matchfeedback_once_per_entry",
            ),
        ]

    def __str__(self) -> str:
        return f"{'right' if self.is_right else 'wrong'}: entry {self.entry_id}"
