"""Pieces that several models share: public keys, the append-only trigger, common checks."""

import uuid

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from policies.choices import BAND_MIN_AGES


class PublicKeyModel(models.Model):
    """A row with a UUID that may leave the database; the primary key never does."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True


def append_only() -> pgtrigger.Protect:
    """Return the trigger that refuses UPDATE and DELETE: corrections are new rows that point back."""
    return pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)


def min_age_field() -> "models.PositiveSmallIntegerField[int, int]":
    """Return a column for the youngest age in years that may see an item: 0, 13, 16 or 18."""
    return models.PositiveSmallIntegerField(default=0)


def min_age_check(name: str) -> models.CheckConstraint:
    """Return the check that a min_age column starts an audience band."""
    return models.CheckConstraint(name=name, condition=models.Q(min_age__in=BAND_MIN_AGES))


def territories_field() -> "ArrayField[list[str], list[str]]":
    """Return a column of ISO 3166-1 alpha-2 codes where an item must not be shown."""
    return ArrayField(models.CharField(max_length=2), default=list, blank=True)


def span_of(begins: int | None, ends: int | None) -> tuple[int, int] | None:
    """Return the part of a clip (ms) that two columns hold; None where it was not marked, or not whole."""
    return None if begins is None or ends is None else (begins, ends)
