"""Home of those who write and approve policies: what waits for them, canaries, drift, and terms that end."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q

from moderation.calibration.queries import calibrations
from moderation.models.emergency import EmergencyState
from moderation.rollout import queries as rollout_queries
from moderation.rollout.queries import emergency_terms
from moderation.wide.queries import acts_waiting
from policies.live import version_list
from policies.models import VersionState
from policies.statistics.calibration import DriftLevel

#: Drift is looked for in so many weeks.
_WEEKS = 6
_MOST = 12


def section(user: User, now: datetime) -> dict[str, Any]:
    """Return what an editor or approver sees first."""
    versions = list(version_list())
    canary = next((version for version in versions if version.state == VersionState.CANARY), None)
    in_force = Q(state=EmergencyState.CONFIRMED) | Q(state=EmergencyState.LIVE, expires_at__gt=now)
    terms = list(emergency_terms().filter(in_force)[:_MOST])
    drifting = [row for row in calibrations(user, now=now, weeks=_WEEKS) if row.level is DriftLevel.ALARM]
    return {
        "reviews": [v for v in versions if v.state == VersionState.IN_REVIEW and v.approver_id is None],
        "drafts": [v for v in versions if v.is_draft and v.author_id == user.pk],
        "acts": list(acts_waiting(user)[:_MOST]),
        "terms": terms,
        "canary": canary,
        "canary_report": rollout_queries.canary_report(canary) if canary else None,
        "drifting": drifting[:_MOST],
        "n_drifting": len(drifting),
    }
