"""The order of jobs as a rule: what harm may do to it, and what a new reason may do to a job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.verdict.job_order import (
    AT_RISK,
    HARM_SHARE,
    IMMINENT_SCORE,
    Place,
    harm_of,
    head_start,
    is_graver,
    is_imminent,
    language_of,
    place_job,
    place_raised,
    say_why,
)
from policies.decision.compiled import CompiledPolicy, Route
from tests.support.policy_builders import seed_policy

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEVERITIES, SCORES = st.integers(1, 5), st.floats(0, 1)
VIEWS = st.none() | st.integers(0, 10**9)
MINUTES = st.integers(1, 60 * 24 * 30)


@pytest.fixture(scope="module")
def policy() -> CompiledPolicy:
    return seed_policy(1)


def route(severity: int = 3, minutes: int = 60) -> Route:
    return Route("", "", None, "general", severity, minutes)


@given(SEVERITIES, SCORES, VIEWS, MINUTES)
def test_harm_takes_at_most_half_of_the_time_and_never_adds_any(
    severity: int, score: float, views: int | None, minutes: int
) -> None:
    harm = harm_of(severity=severity, score=score, views=views)
    assert 0 < harm <= 1
    slack = timedelta(minutes=minutes)
    assert timedelta(0) <= head_start(harm, slack) <= slack * HARM_SHARE


@given(SEVERITIES, SCORES, VIEWS, SEVERITIES, SCORES, VIEWS)
def test_more_of_any_of_the_three_is_never_less_harm(
    severity: int, score: float, views: int | None, severity_2: int, score_2: float, views_2: int | None
) -> None:
    many = 10**12
    less = harm_of(
        severity=min(severity, severity_2),
        score=min(score, score_2),
        views=min(many if views is None else views, many if views_2 is None else views_2),
    )
    assert less <= harm_of(severity=severity, score=score, views=views)
    assert less <= harm_of(severity=severity_2, score=score_2, views=views_2)


def test_what_is_not_known_is_taken_to_be_the_worst() -> None:
    assert harm_of(severity=5, score=1.0, views=None) == harm_of(severity=5, score=1.0, views=10**9) == 1.0
    assert harm_of(severity=5, score=float("nan"), views=None) == 1.0


def test_it_is_due_by_its_rule_and_to_be_claimed_before(policy: CompiledPolicy) -> None:
    place = place_job(policy, route=route(minutes=60), category="", score=1.0, views=None, now=NOW)
    assert place.due_at == NOW + timedelta(minutes=60)
    assert place.claim_by == place.due_at - timedelta(minutes=60) * HARM_SHARE * (3 / 5)


@pytest.mark.parametrize(
    ("category", "severity", "score", "expected"),
    [
        ("child_safety", 3, 0.9, True),
        ("hate", 5, 0.9, True),  # its routing rule says so
        ("hate", 4, 1.0, False),
        ("child_safety", 5, IMMINENT_SCORE / 2, False),
        ("child_safety", 5, float("nan"), True),
        ("", 3, 1.0, False),
    ],
)
def test_imminent_is_what_may_cost_a_life_and_is_more_than_a_hint(
    policy: CompiledPolicy, category: str, severity: int, score: float, expected: bool
) -> None:
    assert is_imminent(policy, route(severity), category, score) is expected


PLACES = st.builds(
    lambda due, head, harm, imminent: Place(
        NOW + timedelta(minutes=due), NOW + timedelta(minutes=due - head), harm, imminent
    ),
    st.integers(-500, 500), st.integers(0, 100), SCORES, st.booleans(),
)  # fmt: skip


@given(PLACES, PLACES)
def test_a_new_reason_never_makes_a_job_later_or_less_urgent(old: Place, new: Place) -> None:
    raised = place_raised(old, new)
    assert raised.due_at <= old.due_at
    assert raised.claim_by <= old.claim_by
    assert raised.harm >= old.harm
    assert raised.is_imminent >= old.is_imminent
    assert place_raised(raised, new) == raised
    assert not is_graver(raised, new)


@pytest.mark.parametrize(
    ("tag", "code"),
    [("de-AT", "de"), ("pt_BR", "pt"), ("EN", "en"), ("und", ""), ("", ""), ("x", ""), ("english", ""), ("mul", "mul")],
)
def test_a_language_is_its_primary_subtag(tag: str, code: str) -> None:
    assert language_of(tag) == code


@pytest.mark.parametrize(
    ("left", "head", "imminent", "line"),
    [
        (-4, 0, True, "Overdue by 4 min, self-harm: imminent harm goes first."),
        (25, 0, True, "Due in 25 min, self-harm: imminent harm goes first."),
        (-4, 0, False, "Overdue by 4 min, self-harm: goes before all that has more time."),
        (AT_RISK.total_seconds() / 60, 0, False, "Due in 10 min, self-harm: goes before all that has more time."),
        (200, 30, False, "Due in 3 h, self-harm: the least time left, counted 30 min shorter for its harm."),
        (90, 0, False, "Due in 90 min, self-harm: the least time left."),
        (60 * 24 * 5, 0, False, "Due in 5 days, self-harm: the least time left."),
    ],
)
def test_it_is_said_why_a_job_comes_now(left: float, head: int, imminent: bool, line: str) -> None:
    due_at = NOW + timedelta(minutes=left)
    place = Place(due_at, due_at - timedelta(minutes=head), 0.5, imminent)
    assert say_why(place, subject="self-harm", now=NOW) == line
