"""The calibration pages: what drifts first, reliability with its table, and the items on which people differ."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from moderation.calibration.service import scores_summarise
from moderation.models import ScoreWeek
from moderation.review.leases import job_claim, job_decide
from policies.choices import Outcome
from tests.support import scenes
from tests.support.people import seen
from tests.support.sign_in import signed_in

LIST = "policy_calibration"
PAGE = "calibration_page"
CAPTION = "nobody likes you, zzq, go away"


@pytest.fixture
def analyst(ready: None) -> Client:
    return signed_in(scenes.person("analyst"))


@pytest.fixture
def decided(ready: None) -> User:
    """Let a person clear one item with a high score and block another, and summarise."""
    reviewer = scenes.person("reviewer", "rita")
    now = timezone.now()
    for name, outcome in (("cleared-high", Outcome.CLEAR), ("blocked-high", Outcome.BLOCK)):
        scenes.job_open(name, findings=[scenes.hit("nobody likes you", CAPTION, score=0.75)], creator=name)
        job = job_claim(actor=reviewer, now=now)
        assert job is not None
        given: dict[str, Any] = (
            {"category": "harassment", "note": "said why"} if outcome else {"category": "", "note": ""}
        )
        job_decide(
            actor=reviewer, job_key=str(job.key), lease_token=str(job.lease_token), outcome=outcome, min_age=0,
            territories=(), now=now, expected_decision=seen(job.item), **given,
        )  # fmt: skip
    scores_summarise(now=now)
    return reviewer


def weeks(category: str, histograms: list[list[int]], n_looked: int = 10_000) -> None:
    now = timezone.now()
    monday = (now - timedelta(days=now.weekday())).date()
    for i, histogram in enumerate(reversed(histograms)):
        ScoreWeek.objects.create(
            begins_on=monday - timedelta(weeks=i), detector="text", category=category, histogram=histogram,
            n_looked=n_looked, label_counts=[0] * 10, label_harmful=[0] * 10, label_scores=[0.0] * 10, computed_at=now,
        )  # fmt: skip


def test_the_empty_page_says_what_will_come(analyst: Client) -> None:
    page = analyst.get(reverse(LIST)).content.decode()
    assert "No summaries yet" in page


def test_an_alarm_is_counted_and_its_row_comes_first(analyst: Client) -> None:
    weeks("hate", [[100] * 13, [100] * 13])
    weeks("spam_scam", [[100] * 13, [300] * 5 + [10] * 8])
    page = analyst.get(reverse(LIST)).content.decode()
    assert "1 drift alarm<" in page
    assert page.index("calibration/text/spam_scam") < page.index("calibration/text/hate")


def test_every_column_rests_on_what_people_decided(analyst: Client, decided: User) -> None:
    page = analyst.get(reverse(LIST)).content.decode()
    assert "50 % (9.5 % to 91 %)" in page.replace("\N{NO-BREAK SPACE}", " ")
    assert "How computed" in page


def test_the_page_draws_the_diagram_with_its_table_beside_it(analyst: Client, decided: User) -> None:
    page = analyst.get(reverse(PAGE, args=["terms", "harassment"])).content.decode()
    assert 'class="chart reliability"' in page
    assert "0.7 to 0.8" in page
    assert "cleared-high" in page
    assert "blocked-high" not in page
    assert page.count("How computed") == 4


def test_a_page_without_summaries_says_so(analyst: Client) -> None:
    response = analyst.get(reverse(PAGE, args=["terms", "harassment"]))
    assert response.status_code == 200
    assert "No summary for this choice" in response.content.decode()


def test_a_wrong_choice_is_told_at_its_field(analyst: Client) -> None:
    for url in (reverse(LIST), reverse(PAGE, args=["terms", "hate"])):
        response = analyst.get(url, {"weeks": "7"})
        assert response.status_code == 422
        assert "Select a valid choice" in response.content.decode()


def test_the_restricted_partition_does_not_exist_for_others(analyst: Client) -> None:
    weeks("child_safety", [[1] * 13, [1] * 13])
    assert analyst.get(reverse(PAGE, args=["text", "child_safety"])).status_code == 404
    assert "calibration/text/child_safety" not in analyst.get(reverse(LIST)).content.decode()
    senior = signed_in(scenes.person("senior"))
    assert senior.get(reverse(PAGE, args=["text", "child_safety"])).status_code == 200
    assert "calibration/text/child_safety" in senior.get(reverse(LIST)).content.decode()


def test_htmx_gets_the_results_only(analyst: Client) -> None:
    page = analyst.get(reverse(LIST), headers={"HX-Request": "true"}).content.decode()
    assert page.lstrip().startswith('<div id="results"')


@pytest.mark.parametrize("n_categories", [1, 6])
def test_the_number_of_queries_does_not_grow(analyst: Client, n_categories: int) -> None:
    for category in ("hate", "spam_scam", "violence", "drugs", "sexual", "self_harm")[:n_categories]:
        weeks(category, [[100] * 13] * 6)
    for url in (reverse(LIST), reverse(PAGE, args=["text", "hate"])):
        with CaptureQueriesContext(connection) as queries:
            assert analyst.get(url).status_code == 200
        assert len(queries) <= 12, [q["sql"][:120] for q in queries]
