"""The comparison of a canary with its control, on plain numbers."""

from __future__ import annotations

from moderation.rollout.rules import RATES, Counts, Limits, rate_checks

LIMITS = Limits(alpha=0.01, min_items=200, margins={"block": 0.01, "escalate": 0.02, "hold": 0.02, "overturn": 0.005})


def alarms(control: Counts, canary: Counts) -> list[str]:
    return [check.name for check in rate_checks(control, canary, LIMITS) if check.is_alarm]


def test_a_canary_that_does_the_same_is_no_alarm() -> None:
    same = Counts(n=5_000, n_blocked=100, n_escalated=150, n_held=20, n_final=4_800, n_overturned=5)
    assert alarms(same, same) == []


def test_too_many_blocks_are_an_alarm() -> None:
    control = Counts(n=20_000, n_blocked=400, n_final=19_000)
    assert alarms(control, Counts(n=2_000, n_blocked=200, n_final=1_900)) == ["block"]


def test_too_few_blocks_are_an_alarm_as_well() -> None:
    control = Counts(n=20_000, n_blocked=1_600, n_final=19_000)
    assert alarms(control, Counts(n=4_000, n_blocked=10, n_final=3_800)) == ["block"]


def test_a_difference_within_the_margin_is_let_pass_however_sure() -> None:
    control = Counts(n=10_000_000, n_blocked=200_000, n_final=9_000_000)
    assert alarms(control, Counts(n=1_000_000, n_blocked=27_000, n_final=900_000)) == []


def test_verdicts_that_people_overturn_are_an_alarm() -> None:
    control = Counts(n=20_000, n_final=19_000, n_overturned=40)
    assert alarms(control, Counts(n=2_000, n_final=1_900, n_overturned=80)) == ["overturn"]


def test_below_the_least_number_of_items_nothing_is_compared() -> None:
    checks = rate_checks(Counts(n=20_000, n_blocked=10), Counts(n=199, n_blocked=199), LIMITS)
    assert [check.comparison for check in checks] == [None] * len(RATES)
    assert not any(check.is_alarm for check in checks)


def test_more_overturned_than_made_counts_as_all() -> None:
    checks = rate_checks(Counts(n=500, n_final=3, n_overturned=9), Counts(n=500, n_final=0, n_overturned=2), LIMITS)
    overturn = next(check for check in checks if check.name == "overturn")
    assert (overturn.control_rate, overturn.canary_rate, overturn.is_alarm) == (1.0, 0.0, False)


def test_a_check_says_itself_in_words() -> None:
    check = rate_checks(Counts(n=1_000, n_blocked=20), Counts(n=400, n_blocked=40), LIMITS)[0]
    assert check.sentence == "block rate 10.0% of 400 items under the canary, 2.0% of 1000 beside it"


def test_counts_add_up() -> None:
    assert Counts(1, 2, 3, 4, 5, 6) + Counts(1, 1, 1, 1, 1, 1) == Counts(2, 3, 4, 5, 6, 7)
