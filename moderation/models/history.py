"""Which history this database is: a value that a restore must not leave as it was."""

import uuid

import pgtrigger
from django.db import models
from django.utils import timezone

from policies.triggers import no_truncate


class History(models.Model):
    """One row. Its key is random, made with the database and made anew after each restore (`manage.py history_new`).

    A copy brings the key of the original along: whoever compares histories looks at more than this (`moderation.db.histories`).
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    key = models.UUIDField(default=uuid.uuid4, editable=False)
    began_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.CheckConstraint(name="moderation_history_one_row", condition=models.Q(id=1))]
        triggers = [pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete), no_truncate()]

    def __str__(self) -> str:
        return str(self.key)
