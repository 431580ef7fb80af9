"""What putting a version in force, or rolling back to one, would touch. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.conf import settings
from django.db.models import Q

from moderation.evidence.store import evidence_of
from moderation.models import Item, ItemEvidence
from moderation.models.activation import Phase
from moderation.models.decision import PERSON_STAGES, PERSONS_RULES
from moderation.models.wide_act import WideKind
from moderation.rollout.activation_plan import Moves, facts_between, moves_of
from moderation.wide.radius import Radius, radius_of_pks
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
    revoked, narrowed, widened, other = (sum(pk not in hidden for pk in part) for part in _parts(moves))
    active = PolicyVersion.objects.filter(state=VersionState.ACTIVE).exclude(pk=version.pk).first()
    return VersionRadius(
        radius=_bound(radius_of_pks(moves.all), is_whole),
        n_revoked=revoked,
        n_narrowed=narrowed,
        n_widened=widened,
        n_other=other,
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


def kind_of(version: PolicyVersion) -> WideKind:
    """Return what putting a version in force is: going on, or going back."""
    return WideKind.ROLLBACK if version.state == VersionState.RETIRED else WideKind.ACTIVATION
