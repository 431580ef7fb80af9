"""Asking for an activation or a rollback, and confirming it as the second person. People come through here.

`activation_start` does it.
"""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from moderation.exceptions import WideActInvalid
from moderation.models import Activation, WideAct
from moderation.models.wide_act import WideKind
from moderation.rollout.activation import activation_start
from moderation.rollout.radius import kind_of, version_radius
from moderation.wide.acts import act_ask, act_confirm, act_lock, acts_end
from policies.errors import PolicyError
from policies.models import PolicyVersion


@transaction.atomic
def activation_ask(*, actor: User, version: PolicyVersion, note: str = "", now: datetime) -> Activation | WideAct:
    """Put a version in force, or roll back to it; where that touches much, note it for a second person.

    A rollback of which it is sure that it only restricts acts at once, however much it touches.

    Raises:
        PolicyError: as `activation_start`.
        WideActInvalid: somebody else asked for it already.
    """
    version = PolicyVersion.objects.get(pk=version.pk)  # as it is now, not as a page saw it
    kind = kind_of(version)
    found = version_radius(version)
    if found.needs_second(kind):
        _check(version, kind)
        subject, act = str(version.number), {"note": note}
        return act_ask(actor=actor, kind=kind, subject=subject, act=act, radius=found.radius, now=now)
    acts_end(actor=actor, kind=kind, subject=str(version.number), now=now)
    return activation_start(actor=actor, version=version, note=note, now=now)


def _check(version: PolicyVersion, kind: WideKind) -> None:
    """Refuse early what `activation_start` would refuse once it is confirmed."""
    if version.approver_id is None:
        raise PolicyError("approver", f"version {version.number} is not approved")
    if kind == WideKind.ROLLBACK and version.activated_at is None:
        raise PolicyError("state", "only a version that was active before can be rolled back to")


@transaction.atomic
def activation_confirm(*, actor: User, act_key: str, now: datetime) -> Activation:
    """Put in force what somebody else asked for, as the second person.

    Raises:
        PermissionDenied; PolicyError: as `activation_start`.
        WideActInvalid: the actor asked for it, it waits no more, or reaches further than the asker saw.
    """
    act = act_lock(actor=actor, key=act_key, kinds=(WideKind.ACTIVATION, WideKind.ROLLBACK))
    version = PolicyVersion.objects.get(number=int(act.subject))
    if kind_of(version) != act.kind:
        raise WideActInvalid("The version is in another state than when it was asked for; ask anew.")
    act_confirm(actor=actor, act=act, radius=version_radius(version).radius, now=now)
    return activation_start(actor=act.asked_by, version=version, note=act.act["note"], now=now)
