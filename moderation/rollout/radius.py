"""What putting a version in force, or rolling back to one, would touch. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db.models import BooleanField, ExpressionWrapper, Q

from moderation.evidence.store import evidence_of
from moderation.models import Item, ItemEvidence
from moderation.models.activation import Phase
from moderation.models.decision import PERSON_STAGES, PERSONS_RULES
from moderation.models.wide_act import WideKind
from moderation.rollout.activation_plan import Moves, facts_between, moves_of
from moderation.wide.radius import COLUMNS, Radius, Touched, radius_of_rows
from policies.decision.compiled import CompiledPolicy
from policies.errors import PolicyUnavailable
from policies.live import active_policy, compile_version
from policies.models import PolicyVersion, VersionState
from policies.replay.simulation import not_replayed


@dataclass(frozen=True, slots=True)
class VersionRadius:
    """What a version would treat otherwise, of the newest `n_looked_at` stored items.

    Attributes:
        radius: of all that would be treated otherwise.
        n_revoked, n_narrowed, n_widened, n_other: see `Moves`; not those of the restricted partition.
        near: are served and stay so, but only just.
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
    near: tuple[int, ...]
    n_looked_at: int
    is_whole: bool
    not_replayed: tuple[str, ...]

    @property
    def only_restricts(self) -> bool:
        """Whether it is sure that nobody is served what they were not: then nothing is lost by acting first."""
        return self.is_whole and not self.n_widened and not self.not_replayed

    def needs_second(self, kind: WideKind) -> bool:
        """Whether a second person has to confirm it. Going back acts at once where it only restricts."""
        return self.radius.is_wide and not (kind == WideKind.ROLLBACK and self.only_restricts)


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
    moves = Moves((), (), (), (), ())
    if newest:
        facts = facts_between(newest[-1] - 1, newest[0], phase=Phase.WIDEN, only=None)
        moves = moves_of(evidence_of(newest), facts, policy)
    touched, n_kept = _touched(moves)
    open_to_all = {row.pk for row in touched if not row.is_restricted}
    revoked, narrowed, widened, other = (
        sum(pk in open_to_all for pk in part) for part in (moves.revoked, moves.narrowed, moves.widened, moves.other)
    )
    return VersionRadius(
        radius=radius_of_rows(touched, is_at_least=not is_whole),
        n_revoked=revoked,
        n_narrowed=narrowed,
        n_widened=widened,
        n_other=other,
        n_kept=n_kept,
        near=moves.near,
        n_looked_at=len(newest),
        is_whole=is_whole,
        not_replayed=_not_replayed(policy),
    )


def _touched(moves: Moves) -> tuple[list[Touched], int]:
    """Return the items that would move, and how many stay: a person decided them, or they were withdrawn. One query."""
    by_people = Q(current_decision__stage__in=PERSON_STAGES) | Q(current_decision__decided_by__in=PERSONS_RULES)
    stays = ExpressionWrapper(by_people | Q(withdrawn_at__isnull=False), output_field=BooleanField())
    rows = Item.objects.filter(pk__in=moves.all).annotate(stays=stays).values_list(*COLUMNS, "stays")
    found = [(Touched(*row[:-1]), row[-1]) for row in rows]
    return [row for row, is_kept in found if not is_kept], sum(is_kept for _, is_kept in found)


def _not_replayed(policy: CompiledPolicy) -> tuple[str, ...]:
    """Return what stored evidence says nothing of, against what decides now; all of it where nobody can tell."""
    try:
        return not_replayed(active_policy(), policy)
    except PolicyUnavailable:
        return ("terms", "banks")


def kind_of(version: PolicyVersion) -> WideKind:
    """Return what putting a version in force is: going on, or going back."""
    return WideKind.ROLLBACK if version.state == VersionState.RETIRED else WideKind.ACTIVATION
