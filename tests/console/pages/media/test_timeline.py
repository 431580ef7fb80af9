"""The evidence timeline on the pages of jobs and items: a chart with a list beside it, every moment a link."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from console.pages.timeline import WIDTH, chart_of, moment_asked
from moderation.items.timeline import Moment, timeline
from moderation.models import Item, Job
from policies.choices import ItemKind, Outcome
from tests.support import scenes
from tests.support.timeline_findings import findings

NAMES = {"violence": "Violence", "spam_scam": "Spam"}
LEVELS = {"violence": [("escalate", 0.75), ("block", 0.95)], "spam_scam": [("escalate", 0.7)]}


def moment(track: str = "vision", start: int = 4_000, until: int = 6_000, **more: object) -> Moment:
    values = {"category": "violence", "score": 0.8, "detector": track, "what": "a knife", **more}
    return Moment(track, start, until, **values)  # type: ignore[arg-type]


def job_with_timeline(user: User) -> Job:
    return scenes.job_held(
        user, "clip-1", kind=ItemKind.VIDEO, media=scenes.stored(b"clip" * 99), duration_ms=30_000, findings=findings()
    )


def test_lanes_are_those_that_have_something_in_a_fixed_order() -> None:
    chart = chart_of([moment(), moment("speech", 0, 500)], 10_000, LEVELS, NAMES)
    assert chart is not None
    assert [(name, [mark.at_ms for mark in marks]) for name, marks in chart.lanes] == [
        ("Said", [0]),
        ("Shown", [4_000]),
    ]


def test_marks_lie_at_their_time_and_never_leave_the_chart() -> None:
    chart = chart_of([moment(start=5_000, until=7_500), moment(start=10_000, until=10_000)], 10_000, LEVELS, NAMES)
    assert chart is not None
    first, last = chart.marks
    assert (first.x, first.width) == (500.0, 250.0)
    assert last.x + last.width == WIDTH


def test_how_grave_a_mark_is_follows_the_thresholds_and_fixed_outcomes() -> None:
    grave = [moment(score=0.5), moment(score=0.8), moment(score=0.96), moment(score=0.1, hard=Outcome.BLOCK)]
    chart = chart_of(grave, None, LEVELS, NAMES)
    assert chart is not None
    assert [mark.css for mark in chart.marks] == ["", "warn", "over", "over"]
    assert chart.marks[3].hard == "Block"


def test_what_weighs_most_is_drawn_over_what_stands_at_the_same_time() -> None:
    scores = [("violence", 0.97), ("violence", 0.8), ("spam_scam", 0.1), ("violence", 0.2)]
    given = [moment("speech", category=category, score=score) for category, score in scores]
    chart = chart_of(given, 30_000, LEVELS, NAMES)
    assert chart is not None
    assert [mark.score for mark in chart.lanes[0][1]] == [0.1, 0.2, 0.8, 0.97]
    assert [mark.score for mark in chart.marks] == [score for _, score in scores]


def test_a_clip_of_unknown_length_ends_with_its_last_moment() -> None:
    chart = chart_of([moment(start=0, until=42_000)], None, LEVELS, NAMES)
    assert chart is not None
    assert chart.duration_ms == 42_000
    assert chart.labels == ["0:00.0", "0:21.0", "0:42.0"]


def test_without_moments_there_is_no_chart() -> None:
    assert chart_of([], 10_000, LEVELS, NAMES) is None


@pytest.mark.parametrize(
    ("text", "at"),
    [("4200", 4_200), ("0", 0), (None, None), ("", None), ("-5", None), ("4.2", None), ("99999", None), ("٣", None)],
)
def test_an_address_asks_for_a_moment_of_the_clip_or_for_none(text: str | None, at: int | None) -> None:
    assert moment_asked(text, 30_000) == at


def test_the_job_page_lists_every_moment_as_a_link(browser: Client, reviewer: User) -> None:
    job = job_with_timeline(reviewer)
    page = browser.get(reverse("job_page", args=[job.key])).content.decode()
    assert (
        page.index('href="?at=1000#media"') < page.index('href="?at=5000#media"') < page.index('href="?at=20000#media"')
    )
    for words in ("buy cheap followers", "cheap followers", "a knife", "challenge.mp4", "0:12.0–0:15.0"):
        assert words in page
    assert "83% of the known clip “challenge.mp4”, longest run 0:20.0 to 0:26.0, 0:20.0 later here than in it" in page
    assert "looks like “a knife”" in page


def test_a_link_opens_the_clip_at_its_moment_without_a_script(browser: Client, reviewer: User) -> None:
    job = job_with_timeline(reviewer)
    page = browser.get(reverse("job_page", args=[job.key]), {"at": "12000"}).content.decode()
    assert "#t=12.0" in page
    assert "poster" not in page
    assert "#t=" not in browser.get(reverse("job_page", args=[job.key]), {"at": "soon"}).content.decode()


def test_the_item_page_has_the_timeline_too(browser: Client, reviewer: User) -> None:
    job = job_with_timeline(reviewer)
    page = browser.get(reverse("item_page", args=[job.item.key]), {"at": "5000"}).content.decode()
    assert 'aria-labelledby="timeline-title"' in page
    assert "#t=5.0" in page


def test_an_item_without_times_has_none(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    assert "timeline-title" not in browser.get(reverse("job_page", args=[job.key])).content.decode()


def test_the_history_of_the_api_carries_the_times(reviewer: User) -> None:
    from moderation.items.queries import item_history, item_timeline

    item = Item.objects.get(pk=job_with_timeline(reviewer).item_id)
    assert [m.start_ms for m in item_timeline(item)] == [1_000, 5_000, 12_000, 20_000]
    rows = item_history(item)[-1]["findings"]
    assert {row["where"].get("start_ms", row["where"].get("frame_ms")) for row in rows} == {
        1_000,
        5_000,
        12_000,
        20_000,
    }
    assert [m.track for m in timeline(findings())] == ["speech", "ocr", "vision", "frames"]
