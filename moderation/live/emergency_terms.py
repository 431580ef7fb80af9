"""This process's view of the emergency terms: read every second by whoever submits or examines, used by the terms detector.

A view that cannot be read again counts as no view: the detector is then missing, and never taken to have found nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
from django.db.models import Q
from django.utils import timezone

from moderation.detection.terms.detector import TermEntry, TermIndex
from moderation.models import EmergencyTerm
from moderation.models.emergency import EmergencyState
from policies.choices import Outcome
from policies.followed import Followed, Waits

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
#: What was read last and its view: unchanged rows are not compiled again.
_compiled: tuple[_Rows, EmergencyView] = ((), EmergencyView.empty())


def current() -> EmergencyView:
    """Return the terms in force as this process knows them.

    Raises:
        EmergencyTermsUnknown: it has not been able to look for MAX_AGE_SECONDS.
    """
    view = _followed.value
    if view is None or not 0 <= _followed.age_seconds < MAX_AGE_SECONDS:
        raise EmergencyTermsUnknown("The emergency terms could not be read.")
    return view


def compile_terms(terms: _Rows) -> EmergencyView:
    """Return a view of terms: key, text, category, language and outcome of each."""
    keys = {
        TermEntry(text=text, category=category, language=language, hard=Outcome(outcome)): key
        for key, text, category, language, outcome in terms
    }
    return EmergencyView(TermIndex.build(keys), keys)


def _view() -> EmergencyView:
    global _compiled
    rows = _read()
    if rows != _compiled[0]:
        _compiled = rows, compile_terms(rows)
        log.info("emergency_terms_followed", n=len(rows))
    return _compiled[1]


def _read() -> _Rows:
    in_force = Q(state=EmergencyState.CONFIRMED) | Q(state=EmergencyState.LIVE, expires_at__gt=timezone.now())
    rows = EmergencyTerm.objects.filter(in_force).order_by("id")
    return tuple(
        (str(key), text, str(category), language, outcome)
        for key, text, category, language, outcome in rows.values_list(
            "key", "text", "category_id", "language", "outcome"
        )
    )


_followed = Followed("emergency_terms", lambda: _view(), ttl_seconds=lambda: REFRESH_SECONDS, waits=Waits.ALL)
refresh, read_again, forget = _followed.refresh, _followed.read_again, _followed.forget
