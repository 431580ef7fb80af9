"""This process's view of the listed domains: read every few seconds by whoever submits, used by the links detector.

Detectors never touch the database, so the request's own thread reads, before they run.
"""

from collections.abc import Mapping

from moderation.detection.links import DomainRule
from moderation.models import ListedDomain
from moderation.verdict.list_ages import LISTS_MAX_AGE_SECONDS
from policies.choices import Outcome
from policies.followed import Followed, Waits

#: A listing counts everywhere after so long.
REFRESH_SECONDS = 5.0
#: A view that could not be read again for so long is not used: what was listed since would be missed.
MAX_AGE_SECONDS = LISTS_MAX_AGE_SECONDS


def current() -> Mapping[str, DomainRule] | None:
    """Return domain -> rule; None where nothing was read yet, or not lately: links are then missing."""
    return _followed.value if _followed.age_seconds < MAX_AGE_SECONDS else None


def _read() -> dict[str, DomainRule]:
    rows = ListedDomain.objects.filter(retired_at=None).values_list("domain", "category", "outcome", "score")
    return {d: DomainRule(category, None if o is None else Outcome(o), score) for d, category, o, score in rows}


_followed = Followed("domains", lambda: _read(), ttl_seconds=lambda: REFRESH_SECONDS, waits=Waits.FIRST)
refresh, read_again, forget = _followed.refresh, _followed.read_again, _followed.forget
