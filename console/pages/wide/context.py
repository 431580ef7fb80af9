"""What every page shows of a wide act before its red button (wide/parts/radius.html)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User

from console.pages.looks import items_looked
from moderation.models import Item
from moderation.wide.queries import sample_items
from moderation.wide.radius import ListRadius, Radius, Reach


@dataclass(frozen=True, slots=True)
class Weighed:
    """What an act reaches, as one person may see it, with its sample and near misses."""

    reach: Reach
    sample: Sequence[Item]
    near: Sequence[Item]
    needs_second: bool
    protects: str
    n_looked_at: int | None = None
    is_whole: bool = True

    @property
    def at_least(self) -> str:
        """The words before a number that may be larger."""
        return "at least " if self.reach.is_at_least else ""


def weigh(
    user: User,
    radius: Radius,
    *,
    protects: str,
    near: Sequence[int] = (),
    n_looked_at: int | None = None,
    is_whole: bool = True,
    needs_second: bool | None = None,
    known: Mapping[int, Item] | None = None,
) -> Weighed:
    """Return what a page shows of a radius, in one query; in none where the items of the sample are `known`."""
    reach = radius.seen_by(user)
    items = known or {item.pk: item for item in sample_items(user, [*reach.sample, *near])}
    sample, misses = ([items[pk] for pk in pks if pk in items] for pks in (reach.sample, near))
    items_looked(user, [*sample, *misses])
    second = radius.is_wide if needs_second is None else needs_second
    return Weighed(reach, sample, misses, second, protects, n_looked_at, is_whole)


def weigh_list(user: User, found: ListRadius, *, protects: str, needs_second: bool | None = None) -> Weighed:
    """Return what a page shows of a change of a list."""
    return weigh(
        user, found.radius, protects=protects, near=found.near, n_looked_at=found.n_looked_at, is_whole=found.is_whole,
        needs_second=needs_second,
    )  # fmt: skip


def limits() -> dict[str, Any]:
    """Return from which size on a second person is needed."""
    return {"wide_items": settings.WIDE_ACT_ITEMS, "wide_views": settings.WIDE_ACT_VIEWS}
