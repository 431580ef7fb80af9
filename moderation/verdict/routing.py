"""Where a job goes and how soon: pure functions over the policy's routing rules."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from policies.choices import PARTITION_QUEUES, REPORTED_QUEUE, RESTRICTED_QUEUE
from policies.decision.compiled import CompiledPolicy, Route

#: How the reasons of jobs begin that people or chance brought, and no machine: simulations tell labels apart by them.
REPORT_REASON = "Reported"
AUDIT_REASON = "Random audit sample"
#: From this severity on, a queue's jobs count as grave: people may bound how many of them they are given in a day.
_GRAVE = 4


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


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """What a policy says of a queue: the gravest severity of its rules, and the shortest time to decide within."""

    severity: int
    sla_minutes: int


def queue_facts(policy: CompiledPolicy) -> Mapping[str, QueueFacts]:
    """Return the facts of each queue that a policy's routing rules name, by slug."""
    facts: dict[str, QueueFacts] = {}
    for route in policy.routing:
        known = facts.get(route.queue, QueueFacts(route.severity, route.sla_minutes))
        facts[route.queue] = QueueFacts(max(known.severity, route.severity), min(known.sla_minutes, route.sla_minutes))
    return facts


def grave_queues(policy: CompiledPolicy) -> list[str]:
    """Return the queues whose jobs count as grave, by slug."""
    named = (slug for slug, facts in queue_facts(policy).items() if facts.severity >= _GRAVE)
    return sorted({*named, *PARTITION_QUEUES})
