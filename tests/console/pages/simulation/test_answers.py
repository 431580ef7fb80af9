"""A simulation's answer in tables: breakdowns, reviewers by queue, and what those without the permission do not see."""

from __future__ import annotations

import pytest

from console.pages.simulation.answers import Queues, answer_of, breakdowns_of, jobs_of, qualities_of
from moderation.review.staffing import ServiceTime, ServiceTimes
from policies.choices import Outcome
from policies.replay.outcomes import Flow, HourLoad, LabelStratum, QueueLoad, Simulation
from policies.statistics.staffing import reviewers_needed

HIDDEN = frozenset({"child_safety"})
NAMES = {"hate": "Hate", "spam_scam": "Spam", "child_safety": "Child safety"}


def flow(name: str, stay: int, blocked: int = 0, cleared: int = 0) -> Flow:
    """Return a flow in which some are newly blocked and some newly cleared."""
    return Flow(name, ((stay, 0, 0, 0, blocked), (0,) * 5, (0,) * 5, (0,) * 5, (cleared, 0, 0, 0, 0)))


def simulation(**changes: object) -> Simulation:
    given: dict[str, object] = {
        "before": "a", "after": "b", "n_items": 130, "hours": 10.0, "total": flow("", 100, 20, 10),
        "by_category": (flow("hate", 50, 15), flow("child_safety", 3, 2), flow("spam_scam", 7, 0, 10), flow("", 40, 3)),
        "by_language": (), "by_market": (), "by_audience": (flow("adult", 5), flow("under_13", 95, 20, 10)),
        "n_narrowed": 0, "n_widened": 0,
        "queues": (QueueLoad("child-safety", 10, 20, 1.0, 2.0), QueueLoad("general", 100, 300, 10.0, 30.0)),
        "by_hour": tuple(HourLoad(h, 22.0 if h == 12 else 10.5, 32.0) for h in range(24)),
        "flipped": (), "strata": (),
    }  # fmt: skip
    return Simulation(**{**given, **changes})  # type: ignore[arg-type]


def queues(mean: float | None = 60.0, n: int = 100, hidden: frozenset[str] = frozenset()) -> Queues:
    overall = ServiceTime(mean, n, is_own=False)
    own = {"general": ServiceTime(mean, n, is_own=True)} if mean else {}
    return Queues({"general": "General"}, {"general": 15}, ServiceTimes(own, overall), hidden)


def test_what_changes_most_comes_first() -> None:
    by_category = breakdowns_of(simulation(), NAMES, hidden=frozenset())[0]
    assert [row.name for row in by_category.rows] == ["Hate", "Spam", "no category", "Child safety"]
    assert by_category.rows[0].newly[Outcome.BLOCK] == 15
    assert by_category.rows[0].share_changed == pytest.approx(15 / 65)


def test_the_restricted_category_is_folded_in_so_that_it_cannot_be_subtracted() -> None:
    by_category = breakdowns_of(simulation(), NAMES, hidden=HIDDEN)[0]
    assert [row.name for row in by_category.rows] == ["Hate", "Spam", "no category"]
    assert sum(row.flow.n for row in by_category.rows) == sum(row.n for row in simulation().by_category)


def test_long_breakdowns_end_in_one_row_for_the_others() -> None:
    found = simulation(by_language=tuple(flow(f"l{i}", 10, i) for i in range(15)))
    rows = breakdowns_of(found, NAMES, hidden=frozenset())[1].rows
    assert len(rows) == 13
    assert rows[-1].name == "3 others"
    assert rows[-1].flow.n == 10 * 3 + 0 + 1 + 2


def test_audiences_are_in_words() -> None:
    rows = breakdowns_of(simulation(), NAMES, hidden=frozenset())[3].rows
    assert [row.name for row in rows] == ["everyone", "adults"]


def test_reviewers_follow_erlang_for_each_queue_and_for_the_busiest_hour() -> None:
    jobs = jobs_of(simulation(), queues())
    general = jobs.rows[1]
    expected = reviewers_needed(30.0, 60.0, 15 * 60, 0.9, max_occupancy=0.85)
    assert general.needed[1] == expected
    assert jobs.peak_factor[0] == pytest.approx(22.0 / ((22.0 + 23 * 10.5) / 24))
    assert jobs.peak_factor[1] == 1.0
    assert jobs.reviewers[1] == sum(row.needed[1].reviewers for row in jobs.rows if row.needed[1])
    assert jobs.change == pytest.approx(21.0)


def test_without_measured_times_no_number_is_given() -> None:
    jobs = jobs_of(simulation(), queues(mean=None, n=0))
    assert jobs.reviewers == (None, None)
    assert jobs.rows[0].needed == (None, None)
    assert jobs.n_timed == 0


def test_the_restricted_queue_is_left_out_of_all_sums() -> None:
    answer = answer_of(simulation(), queues(hidden=frozenset({"child-safety"})), NAMES, hidden=HIDDEN)
    assert [row.queue for row in answer.jobs.rows] == ["general"]
    assert (answer.jobs.per_hour_before, answer.jobs.per_hour_after) == (10.0, 30.0)
    total = sum(row.before for row in simulation().by_hour)
    assert sum(before for _, before, _ in answer.hours) == pytest.approx(total * 10 / 11)


def test_the_headline_tells_newly_and_no_longer_for_each_outcome() -> None:
    answer = answer_of(simulation(), queues(), NAMES, hidden=frozenset())
    assert answer.headline[Outcome.BLOCK] == (Outcome.BLOCK, 20, 10)
    assert answer.headline[Outcome.CLEAR] == (Outcome.CLEAR, 10, 20)


def test_quality_is_told_for_everything_and_for_each_category_with_labels() -> None:
    strata = (
        LabelStratum("", "escalated", True, True, 100, 50, 40),
        LabelStratum("hate", "escalated", True, True, 60, 30, 25),
        LabelStratum("child_safety", "escalated", True, True, 40, 20, 15),
        LabelStratum("spam_scam", "", True, True, 10, 0, 0),
    )
    found = simulation(strata=strata)
    assert [q.category for q in qualities_of(found, NAMES, hidden=frozenset())] == ["", "hate", "child_safety"]
    assert [q.category for q in qualities_of(found, NAMES, hidden=HIDDEN)] == ["", "hate"]
    assert qualities_of(simulation(), NAMES, hidden=frozenset()) == ()


def test_no_items_make_an_empty_answer() -> None:
    empty = simulation(n_items=0, total=flow("", 0), by_category=(), by_audience=(), queues=(), by_hour=())
    answer = answer_of(empty, queues(), NAMES, hidden=frozenset())
    assert answer.jobs.rows == ()
    assert answer.jobs.reviewers == (0, 0)
