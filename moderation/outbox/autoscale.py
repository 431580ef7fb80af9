"""How many workers a queue wants. Pure arithmetic; docs/deep.md explains the formula."""

import math


def n_workers_wanted(*, n_waiting: int, n_running: int, seconds_each: float, target_seconds: float) -> int:
    """Return how many workers bring a queue's wait down to the target: work that is there, over the time that it may take.

    In a steady state this settles where arrivals and service balance: too few workers let the backlog grow until the number
    rises, too many let it fall to what is running.

    Args:
        seconds_each: mean time of one task on one worker.
        target_seconds: how long a clip may wait.

    Returns:
        0 for an empty queue, at least 1 otherwise.
    """
    n_there = n_waiting + n_running
    if n_there == 0:
        return 0
    return max(1, math.ceil(n_there * seconds_each / target_seconds))


def workers_for(*, uploads_per_second: float, seconds_each: float, utilisation: float = 0.7) -> int:
    """Return how many workers carry a rate of uploads for good.

    Args:
        seconds_each: mean time of one clip on one worker of this queue.
        utilisation: share of the time that a worker is busy; above 0.7 waits grow quickly (M/M/c).
    """
    return max(1, math.ceil(uploads_per_second * seconds_each / utilisation))
