"""This process's view of the emergency terms: read every second by whoever submits or examines, used by the terms detector.

A view that cannot be read again counts as no view: the detector is then missing, and never taken to have found nothing.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
from django.db import DatabaseError, InterfaceError
from django.db.models import Q
from django.utils import timezone

from moderation.detectors.terms import TermEntry, TermIndex
from moderation.models import EmergencyTerm
from moderation.models.emergency import EmergencyState
from policies.choices import Outcome

log = structlog.get_logger(__name__)

#: How long a view is taken for granted; with the time of one look it makes up the two seconds that are promised.
REFRESH_SECONDS = 1.0
#: A view older than this is not used.
MAX_AGE_SECONDS = 2.0


class EmergencyTermsUnknown(RuntimeError):
    """Which emergency terms are in force could not be read lately."""


@dataclass(frozen=True, slots=True)
class EmergencyView:
    """The terms in force, compiled; `keys` gives the public key of each."""

    index: TermIndex
    keys: Mapping[TermEntry, str] = field(default_factory=dict)

    @classmethod
    def empty(cls) -> "EmergencyView":
        """Return a view of no terms."""
        return cls(TermIndex.build(()))


_Rows = tuple[tuple[str, str, str, str, int], ...]
_rows: _Rows = ()
_view = EmergencyView.empty()
_read_at = float("-inf")
_lock = threading.Lock()


def current() -> EmergencyView:
    """Return the terms in force as this process knows them.

    Raises:
        EmergencyTermsUnknown: it has not been able to look for MAX_AGE_SECONDS.
    """
    if not 0 <= time.monotonic() - _read_at < MAX_AGE_SECONDS:
        raise EmergencyTermsUnknown("The emergency terms could not be read.")
    return _view


def refresh() -> None:
    """Look again where the view is old. Whoever needs it meanwhile waits: going on with an old one would miss what is new."""
    if time.monotonic() - _read_at < REFRESH_SECONDS:
        return
    with _lock:
        if time.monotonic() - _read_at >= REFRESH_SECONDS:
            _try_to_read()


def read_again() -> bool:
    """Look now, however fresh the view is; return whether that went well."""
    with _lock:
        return _try_to_read()


def _try_to_read() -> bool:
    global _read_at
    began = time.monotonic()  # before the snapshot: what commits later may be missing from it
    try:
        _take(_read())
    except (DatabaseError, InterfaceError) as error:
        log.warning("emergency_terms_not_read", error=type(error).__name__)
        return False
    _read_at = began
    return True


def forget() -> None:
    """Look afresh at the next use; for tests, and for the process that just changed a term."""
    global _read_at
    _read_at = float("-inf")


def compiled(terms: _Rows) -> EmergencyView:
    """Return a view of terms: key, text, category, language and outcome of each."""
    keys = {
        TermEntry(text=text, category=category, language=language, hard=Outcome(outcome)): key
        for key, text, category, language, outcome in terms
    }
    return EmergencyView(TermIndex.build(keys), keys)


def _take(rows: _Rows) -> None:
    global _rows, _view
    if rows != _rows:
        _rows, _view = rows, compiled(rows)
        log.info("emergency_terms_followed", n=len(rows))


def _read() -> _Rows:
    in_force = Q(state=EmergencyState.CONFIRMED) | Q(state=EmergencyState.LIVE, expires_at__gt=timezone.now())
    rows = EmergencyTerm.objects.filter(in_force).order_by("id")
    return tuple(
        (str(key), text, str(category), language, outcome)
        for key, text, category, language, outcome in rows.values_list(
            "key", "text", "category_id", "language", "outcome"
        )
    )
