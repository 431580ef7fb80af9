"""Reads about reports."""

from django.contrib.auth.models import AbstractUser
from django.db.models import QuerySet

from moderation.items.visibility import (
    reports_visible,
)
from moderation.models import Item, Report


def item_reports(user: AbstractUser, item: Item) -> QuerySet[Report]:
    """Return an item's reports that the user may know of, newest first."""
    return reports_visible(user).filter(item=item).order_by("-created_at")
