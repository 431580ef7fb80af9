"""How many queries a page makes of its own: what a process follows is asked again every second, in whichever request comes then."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection
from django.test.utils import CaptureQueriesContext

_TRIES = 4


def fewest_queries(ask: Callable[[], object], most: int = 0) -> list[str]:
    """Return the SQL of the answer, of several, that needed the fewest queries; of the first that needs no more than `most`."""
    answers: list[list[str]] = []
    for _ in range(_TRIES):
        with CaptureQueriesContext(connection) as captured:
            ask()
        answers.append([query["sql"] for query in captured.captured_queries])
        if len(answers[-1]) <= most:
            break
    return min(answers, key=len)
