"""How many people watch an upload of each creator, as deep work asks it: recent views over recent uploads."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from console.tasks import reach_refresh
from feed.models import Event
from feed.reach import views_by_creator
from moderation.models import Creator, Item
from tests.support.clearances import item_make

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def seen(item: Item, n: int, *, days_ago: float = 0.0) -> None:
    Event.objects.bulk_create(
        Event(event_id=f"{item.pk}-{days_ago}-{i}", type="impression", item=item, at=NOW - timedelta(days=days_ago))
        for i in range(n)
    )


def test_views_are_a_mean_over_recent_uploads_those_nobody_saw_among_them() -> None:
    first, second = item_make("a"), item_make("b")
    Item.objects.filter(pk=second.pk).update(creator=first.creator)
    seen(first, 10)
    assert views_by_creator(now=NOW + timedelta(minutes=1)) == {first.creator_id: 5}


def test_old_views_and_other_acts_do_not_count() -> None:
    item = item_make("a")
    seen(item, 3, days_ago=8)
    Event.objects.create(event_id="like", type="like", item=item, at=NOW)
    assert views_by_creator(now=NOW + timedelta(minutes=1)) == {}


def test_the_schedule_notes_them() -> None:
    item = item_make("a")
    seen(item, 4, days_ago=0.1)
    assert reach_refresh() == 1
    assert Creator.objects.get(pk=item.creator_id).expected_views == 4
    assert reach_refresh() == 0
