"""What putting a version in force, or rolling back to one, would touch; and the second person where that is much.

People come through here; `activation_start` does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from moderation.evidence.store import evidence_of
from moderation.exceptions import WideActInvalid
from moderation.models import Activation, Item, ItemEvidence, WideAct
from moderation.models.activation import Phase
from moderation.models.decision import PERSON_STAGES, PERSONS_RULES
from moderation.models.wide_act import WideKind
from moderation.rollout.activation import activation_start
from moderation.rollout.activation_plan import Moves, facts_between, moves_of
from moderation.wide.acts import act_ask, act_confirm, act_lock
from moderation.wide.radius import Radius, radius_of_pks
from policies.errors import PolicyError
from policies.live import compile_version
from policies.models import PolicyVersion, VersionState
from policies.replay.simulation import not_replayed


@dataclass(frozen=True, slots=True)
class VersionRadius:
    """What a version would treat otherwise, of the newest `n_looked_at` stored items.

    Attributes:
        radius: of all that would be treated otherwise.
        n_revoked, n_narrowed, n_widened, n_other: see `Moves`; not those of the restricted partition.
        is_whole: nothing else is stored.
        n_kept: would be treated otherwise, and stay as a person decided.
        not_replayed: "terms", "banks": what stored evidence says nothing of.
    """

    radius: Radius
    n_revoked: int
    n_narrowed: int
    n_widened: int
    n_other: int
    n_kept: int
    n_looked_at: int
    is_whole: bool
    not_replayed: tuple[str, ...]

    @property
    def only_restricts(self) -> bool:
        """Whether it is sure that nobody is served what they were not: then nothing is lost by acting first."""
        return self.is_whole and not self.n_widened and not self.not_replayed


def version_radius(version: PolicyVersion) -> VersionRadius:
    """Return what a version would touch: stored evidence of the newest items under it, beside what stands.

    Looks at `settings.WIDE_LOOK_ITEMS` items at most.

    Raises:
        policies.errors.PolicyError: the version contradicts itself.
    """
    policy = compile_version(version)
    most = settings.WIDE_LOOK_ITEMS
    newest = list(ItemEvidence.objects.order_by("-item_id").values_list("item_id", flat=True)[: most + 1])
    is_whole, newest = len(newest) <= most, newest[:most]
    moves = Moves((), (), (), ())
    if newest:
        facts = facts_between(newest[-1] - 1, newest[0], phase=Phase.WIDEN, only=None)
        moves = moves_of(evidence_of(newest), facts, policy)
    kept = _stay(moves.all)
    moves = Moves(*(tuple(pk for pk in part if pk not in kept) for part in _parts(moves)))
    hidden = set(Item.objects.filter(pk__in=moves.all, is_restricted=True).values_list("pk", flat=True))
    counts = [sum(pk not in hidden for pk in part) for part in _parts(moves)]
    active = PolicyVersion.objects.filter(state=VersionState.ACTIVE).exclude(pk=version.pk).first()
    return VersionRadius(
        _bound(radius_of_pks(moves.all), is_whole),
        *counts,
        n_kept=len(kept),
        n_looked_at=len(newest),
        is_whole=is_whole,
        not_replayed=not_replayed(compile_version(active), policy) if active else (),
    )


def _bound(radius: Radius, is_whole: bool) -> Radius:
    """Return a radius that says "at least" where not all that is stored was looked at."""
    if is_whole:
        return radius
    return Radius(replace(radius.open, is_at_least=True), replace(radius.whole, is_at_least=True))


def _parts(moves: Moves) -> tuple[tuple[int, ...], ...]:
    return (moves.revoked, moves.narrowed, moves.widened, moves.other)


def _stay(pks: Sequence[int]) -> set[int]:
    """Return the items that no version moves: a person decided them, or they were withdrawn."""
    by_people = Q(current_decision__stage__in=PERSON_STAGES) | Q(current_decision__decided_by__in=PERSONS_RULES)
    items = Item.objects.filter(by_people | Q(withdrawn_at__isnull=False), pk__in=pks)
    return set(items.values_list("pk", flat=True))


# --- the second person -------------------------------------------------------------------------------------------


@transaction.atomic
def activation_ask(*, actor: User, version: PolicyVersion, note: str = "", now: datetime) -> Activation | WideAct:
    """Put a version in force, or roll back to it; where that touches much, note it for a second person.

    A rollback of which it is sure that it only restricts acts at once, however much it touches.

    Raises:
        PolicyError: as `activation_start`.
        WideActInvalid: somebody else asked for it already.
    """
    kind = kind_of(version)
    found = version_radius(version)
    if found.radius.is_wide and not (kind == WideKind.ROLLBACK and found.only_restricts):
        _check(version, kind)
        subject, act = str(version.number), {"note": note}
        return act_ask(actor=actor, kind=kind, subject=subject, act=act, radius=found.radius, now=now)
    return activation_start(actor=actor, version=version, note=note, now=now)


def kind_of(version: PolicyVersion) -> WideKind:
    """Return what putting a version in force is: going on, or going back."""
    return WideKind.ROLLBACK if version.state == VersionState.RETIRED else WideKind.ACTIVATION


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
