"""Flags from people, and those among them who are known."""

from django.db import models
from django.db.models import Q

from moderation.models.base import PublicKeyModel


class Reporter(PublicKeyModel):
    """Somebody whose reports are known to be worth something. Who reports is never taken from the call's word for it.

    The platform's id of the person is kept as a keyed hash only; `name` is for the people who look at the list.
    """

    external_hash = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=80)
    is_trusted_flagger = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(name="moderation_reporter_name_not_blank", condition=~Q(name="")),
            models.CheckConstraint(
                name="moderation_reporter_hash", condition=Q(external_hash__regex=r"^[0-9a-f]{64}$")
            ),
        ]
        permissions = [("manage_reporters", "Can register reporters and say whom to trust")]

    def __str__(self) -> str:
        return self.name


class Report(PublicKeyModel):
    """One person's flag on one item for one category; a repeat is the same report.

    `is_trusted_flagger`: what was known of the reporter when it came.
    """

    item = models.ForeignKey("moderation.Item", on_delete=models.PROTECT, related_name="reports")
    category = models.CharField(max_length=40)
    reporter = models.CharField(max_length=128)
    text = models.TextField(blank=True)
    is_trusted_flagger = models.BooleanField(default=False)
    job = models.ForeignKey("moderation.Job", on_delete=models.PROTECT, null=True, related_name="reports")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "reporter", "category"], name="moderation_report_one_each"),
        ]
        indexes = [
            # report_file: how much somebody has reported lately
            models.Index(fields=["reporter", "-created_at"], name="moderation_report_reporter"),
        ]

    def __str__(self) -> str:
        return f"{self.category} on {self.item_id}"
