"""Weekly summaries of scores and people's decisions, and what the calibration page reads from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from moderation.calibration import service as calibration
from moderation.calibration.queries import calibrations, differing_items, languages_known
from moderation.calibration.service import scores_summarise, week_summarise
from moderation.detection.types import Missing
from moderation.models import Item, Job, ScoreWeek
from moderation.review.leases import job_claim, job_decide
from moderation.review.staffing import OWN_JOBS, service_times
from policies.choices import Outcome
from policies.statistics.calibration import SCORE_EDGES, DriftLevel
from tests.support import scenes
from tests.support.people import seen

CAPTION = "nobody likes you, zzq, go away"


@pytest.fixture
def reviewer(db: None) -> User:
    scenes.policy_ready()
    return scenes.person("reviewer")


def monday(now: datetime) -> date:
    return (now - timedelta(days=now.weekday())).date()


def judged(external_id: str, score: float, *, language: str = "en", now: datetime | None = None, **kwargs: Any) -> Item:
    finding = scenes.hit("nobody likes you", CAPTION, score=score)
    findings = kwargs.pop("findings", [finding])
    return scenes.item_judged(
        external_id,
        caption=CAPTION,
        findings=findings,
        language=language,
        creator=f"by-{external_id}",
        now=now,
        **kwargs,
    )


def decided(
    item: Item, reviewer: User, outcome: Outcome, category: str = "harassment", now: datetime | None = None
) -> None:
    """Let a person decide the item's job."""
    claimed_at = timezone.now()
    now = now or claimed_at
    job = job_claim(actor=reviewer, now=min(claimed_at, now))
    assert job is not None
    assert job.item_id == item.pk
    given: dict[str, Any] = {"category": category, "note": "said why"} if outcome else {"category": "", "note": ""}
    job_decide(
        actor=reviewer, job_key=str(job.key), lease_token=str(job.lease_token), outcome=outcome, min_age=0,
        territories=(), now=now, expected_decision=seen(job.item), **given,
    )  # fmt: skip


def row(detector: str = "terms", category: str = "harassment", language: str = "") -> ScoreWeek:
    return ScoreWeek.objects.get(detector=detector, category=category, language=language)


def test_a_week_counts_every_item_once_by_its_largest_score(reviewer: User) -> None:
    two = [scenes.hit("nobody likes you", CAPTION, score=0.2), scenes.hit("go away", CAPTION, score=0.75)]
    judged("one", 0.7, findings=two)
    judged("two", 0.1, language="de")
    judged("three", 0.0, findings=[])
    scores_summarise(now=timezone.now())
    found = row()
    assert found.n_looked == 3
    assert sum(found.histogram) == 2
    assert found.histogram[SCORE_EDGES.index(0.8)] == 1
    assert found.histogram[SCORE_EDGES.index(0.2)] == 1
    assert (row(language="de").n_looked, row(language="en").n_looked) == (1, 2)


def test_a_detector_that_gave_no_answer_did_not_look(reviewer: User) -> None:
    judged("one", 0.7)
    judged("two", 0.0, findings=[], missing=[Missing("terms", "late")])
    scores_summarise(now=timezone.now())
    assert row().n_looked == 1


def test_people_decide_what_the_score_should_have_been(reviewer: User) -> None:
    decided(judged("bad", 0.75), reviewer, Outcome.BLOCK)
    decided(judged("fine", 0.72), reviewer, Outcome.CLEAR)
    scores_summarise(now=timezone.now())
    found = row()
    assert found.label_counts == [0, 0, 0, 0, 0, 0, 0, 2, 0, 0]
    assert found.label_harmful == [0, 0, 0, 0, 0, 0, 0, 1, 0, 0]
    assert found.label_scores[7] == pytest.approx(1.47)


def test_what_was_acted_on_for_another_category_says_nothing_of_this_one(reviewer: User) -> None:
    decided(judged("bad", 0.75), reviewer, Outcome.BLOCK, category="hate")
    scores_summarise(now=timezone.now())
    assert sum(row().label_counts) == 0


