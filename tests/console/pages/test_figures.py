"""How shares, intervals, counts and thresholds are written."""

from __future__ import annotations

import pytest

from console.templatetags import figures
from policies.statistics.intervals import wilson


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (None, "–"), (0, "0 %"), (1, "100 %"), (0.12345, "12 %"), (0.034, "3.4 %"), (0.0006, "0.06 %"),
        (0.000001, "0.01 %"), (0.9999, "99.99 %"), (0.999999, "99.99 %"), (0.996, "99.60 %"),
    ],
)  # fmt: skip
def test_shares_keep_the_digits_that_tell_something(share: float | None, said: str) -> None:
    assert figures.percent(share) == said.replace(" %", "\N{NO-BREAK SPACE}%")


def test_an_interval_is_written_with_its_ends() -> None:
    assert figures.interval(wilson(15, 148)).replace("\N{NO-BREAK SPACE}", " ") == "10 % (6.2 % to 16 %)"
    assert figures.interval(wilson(0, 0)) == "–"
    assert figures.interval(None) == "–"


@pytest.mark.parametrize(("n", "said"), [(1_204, "+1,204"), (-3, "−3"), (0, "0")])
def test_changes_carry_their_sign(n: float, said: str) -> None:
    assert figures.with_sign(n) == said


@pytest.mark.parametrize(
    ("value", "said"), [(None, "–"), (0, "0.0"), (0.01, "< 0.1"), (12.46, "12.5"), (1240.2, "1,240")]
)
def test_rates_are_rounded_as_people_plan(value: float | None, said: str) -> None:
    assert figures.rate(value) == said


@pytest.mark.parametrize(("value", "said"), [(None, "never"), (0.85, "0.85"), (0.7125, "0.7125"), (1.0, "1.00")])
def test_thresholds_keep_the_digits_they_were_written_with(value: float | None, said: str) -> None:
    assert figures.at(value) == said


def test_counts_come_in_groups_of_three() -> None:
    assert (figures.count(1234567), figures.count(None)) == ("1,234,567", "–")
