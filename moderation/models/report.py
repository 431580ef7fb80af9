"""Flags from people."""

from django.db import models

from moderation.models.base import PublicKeyModel


class Report(PublicKeyModel):
    """One person's flag on one item for one category; a repeat is the same report."""

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

    def __str__(self) -> str:
        return f"{self.category} on {self.item_id}"
