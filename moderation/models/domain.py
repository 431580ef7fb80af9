"""Domains that links are checked against."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from moderation.models.base import PublicKeyModel
from policies.choices import Outcome
from policies.triggers import no_truncate


class ListedDomain(PublicKeyModel):
    """One domain, with all below it: allowed, suspicious with a score, or with a fixed outcome.

    A row never changes: another consequence is another row, and the old one is retired.
    """

    domain = models.CharField(max_length=253)
    is_allowed = models.BooleanField(default=False)
    category = models.CharField(max_length=40, blank=True)
    score = models.FloatField(null=True, blank=True)
    outcome = models.PositiveSmallIntegerField(choices=Outcome.choices, null=True, blank=True)
    note = models.CharField(max_length=200, blank=True)
    listed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["domain"], condition=Q(retired_at__isnull=True), name="moderation_listeddomain_once"
            ),
            models.CheckConstraint(
                name="moderation_listeddomain_plain",
                condition=Q(domain__regex=r"^([a-z0-9_]([a-z0-9_-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z0-9]$"),
            ),
            # A listing allows, or gives one consequence; a fixed outcome only ever takes away.
            models.CheckConstraint(
                name="moderation_listeddomain_one_consequence",
                condition=Q(is_allowed=True, score=None, outcome=None, category="")
                | (Q(is_allowed=False, outcome=None, score__gt=0, score__lte=1) & Q(category__gt=""))
                | (
                    Q(is_allowed=False, score=None, outcome__gte=Outcome.RESTRICT, outcome__lte=Outcome.BLOCK)
                    & Q(category__gt="")
                ),
            ),
        ]
        permissions = [("manage_domains", "Can list and retire domains")]
        triggers = [
            pgtrigger.Protect(
                name="listing_fixed",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange(
                    "key", "domain", "is_allowed", "category", "score", "outcome", "note", "listed_by"
                ),
            ),
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            no_truncate(),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.domain
