"""How queues will stand at the present pace: stated formulas, held against the rule and not against the code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from moderation.models import Job
from moderation.review.outlook import HORIZONS, forecast, minutes_to_breach, outlooks
from tests.support import scenes

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _due(*minutes: float) -> list[datetime]:
    return [NOW + timedelta(minutes=m) for m in minutes]


def test_at_a_pace_that_is_enough_nothing_is_overdue() -> None:
    assert minutes_to_breach(_due(10, 20, 30, 40), 6.1, NOW) is None


def test_the_first_job_that_is_not_reached_in_time_says_when() -> None:
    # six an hour is one every ten minutes: the third is done after 30, and was due after 25
    assert minutes_to_breach(_due(12, 22, 25, 200), 6, NOW) == pytest.approx(25)


def test_without_a_pace_the_first_due_time_says_when() -> None:
    assert minutes_to_breach(_due(45, 50), 0, NOW) == pytest.approx(45)
    assert minutes_to_breach([], 0, NOW) is None


def test_what_is_overdue_is_overdue_now() -> None:
    assert minutes_to_breach(_due(-5, 10), 100, NOW) == 0


@given(st.lists(st.floats(-60, 600), max_size=30), st.floats(0.1, 200))
def test_deciding_faster_never_brings_a_breach_nearer(minutes: list[float], pace: float) -> None:
    due = sorted(_due(*minutes))
    slow, fast = minutes_to_breach(due, pace, NOW), minutes_to_breach(due, 2 * pace, NOW)
    assert slow is not None or fast is None
    assert fast is None or slow is None or fast >= slow


def test_a_forecast_adds_what_comes_and_takes_what_is_decided_and_is_never_below_nothing() -> None:
    assert forecast(10, per_hour=4, arrivals_per_hour=6) == tuple(10 + 2 * h for h in HORIZONS)
    assert forecast(3, per_hour=4, arrivals_per_hour=0)[-1] == 0


@pytest.mark.django_db
def test_queues_are_listed_with_the_soonest_breach_first() -> None:
    scenes.policy_ready()
    past = timezone.now() - timedelta(minutes=5)
    late, fine = scenes.job_open("late-1"), scenes.job_open("fine-1")
    Job.objects.filter(pk=late.pk).update(claim_by=past, due_at=past)
    found = outlooks(scenes.person("senior"), timezone.now())
    mine = next(o for o in found if o.depth.slug == late.queue.slug)
    assert found[0].depth.slug == late.queue.slug
    assert mine.minutes_to_breach == 0
    assert mine.depth.n_open == 2
    assert fine.queue_id == late.queue_id
