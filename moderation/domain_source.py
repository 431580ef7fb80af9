"""This process's view of the listed domains: read every few seconds by whoever submits, used by the links detector.

Detectors never touch the database, so the request's own thread reads, before they run.
"""

import threading
import time
from collections.abc import Mapping

import structlog
from django.db import DatabaseError, InterfaceError

from moderation.detectors.links import DomainRule
from moderation.list_ages import LISTS_MAX_AGE_SECONDS
from moderation.models import ListedDomain
from policies.choices import Outcome

log = structlog.get_logger(__name__)

#: A listing counts everywhere after so long.
REFRESH_SECONDS = 5.0
#: A view that could not be read again for so long is not used: what was listed since would be missed.
MAX_AGE_SECONDS = LISTS_MAX_AGE_SECONDS

_rules: Mapping[str, DomainRule] | None = None
_read_at = _tried_at = float("-inf")
_lock = threading.Lock()


def current() -> Mapping[str, DomainRule] | None:
    """Return domain -> rule; None where nothing was read yet, or not lately: links are then missing."""
    return _rules if time.monotonic() - _read_at < MAX_AGE_SECONDS else None


def refresh() -> None:
    """Read the list again where it is old; one thread reads, the others go on with what there is."""
    is_first = _rules is None
    if time.monotonic() - _tried_at < REFRESH_SECONDS or not _lock.acquire(blocking=is_first):
        return
    try:
        _try_to_read()
    finally:
        _lock.release()


def read_again() -> bool:
    """Read the list now, however fresh it is; return whether that went well."""
    with _lock:
        return _try_to_read()


def _try_to_read() -> bool:
    global _rules, _read_at, _tried_at
    began = time.monotonic()  # before the snapshot: what commits later may be missing from it
    _tried_at = began
    try:
        _rules = _read()
    except (DatabaseError, InterfaceError) as error:
        log.warning("domains_not_read", error=type(error).__name__)
        return False
    _read_at = began
    return True


def forget() -> None:
    """Drop the view; for tests, and for commands that just changed the list."""
    global _rules, _read_at, _tried_at
    _rules, _read_at, _tried_at = None, float("-inf"), float("-inf")


def _read() -> dict[str, DomainRule]:
    rows = ListedDomain.objects.filter(retired_at=None).values_list("domain", "category", "outcome", "score")
    return {d: DomainRule(category, None if o is None else Outcome(o), score) for d, category, o, score in rows}
