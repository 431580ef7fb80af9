"""Reads about reports."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import AbstractUser
from django.db.models import Count, Q, QuerySet

from moderation.items.visibility import (
    reports_visible,
)
from moderation.models import Item, Report
from moderation.models.item import ItemState


def item_reports(user: AbstractUser, item: Item) -> QuerySet[Report]:
    """Return an item's reports that the user may know of, newest first."""
    return reports_visible(user).filter(item=item).order_by("-created_at")


@dataclass(frozen=True, slots=True)
class ReporterRecord:
    """How what somebody reported before ended: of `n_decided` items, `n_acted` are blocked or restricted now."""

    n_decided: int
    n_acted: int

    @property
    def words(self) -> str:
        """The record in a few words."""
        if not self.n_decided:
            return "their first report"
        return f"{self.n_acted} of {self.n_decided} earlier reports of theirs led to something"


def reporter_records(user: AbstractUser, reports: Iterable[Report], *, but: Item) -> dict[str, ReporterRecord]:
    """Return the record of each of these reporters over all that the user may know of, without one item; at most one query."""
    reporters = {report.reporter for report in reports}
    if not reporters:
        return {}
    acted = Q(item__state__in=[ItemState.BLOCKED, ItemState.RESTRICTED])
    earlier = reports_visible(user).filter(reporter__in=reporters).exclude(item=but)
    counted = earlier.values("reporter").annotate(
        n_acted=Count("item", filter=acted, distinct=True),
        n_decided=Count("item", filter=acted | Q(item__state=ItemState.CLEARED), distinct=True),
    )
    found = {row["reporter"]: ReporterRecord(row["n_decided"], row["n_acted"]) for row in counted}
    return {reporter: found.get(reporter, ReporterRecord(0, 0)) for reporter in reporters}
