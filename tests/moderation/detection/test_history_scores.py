"""The score of a creator's past: documented values, and more is never less suspicious."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.detection.history import HistoryDetector
from moderation.detection.types import CreatorHistory, Subject
from policies.choices import ItemKind

QUIET = CreatorHistory(n_uploads_1h=0, n_uploads_24h=0, n_blocked_30d=0, n_strikes=0, account_age_days=100.0)
COUNTS = ("n_uploads_1h", "n_uploads_24h", "n_blocked_30d", "n_strikes")


def score(history: CreatorHistory) -> float:
    result = HistoryDetector().run(Subject(ItemKind.TEXT, "", "en", "", history=history))
    return result.findings[0].score if result.findings else 0.0


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"n_uploads_1h": 30, "n_uploads_24h": 150}, 0.0),
        ({"n_uploads_1h": 300}, 0.8),
        ({"n_uploads_24h": 1_500}, 0.6),
        ({"n_uploads_1h": 30, "account_age_days": 0.0}, 0.1778),
        ({"n_uploads_1h": 10, "n_uploads_24h": 50, "account_age_days": 0.0}, 0.0),
        ({"n_blocked_30d": 1}, 0.08),
        ({"n_blocked_30d": 50}, 0.5),
        ({"n_strikes": 2}, 0.4),
        ({"n_blocked_30d": 50, "n_strikes": 3}, 0.8),
    ],
)
def test_it_gives_the_documented_scores(changes: dict[str, float], expected: float) -> None:
    assert score(replace(QUIET, **changes)) == expected  # type: ignore[arg-type]


HISTORIES = st.builds(
    CreatorHistory,
    n_uploads_1h=st.integers(0, 10**6), n_uploads_24h=st.integers(0, 10**6), n_blocked_30d=st.integers(0, 10**4),
    n_strikes=st.integers(0, 100), account_age_days=st.floats(0, 10_000),
)  # fmt: skip


@given(HISTORIES, st.sampled_from(COUNTS), st.integers(0, 10**6))
def test_more_of_anything_is_never_less_suspicious(history: CreatorHistory, field: str, more: int) -> None:
    worse = replace(history, **{field: getattr(history, field) + more})
    assert 0.0 <= score(history) <= score(worse) < 1.0


@given(HISTORIES, st.floats(0, 10_000))
def test_a_younger_account_is_never_less_suspicious(history: CreatorHistory, days: float) -> None:
    younger = replace(history, account_age_days=max(history.account_age_days - days, 0.0))
    assert score(history) <= score(younger)


def test_an_age_that_is_no_number_is_that_of_a_new_account() -> None:
    busy = replace(QUIET, n_uploads_1h=30)
    assert score(replace(busy, account_age_days=math.nan)) == score(replace(busy, account_age_days=0.0))


def test_it_says_what_it_rests_on() -> None:
    [finding] = HistoryDetector().run(
        Subject(ItemKind.TEXT, "", "en", "", history=replace(QUIET, n_uploads_1h=90, n_strikes=1, account_age_days=0.5))
    ).findings  # fmt: skip
    assert finding.where["why"] == ["90 uploads in an hour, account 0.5 days old", "1 strikes"]
