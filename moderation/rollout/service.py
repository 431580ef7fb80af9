"""Rolling a version out by degrees, for pages: what `policies.services.versions` does to the version, and what follows for stored items.

The audit row of each step is written by the database, from the step's record (`Approval`).
"""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from moderation.audit.log import audit_write
from moderation.models import RollbackNotice
from moderation.models.activation import ActivationKind
from moderation.models.lists import ListKind
from moderation.rejudge.list_changes import list_changed
from moderation.rollout.activation import activation_begin, activation_running
from policies.errors import PolicyError
from policies.models import PolicyVersion, VersionState
from policies.services.versions import version_adjust, version_retire, version_stage


@transaction.atomic
def shadow_start(*, actor: User, version: PolicyVersion, note: str = "", now: datetime) -> PolicyVersion:
    """Let a version judge live traffic without deciding. Of a canary, what it decided is decided again.

    Raises: PolicyError as `policies.services.versions.version_stage`.
    """
    was_canary = _is_canary(version)
    version = version_stage(actor=actor, version=version, state=VersionState.SHADOW, note=note)
    return _follow(actor, version, was_canary, now)


@transaction.atomic
def canary_start(*, actor: User, version: PolicyVersion, percent: int, note: str = "", now: datetime) -> PolicyVersion:
    """Let a version decide for a percentage (1 to 99) of creators, from within a second on; what was stored before stays.

    Raises: PolicyError as `policies.services.versions.version_stage`.
    """
    if activation_running():
        raise PolicyError("state", "stored items are being decided again; start the canary when that is done")
    version = version_stage(actor=actor, version=version, state=VersionState.CANARY, canary_percent=percent, note=note)
    return _share(version, before=0, now=now)


@transaction.atomic
def canary_adjust(*, actor: User, version: PolicyVersion, percent: int, note: str = "", now: datetime) -> PolicyVersion:
    """Change a canary's percentage. Creators who are in stay in when it grows; what was decided before for those who leave
    stands: the version was approved.

    Raises: PolicyError as `policies.services.versions.version_adjust`.
    """
    before = PolicyVersion.objects.select_for_update(no_key=True).get(pk=version.pk).canary_percent
    version = version_adjust(actor=actor, version=version, canary_percent=percent, note=note)
    return _share(version, before=before, now=now)


@transaction.atomic
def version_withdraw(*, actor: User, version: PolicyVersion, note: str, now: datetime) -> PolicyVersion:
    """Take a version out of shadow or canary for good. Of a canary, what it decided is decided again.

    Raises: PolicyError as `policies.services.versions.version_retire`.
    """
    was_canary = _is_canary(version)
    version = version_retire(actor=actor, version=version, note=note, now=now)
    return _follow(actor, version, was_canary, now)


@transaction.atomic
def rollback_acknowledge(*, actor: User, key: str, now: datetime) -> RollbackNotice:
    """Take the notice of a rolled back canary off every page.

    Raises: PolicyError when there is no such notice, or somebody was quicker.
    """
    notice = RollbackNotice.objects.select_for_update().filter(key=key, acknowledged_at=None).first()
    if notice is None:
        raise PolicyError("key", "somebody has acknowledged this already")
    notice.acknowledged_at, notice.acknowledged_by = now, actor
    notice.save()
    audit_write(actor=actor, action="rollback.acknowledged", object_type="rollback_notice", object_key=notice.key)
    return notice


def _is_canary(version: PolicyVersion) -> bool:
    return PolicyVersion.objects.select_for_update(no_key=True).get(pk=version.pk).state == VersionState.CANARY


def _share(version: PolicyVersion, *, before: int, now: datetime) -> PolicyVersion:
    """Promise a look at what processes that had not heard of a canary's share still judge by the other version."""
    subject = {"version": str(version.key), "before": before, "after": version.canary_percent}
    list_changed(kind=ListKind.SHARE, subject=subject, now=now, concerns_stored=False)
    return version


def _follow(actor: User, version: PolicyVersion, was_canary: bool, now: datetime) -> PolicyVersion:
    if was_canary:
        activation_begin(actor=actor, kind=ActivationKind.CANARY_END, only_version=version, now=now)
    return version
