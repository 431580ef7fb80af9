"""Erlang C against published tables and against exact sums made another way."""

import math
from fractions import Fraction

import pytest

from policies.statistics.staffing import NOBODY, erlang_b, erlang_c, reviewers_needed


def exact_c(n: int, load: Fraction) -> Fraction:
    """Return Erlang C by its definition, in exact fractions: no recursion, no rounding."""
    terms = [load**i / math.factorial(i) for i in range(n)]
    last = load**n / math.factorial(n) * n / (n - load)
    return last / (sum(terms) + last)


# The traffic in erlangs at which n servers lose one call in a hundred, from the printed Erlang B tables
# (ITU-D SG 2/16, Teletraffic Engineering Handbook; also AT&T's tables).
@pytest.mark.parametrize(
    ("n", "load"), [(1, 0.0101), (2, 0.153), (5, 1.36), (10, 4.46), (20, 12.03), (50, 37.9), (100, 84.1)]
)
def test_erlang_b_agrees_with_the_printed_tables(n: int, load: float) -> None:
    assert erlang_b(n, load) == pytest.approx(0.01, abs=2e-4)


def test_erlang_c_of_one_server_is_its_occupancy() -> None:
    for load in (0.0, 0.1, 0.5, 0.99):
        assert erlang_c(1, load) == pytest.approx(load)


# Textbook values: M/M/2 at rho 0.5 waits 1/3; M/M/3 at 2 erlangs waits 4/9; M/M/10 at 8 erlangs waits 0.409.
@pytest.mark.parametrize(("n", "load", "p"), [(2, 1.0, 1 / 3), (3, 2.0, 4 / 9), (10, 8.0, 0.409), (5, 4.0, 0.5541)])
def test_erlang_c_agrees_with_textbooks(n: int, load: float, p: float) -> None:
    assert erlang_c(n, load) == pytest.approx(p, abs=1e-3)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 20, 55, 120])
@pytest.mark.parametrize("share", [Fraction(1, 100), Fraction(1, 3), Fraction(9, 10), Fraction(999, 1000)])
def test_erlang_c_agrees_with_exact_sums(n: int, share: Fraction) -> None:
    assert erlang_c(n, float(n * share)) == pytest.approx(float(exact_c(n, n * share)), rel=1e-9)


def test_a_line_that_grows_without_end_always_waits() -> None:
    assert erlang_c(5, 5.0) == 1.0
    assert erlang_c(5, 7.5) == 1.0
    assert erlang_c(0, 1.0) == 1.0


def test_thousands_of_servers_neither_overflow_nor_lose_the_answer() -> None:
    assert 0 < erlang_c(20_100, 20_000.0) < 1
    assert erlang_c(20_100, 20_000.0) > erlang_c(20_300, 20_000.0)


# The worked example of call-centre guides: 200 calls in an hour of 3 minutes, 80 % within 20 s, takes 14 agents,
# who then answer 88.8 % in time and are busy 71.4 % of theirs.
def test_the_usual_worked_example_takes_fourteen_agents() -> None:
    staffing = reviewers_needed(200, 180, 20, target=0.8)
    assert staffing is not None
    assert staffing.reviewers == 14
    assert staffing.service_level == pytest.approx(0.888, abs=2e-3)
    assert staffing.occupancy == pytest.approx(0.714, abs=1e-3)
    assert staffing.p_wait == pytest.approx(0.174, abs=2e-3)
    assert staffing.mean_wait_seconds == pytest.approx(7.8, abs=0.1)


@pytest.mark.parametrize("jobs", [0.5, 12, 90, 731, 4000])
@pytest.mark.parametrize("sla", [0, 30, 900])
def test_one_reviewer_fewer_would_not_keep_the_promise(jobs: float, sla: float) -> None:
    staffing = reviewers_needed(jobs, 75, sla)
    assert staffing is not None
    load, n = jobs * 75 / 3600, staffing.reviewers

    def level(servers: int) -> float:
        if servers <= load:
            return 0.0
        return 1 - erlang_c(servers, load) * math.exp(-(servers - load) * sla / 75)

    assert level(n) == pytest.approx(staffing.service_level)
    assert level(n) >= 0.9
    assert level(n - 1) < 0.9


def test_no_jobs_need_nobody_even_when_times_are_unknown() -> None:
    assert reviewers_needed(0, None, 900) == NOBODY
    assert NOBODY.reviewers == 0


def test_jobs_whose_time_was_never_measured_get_no_number() -> None:
    assert reviewers_needed(40, None, 900) is None


def test_people_are_not_planned_busier_than_asked() -> None:
    free = reviewers_needed(600, 60, 4 * 3600)
    kind = reviewers_needed(600, 60, 4 * 3600, max_occupancy=0.85)
    assert free is not None
    assert kind is not None
    assert (free.reviewers, kind.reviewers) == (11, 12)
    assert kind.occupancy <= 0.85


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((-1, 60, 60), {}),
        ((math.nan, 60, 60), {}),
        ((math.inf, 60, 60), {}),
        ((1, 0, 60), {}),
        ((1, math.nan, 60), {}),
        ((1, 60, -1), {}),
        ((1, 60, 60), {"target": 1.0}),
        ((1, 60, 60), {"max_occupancy": 0.0}),
    ],
)
def test_impossible_requests_are_refused(args: tuple[float, ...], kwargs: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        reviewers_needed(*args, **kwargs)


def test_impossible_loads_are_refused() -> None:
    for n, load in ((-1, 1.0), (1, -1.0), (1, math.nan), (1, math.inf)):
        with pytest.raises(ValueError, match="finite"):
            erlang_c(n, load)
