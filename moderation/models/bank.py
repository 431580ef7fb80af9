"""Banks of known hashes."""

from django.db import models
from django.db.models import Q

from moderation.models.base import PublicKeyModel
from policies.choices import Outcome


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
            # A child-safety match blocks at once; no setting can soften that.
            models.CheckConstraint(
                name="moderation_hashbank_child_safety_blocks",
                condition=Q(is_child_safety=False) | Q(outcome=Outcome.BLOCK),
            ),
            models.CheckConstraint(
                name="moderation_hashbank_outcome_acts", condition=Q(outcome__gte=Outcome.RESTRICT, outcome__lte=4)
            ),
        ]
        permissions = [("manage_banks", "Can change hash banks")]

    def __str__(self) -> str:
        return self.title


class HashEntry(PublicKeyModel):
    """One known hash."""

    class Algorithm(models.TextChoices):
        """How the hash was made."""

        SHA256 = "sha256", "SHA-256"
        PDQ = "pdq", "PDQ"

    bank = models.ForeignKey(HashBank, on_delete=models.PROTECT, related_name="entries")
    algorithm = models.CharField(max_length=8, choices=Algorithm.choices)
    value = models.CharField(max_length=64)
    note = models.CharField(max_length=200, blank=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "algorithm", "value"], name="moderation_hashentry_once_per_bank"),
            models.CheckConstraint(name="moderation_hashentry_value_hex", condition=Q(value__regex=r"^[0-9a-f]{64}$")),
        ]

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value[:12]}"
