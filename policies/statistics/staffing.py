"""How many reviewers a stream of jobs takes (Erlang C). Pure: no ORM, no clock.

The model: jobs arrive at random, take exponentially distributed times, and wait in one line for the next free reviewer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Staffing:
    """What a number of reviewers at work at the same time achieves.

    reviewers: at work at the same time, without breaks; shifts, leave and training come on top
    occupancy: share of their time that they are deciding, in [0, 1]
    p_wait: probability that a job waits at all, in [0, 1]
    service_level: probability that a job is taken up within the time promised, in [0, 1]
    mean_wait_seconds: mean time before a job is taken up
    """

    reviewers: int
    occupancy: float
    p_wait: float
    service_level: float
    mean_wait_seconds: float


#: No jobs: nobody is needed, and nothing waits.
NOBODY = Staffing(reviewers=0, occupancy=0.0, p_wait=0.0, service_level=1.0, mean_wait_seconds=0.0)


def erlang_b(n_servers: int, offered_load: float) -> float:
    """Return the probability that all servers are busy when nobody waits, in [0, 1].

    Args: offered_load in erlangs (arrivals per second times seconds of service).
    Raises: ValueError when an argument is negative or not finite.
    Source: A. K. Erlang, 1917; the recursion B(n) = a B(n-1) / (n + a B(n-1)) has neither factorials nor powers to overflow.
    """
    _check_load(n_servers, offered_load)
    blocked = 1.0
    for n in range(1, n_servers + 1):
        blocked = offered_load * blocked / (n + offered_load * blocked)
    return blocked


def erlang_c(n_servers: int, offered_load: float) -> float:
    """Return the probability that an arrival must wait, in [0, 1]; 1 when the servers cannot keep up.

    Args: offered_load in erlangs (arrivals per second times seconds of service).
    Raises: ValueError when an argument is negative or not finite.
    Source: A. K. Erlang, 1917; C = B / (1 - rho (1 - B)).
    """
    blocked = erlang_b(n_servers, offered_load)
    if offered_load == 0:
        return 0.0 if n_servers else 1.0
    return 1.0 if n_servers <= offered_load else _waits(blocked, n_servers, offered_load)


def _waits(blocked: float, n_servers: int, offered_load: float) -> float:
    return blocked / (1 - offered_load / n_servers * (1 - blocked))


def reviewers_needed(
    jobs_per_hour: float,
    mean_seconds: float | None,
    sla_seconds: float,
    target: float = 0.9,
    *,
    max_occupancy: float = 1.0,
) -> Staffing | None:
    """Return the fewest reviewers that take up `target` of the jobs within the time promised.

    Args:
        jobs_per_hour: arrivals, >= 0
        mean_seconds: mean time a person works on a job, > 0; None when it was never measured
        sla_seconds: time promised between arrival and being taken up, >= 0
        target: share of jobs to be taken up in that time, in (0, 1)
        max_occupancy: largest share of the time that people may be busy, in (0, 1]; with a long promise the model alone
            would keep them busy without a pause
    Returns: None when there are jobs and nobody knows how long one takes: no number is better than an invented one.
    Raises: ValueError when an argument is out of its range.
    """
    _check_request(jobs_per_hour, mean_seconds, sla_seconds, target, max_occupancy)
    if jobs_per_hour == 0:
        return NOBODY
    if mean_seconds is None:
        return None
    load = jobs_per_hour * mean_seconds / 3600
    n, blocked = 0, 1.0
    while True:
        n += 1
        blocked = load * blocked / (n + load * blocked)
        # Below the load the line grows without end; no need to work out what it would promise.
        if n <= load or load / n > max_occupancy:
            continue
        staffing = _staffing(n, load, blocked, mean_seconds, sla_seconds)
        if staffing.service_level >= target:
            return staffing


def _staffing(n: int, load: float, blocked: float, mean_seconds: float, sla_seconds: float) -> Staffing:
    p_wait = _waits(blocked, n, load)
    return Staffing(
        reviewers=n,
        occupancy=load / n,
        p_wait=p_wait,
        service_level=1 - p_wait * math.exp(-(n - load) * sla_seconds / mean_seconds),
        mean_wait_seconds=p_wait * mean_seconds / (n - load),
    )


def _check_load(n_servers: int, offered_load: float) -> None:
    if n_servers < 0 or not (offered_load >= 0 and math.isfinite(offered_load)):
        raise ValueError("servers and load must be finite and not negative")


def _check_request(jobs: float, mean: float | None, sla: float, target: float, occupancy: float) -> None:
    if not (jobs >= 0 and math.isfinite(jobs)):
        raise ValueError("jobs per hour must be finite and not negative")
    if mean is not None and not (mean > 0 and math.isfinite(mean)):
        raise ValueError("the mean time of a job must be finite and positive, or None where it is unknown")
    if not sla >= 0:
        raise ValueError("the time promised must not be negative")
    if not (0 < target < 1 and 0 < occupancy <= 1):
        raise ValueError("target must lie in (0, 1) and occupancy in (0, 1]")
