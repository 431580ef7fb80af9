"""Where a job goes and how soon: pure functions over the policy's routing rules."""

from dataclasses import replace

from policies.choices import REPORTED_QUEUE, RESTRICTED_QUEUE
from policies.decision.compiled import CompiledPolicy, Route

#: How the reasons of jobs begin that people or chance brought, and no machine: simulations tell labels apart by them.
REPORT_REASON = "Reported"
AUDIT_REASON = "Random audit sample"


def route_job(
    policy: CompiledPolicy,
    *,
    category: str,
    language: str,
    kind: int,
    queue: str = "",
    is_unconfirmed: bool = False,
    is_restricted: bool = False,
) -> Route:
    """Return where the policy sends a job.

    Child safety has a partition of its own that no rule can widen; `queue`, where given, overrides the rules' queue.
    `is_restricted`: the item is in there already, and so is whatever is opened for it: no other queue is made for its sake.
    `is_unconfirmed`: only reports say so; these jobs are apart, so that a flood of them does not bury the others.
    """
    route = policy.route_of(category, language, kind)
    if is_restricted or category in policy.child_safety:
        return replace(route, queue=REPORTED_QUEUE if is_unconfirmed else RESTRICTED_QUEUE, severity=5)
    return replace(route, queue=queue, severity=max(route.severity, 3)) if queue else route


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