def test_silence_of_a_detector_that_looked_is_a_score_of_zero(reviewer: User) -> None:
    judged("known to find harassment", 0.6)
    Job.objects.all().delete()
    other = scenes.hit("nobody likes you", CAPTION, score=0.75, detector="text")
    decided(judged("missed", 0.0, findings=[other]), reviewer, Outcome.BLOCK)
    scores_summarise(now=timezone.now())
    assert (row().label_counts[0], row().label_harmful[0]) == (1, 1)
    assert row("text").label_harmful[7] == 1


def test_an_overturned_decision_no_longer_counts(reviewer: User) -> None:
    item = judged("bad", 0.75)
    decided(item, reviewer, Outcome.BLOCK)
    senior = scenes.person("senior")
    scenes_overturn(senior, item)
    scores_summarise(now=timezone.now())
    assert (row().label_counts[7], row().label_harmful[7]) == (1, 0)


def scenes_overturn(senior: User, item: Item) -> None:
    from moderation.decisions.record import item_overturn

    item_overturn(
        actor=senior, item_key=str(item.key), outcome=Outcome.CLEAR, category="", note="a quotation", min_age=0,
        territories=(), now=timezone.now(), expected_decision=seen(item),
    )  # fmt: skip


def test_a_large_week_is_sampled_and_says_so(reviewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [judged(f"item-{i}", 0.6) for i in range(10)]
    monkeypatch.setattr(calibration, "MOST_DECISIONS", 5)
    scores_summarise(now=timezone.now())
    assert row().one_in == 2
    assert row().n_looked == sum(item.pk % 2 == 0 for item in items)


def test_making_a_week_again_replaces_it(reviewer: User) -> None:
    judged("one", 0.7)
    now = timezone.now()
    first, second = scores_summarise(now=now), scores_summarise(now=now)
    assert first == second == ScoreWeek.objects.count()


def test_older_weeks_follow_one_at_a_time_and_are_then_left_alone(reviewer: User) -> None:
    now = timezone.now()
    for weeks in (0, 3, 5):
        judged(f"old-{weeks}", 0.6, now=now - timedelta(weeks=weeks))
    made = []
    for _ in range(4):
        scores_summarise(now=now)
        made.append(ScoreWeek.objects.values("begins_on").distinct().count())
    assert made == [2, 3, 3, 3]
    late = judged("late-5", 0.6, now=now - timedelta(weeks=5))
    scores_summarise(now=now)
    assert not ScoreWeek.objects.filter(begins_on=monday(late.created_at), n_looked__gt=1).exists()


def test_summaries_too_old_to_be_shown_go(reviewer: User) -> None:
    now = timezone.now()
    old = monday(now) - timedelta(weeks=30)
    judged("old", 0.6, now=now - timedelta(weeks=30))
    week_summarise(begins_on=old, now=now)
    assert ScoreWeek.objects.filter(begins_on=old).exists()
    scores_summarise(now=now)
    assert not ScoreWeek.objects.filter(begins_on=old).exists()


def test_a_week_begins_on_a_monday(reviewer: User) -> None:
    with pytest.raises(ValueError, match="Monday"):
        week_summarise(begins_on=date(2026, 11, 24), now=timezone.now())


@pytest.mark.parametrize(
    "wrong",
    [
        {"begins_on": date(2026, 11, 24)},
        {"detector": "crystal"},
        {"one_in": 0},
        {"histogram": [1, 2]},
        {"label_counts": [1] * 9},
        {"label_scores": []},
    ],
)
def test_the_database_refuses_a_malformed_week(db: None, wrong: dict[str, object]) -> None:
    given = {
        "begins_on": date(2026, 11, 23), "detector": "terms", "category": "hate", "language": "", "n_looked": 1,
        "histogram": [0] * len(SCORE_EDGES), "label_counts": [0] * 10, "label_harmful": [0] * 10,
        "label_scores": [0.0] * 10, "computed_at": timezone.now(),
    }  # fmt: skip
    with pytest.raises(IntegrityError), transaction.atomic():
        ScoreWeek.objects.bulk_create([ScoreWeek(**{**given, **wrong})])


def week(
    begins_on: date, histogram: list[int], n_looked: int, category: str = "hate", **labels: Sequence[float]
) -> None:
    given: dict[str, Sequence[float]] = {
        "label_counts": [0] * 10,
        "label_harmful": [0] * 10,
        "label_scores": [0.0] * 10,
        **labels,
    }
    ScoreWeek.objects.create(
        begins_on=begins_on, detector="terms", category=category, histogram=histogram, n_looked=n_looked,
        computed_at=timezone.now(), **given,
    )  # fmt: skip


def test_drift_compares_the_last_two_weeks_and_alarms_come_first(reviewer: User) -> None:
    now = timezone.now()
    last, before = monday(now), monday(now) - timedelta(weeks=1)
    steady, moved = [100] * 13, [300] * 5 + [10] * 8
    week(before, steady, 10_000)
    week(last, steady, 10_000)
    week(before, steady, 10_000, "spam_scam")
    week(last, moved, 10_000, "spam_scam")
    found = calibrations(reviewer, now=now, weeks=13)
    assert [(row.category, row.level) for row in found] == [
        ("spam_scam", DriftLevel.ALARM), ("hate", DriftLevel.STEADY)
    ]  # fmt: skip


def test_reliability_is_summed_over_the_weeks(reviewer: User) -> None:
    now = timezone.now()
    for i in range(2):
        week(
            monday(now) - timedelta(weeks=i), [0] * 13, 0,
            label_counts=[50] + [0] * 8 + [50], label_harmful=[0] * 9 + [20], label_scores=[1.0] + [0.0] * 8 + [47.5],
        )  # fmt: skip
    (found,) = calibrations(reviewer, now=now, weeks=13)
    assert found.n_labels == 200
    assert (found.against_people.both, found.against_people.machine_only) == (40, 60)
    assert found.bins[-1].is_off
    assert found.error == pytest.approx(0.5 * 0.02 + 0.5 * 0.55)


def test_the_restricted_partition_is_counted_by_those_who_may_only(reviewer: User) -> None:
    now = timezone.now()
    week(monday(now), [1] * 13, 100, "child_safety")
    assert calibrations(reviewer, now=now, weeks=13) == []
    assert len(calibrations(scenes.person("senior"), now=now, weeks=13)) == 1


def test_the_items_that_differ_most_come_first(reviewer: User) -> None:
    decided(judged("cleared high", 0.9), reviewer, Outcome.CLEAR)
    decided(judged("cleared lower", 0.72), reviewer, Outcome.CLEAR)
    decided(judged("agreed", 0.8), reviewer, Outcome.BLOCK)
    other = scenes.hit("nobody likes you", CAPTION, score=0.75, detector="text")
    decided(judged("missed", 0.0, findings=[other]), reviewer, Outcome.BLOCK)
    since = timezone.now() - timedelta(weeks=1)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        found = differing_items(reviewer, detector="terms", category="harassment", language="", since=since)
    assert [(row.item.external_id, row.is_harmful) for row in found] == [
        ("missed", True), ("cleared high", False), ("cleared lower", False)
    ]  # fmt: skip
    assert len(queries) <= 4
    assert not differing_items(reviewer, detector="terms", category="harassment", language="de", since=since)


def test_languages_are_those_that_have_summaries(reviewer: User) -> None:
    judged("one", 0.7, language="de-AT")
    scores_summarise(now=timezone.now())
    assert languages_known() == ["de"]


# --- how long jobs take ------------------------------------------------------------------------------------------


def test_no_past_jobs_give_no_time(db: None) -> None:
    times = service_times(timezone.now())
    assert (times.of("general").mean_seconds, times.of("general").n_jobs) == (None, 0)


def test_a_jobs_time_runs_from_its_last_claim_to_its_decision(reviewer: User) -> None:
    item = judged("one", 0.75)
    now = timezone.now()
    decided(item, reviewer, Outcome.CLEAR, now=now + timedelta(seconds=90))
    times = service_times(now + timedelta(minutes=5))
    assert times.overall.n_jobs == 1
    assert times.overall.mean_seconds == pytest.approx(90, abs=2)


def test_a_queue_with_few_jobs_borrows_the_time_of_all(reviewer: User) -> None:
    now = timezone.now()
    for i in range(OWN_JOBS):
        decided(judged(f"item-{i}", 0.75), reviewer, Outcome.CLEAR, now=now + timedelta(seconds=60))
    times = service_times(now + timedelta(hours=1))
    (queue,) = times.by_queue
    assert times.of(queue).is_own
    assert not times.of("another").is_own
    assert times.of("another").mean_seconds == times.overall.mean_seconds
