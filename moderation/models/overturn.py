"""A person's decision that a senior decided otherwise: told to whom it concerns, and to nobody else."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from moderation.models.base import PublicKeyModel


class Overturn(PublicKeyModel):
    """`decision` changed what `earlier` said, which was `person`'s. Why is the note of `decision`."""

    decision = models.OneToOneField("moderation.Decision", on_delete=models.PROTECT, related_name="overturn")
    earlier = models.ForeignKey(
        "moderation.Decision", on_delete=models.PROTECT, related_name="overturned_by", db_index=False
    )
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    seen_at = models.DateTimeField(null=True, help_text="When the person said that they have read it.")

    class Meta:
        constraints = [
            models.CheckConstraint(name="moderation_overturn_of_another", condition=~Q(decision=models.F("earlier"))),
        ]
        indexes = [
            # overturns_unread
            models.Index(
                fields=["person", "-id"], name="moderation_overturn_unread", condition=Q(seen_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.earlier_id} by {self.decision_id}"
