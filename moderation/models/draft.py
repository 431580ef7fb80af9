"""What somebody had typed into a decision and not sent yet."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Cast, Length
from django.db.models.lookups import LessThanOrEqual

#: Characters of a draft's fields as the database writes them, with names and escapes: all fields of the page at their longest.
MAX_DRAFT_CHARACTERS = 16_000


class DecisionDraft(models.Model):
    """One person's unfinished decision: on a job, on a campaign, or over an item's earlier decision. Nobody else ever reads it, and
    it decides nothing.

    Updated in place, deleted with the decision that it became, with what it is about or after a while; no act on anybody, so no
    audit.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    job = models.ForeignKey("moderation.Job", on_delete=models.CASCADE, null=True, related_name="drafts")
    campaign = models.ForeignKey("moderation.Campaign", on_delete=models.CASCADE, null=True, related_name="drafts")
    item = models.ForeignKey("moderation.Item", on_delete=models.CASCADE, null=True, related_name="drafts")
    fields = models.JSONField()
    #: Never sent as what a decision was made on: that always comes from the page of now.
    basis = models.CharField(
        max_length=200, default="", blank=True, help_text="Token of the `Basis` of the page that it was typed on."
    )
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "job"], name="moderation_draft_once"),
            models.UniqueConstraint(fields=["person", "campaign"], name="moderation_draft_once_a_campaign"),
            models.UniqueConstraint(fields=["person", "item"], name="moderation_draft_once_an_item"),
            models.CheckConstraint(
                name="moderation_draft_of_one",
                condition=Q(job__isnull=False, campaign__isnull=True, item__isnull=True)
                | Q(job__isnull=True, campaign__isnull=False, item__isnull=True)
                | Q(job__isnull=True, campaign__isnull=True, item__isnull=False),
            ),
            models.CheckConstraint(name="moderation_draft_not_empty", condition=~Q(fields={})),
            models.CheckConstraint(
                name="moderation_draft_bounded",
                condition=LessThanOrEqual(Length(Cast("fields", models.TextField())), MAX_DRAFT_CHARACTERS),
            ),
        ]
        indexes = [
            # drafts_expire
            models.Index(fields=["updated_at"], name="moderation_draft_old"),
        ]

    def __str__(self) -> str:
        return f"draft {self.pk}"
