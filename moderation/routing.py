"""Where a job goes and how soon: pure functions over the policy's routing rules."""

from dataclasses import dataclass

from policies.compile import CompiledPolicy

#: Work that no rule routes, and held items that no machine could finish.
DEFAULT_QUEUE = "general"
SENIOR_QUEUE = "seniors"
UNEXAMINED_QUEUE = "unexamined"
RESTRICTED_QUEUE = "child-safety"


@dataclass(frozen=True, slots=True)
class Route:
    """A queue, the severity of what waits there (1..5) and the minutes within which it should be decided."""

    queue: str
    severity: int
    sla_minutes: int


def route_job(policy: CompiledPolicy, *, category: str, language: str, kind: str) -> Route:
    """Return the first routing rule that fits, else the default queue."""
    for rule in policy.routing:
        if _fits(rule.category, category) and _fits(rule.language, language) and _fits(rule.kind, kind):
            return Route(rule.queue, rule.severity, rule.sla_minutes)
    return Route(DEFAULT_QUEUE, 2, 240)


def _fits(wanted: str | None, value: str) -> bool:
    return not wanted or wanted == value


def job_priority(*, score: float, route: Route, created_epoch: float) -> float:
    """Return the sort key of a job, larger first.

    A job's head start is at most its queue's SLA, in seconds, scaled by severity x probability; age counts one for
    one. So the order never has to be recomputed, and nothing waits behind work that arrived an SLA later.

    Args:
        score: probability in [0, 1] of the category that sent it here.
        created_epoch: seconds since 1970 when the job was made.
    """
    urgency = max(score, 0.05) * route.severity / 5
    return urgency * route.sla_minutes * 60 - created_epoch
