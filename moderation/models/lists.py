"""Changes of what is in force beside the active version: terms, hash banks, domains, prompts, standings, shares of canaries.
One row a change."""

import pgtrigger
from django.db import models
from django.db.models import Func, Q

from moderation.models.base import PublicKeyModel
from policies.triggers import no_truncate


class ListKind(models.TextChoices):
    """Which list changed."""

    TERMS = "terms", "Emergency terms"
    BANKS = "banks", "Hash banks"
    DOMAINS = "domains", "Listed domains"
    PROMPTS = "prompts", "Prompts that frames are held against"
    STANDING = "standing", "A creator's standing"
    SHARE = "share", "Whom a version in canary decides for"


class _XMin(Func):
    """The oldest transaction that has not ended: whatever has a lower id is visible, or was rolled back."""

    template = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
    output_field = models.BigIntegerField()


class ListChange(PublicKeyModel):
    """One change of one list, written in the transaction of the change.

    What is stored is looked through twice: at once, and again when no process can hold the old list any more (`settled_at`).
    The second look takes what transactions from `since_txid` on have judged: all that the first could not see.
    """

    kind = models.CharField(max_length=10, choices=ListKind.choices)
    subject = models.JSONField(default=dict, help_text="What changed: a term's key, a bank's entries, a domain, ...")
    since_txid = models.BigIntegerField(db_default=_XMin())
    n_looked_at = models.PositiveBigIntegerField(default=0)
    n_changed = models.PositiveBigIntegerField(default=0)
    cursor = models.BigIntegerField(null=True, help_text="The first look is done with the items from here on.")
    looked_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="moderation_listchange_kind_known", condition=Q(kind__in=ListKind.values)),
        ]
        indexes = [
            # the demo's and the runbook's question: what is not settled yet
            models.Index(fields=["id"], name="moderation_listchange_open", condition=Q(settled_at__isnull=True)),
        ]
        triggers = [
            pgtrigger.Protect(
                name="change_fixed",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("key", "kind", "subject", "since_txid", "created_at"),
            ),
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            no_truncate(),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.subject}"
