"""Whether a costly detector is asked: the one place that says so. Pure."""

from collections.abc import Callable
from enum import Enum


class Seen(Enum):
    """How much the cheap detectors have said of an upload when it is asked."""

    NOTHING = "nothing"  # they only begin
    WORDS = "words"  # those that read no files; the others are taken to find nothing until they answer
    ALL = "all"
    LATE = "late"  # one of them is slow, and not waited for


class Turn(Enum):
    """When a costly detector is asked."""

    NOW = "now"
    LATER = "later"  # it is asked once more when more is seen
    NEVER = "never"  # on the path: it is left out, and asked afterwards


def turn_of(seen: Seen, can_matter: Callable[[], bool] | None) -> Turn:
    """Return when a costly detector is asked, given what was seen.

    Args:
        can_matter: says whether any answer of its could matter, given what was seen; None: none is ever left out.
    """
    if can_matter is None or seen is Seen.LATE:
        return Turn.NOW
    if seen is Seen.NOTHING:
        return Turn.LATER
    if can_matter():
        return Turn.NOW
    return Turn.NEVER if seen is Seen.ALL else Turn.LATER
