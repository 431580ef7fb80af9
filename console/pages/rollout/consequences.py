"""What is to be seen before a step of a version besides its changes: what it touches, or the replay an approval rests on."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User

from console.pages.policies.steps import Step
from console.pages.wide.context import limits, weigh
from console.pages.wide.kinds import VERSION_PROTECTS
from moderation.items.visibility import result_visible
from moderation.models import SimulationRun
from moderation.models.simulation import RunState
from moderation.rollout.radius import kind_of, version_radius
from moderation.simulation.queries import simulation_get, simulation_list
from moderation.wide.queries import act_waiting
from policies.choices import Outcome
from policies.errors import PolicyError, PolicyUnavailable
from policies.models import PolicyVersion
from policies.replay.outcomes import Simulation


@dataclass(frozen=True, slots=True)
class Replay:
    """A finished simulation of what is to be approved, and what changes most."""

    run: SimulationRun
    result: Simulation
    n_blocked: int
    n_cleared: int
    n_escalated: int


def consequences(user: User, version: PolicyVersion, step: Step) -> dict[str, Any]:
    """Return what is to be seen before a step besides the changes: what it touches, or the replay that an approval rests on."""
    if step.slug == "approve":
        return {"is_approval": True, "replay": replay_of(user, version)}
    if step.slug not in {"activate", "rollback"}:
        return {}
    kind = kind_of(version)
    asked = act_waiting(kind, str(version.number))
    try:
        found = version_radius(version)
    except (PolicyError, PolicyUnavailable) as error:
        return {"asked": asked, "problem": str(error)}
    weighed = weigh(
        user, found.radius, protects=VERSION_PROTECTS, near=found.near, n_looked_at=found.n_looked_at, is_whole=found.is_whole,
        needs_second=found.needs_second(kind),
    )  # fmt: skip
    return {"asked": asked, "found": found, "weighed": weighed, **limits()}


def replay_of(user: User, version: PolicyVersion) -> Replay | None:
    """Return the newest finished simulation of exactly what a version says; None where there is none that one may read."""
    runs = simulation_list(user, draft_key=version.key).filter(state=RunState.DONE, draft_digest=version.digest)
    newest = runs.first()
    run = simulation_get(newest.key, user) if newest else None
    result = result_visible(user, run) if run else None
    if run is None or result is None:
        return None
    newly = result.total.newly
    return Replay(run, result, newly(Outcome.BLOCK), newly(Outcome.CLEAR), newly(Outcome.ESCALATE))
