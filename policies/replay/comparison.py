"""Two simulations side by side: every count that both have, as rows. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from policies.replay.outcomes import OUTCOMES, Flow, Simulation


@dataclass(frozen=True, slots=True)
class Difference:
    """One number of two simulations. Shares are of each simulation's own items, so that periods of two sizes compare.

    group: "total", "category", "language", "market", "audience" or "queue"; name: which of them, "" in the total
    measure: "newly_" and an outcome, "stricter", "milder", or "jobs_per_hour"
    first_share, second_share: in [0, 1]; None for jobs per hour
    """

    group: str
    name: str
    measure: str
    first: float
    second: float
    first_share: float | None
    second_share: float | None

    @property
    def change(self) -> float:
        """The second less the first."""
        return self.second - self.first


def differences(first: Simulation, second: Simulation) -> tuple[Difference, ...]:
    """Return the numbers of two simulations beside each other, the total first."""
    groups = (
        ("total", (first.total,), (second.total,)),
        ("category", first.by_category, second.by_category),
        ("language", first.by_language, second.by_language),
        ("market", first.by_market, second.by_market),
        ("audience", first.by_audience, second.by_audience),
    )
    counted = (row for group, a, b in groups for row in _of_flows(group, a, b, first.n_items, second.n_items))
    return (*counted, *_of_queues(first, second))


def _of_flows(
    group: str, first: tuple[Flow, ...], second: tuple[Flow, ...], n_first: int, n_second: int
) -> Iterator[Difference]:
    one, other = ({flow.name: flow for flow in flows} for flows in (first, second))
    for name in dict.fromkeys((*one, *other)):
        a, b = (_measures(flows.get(name)) for flows in (one, other))
        for measure in _MEASURES:
            yield Difference(
                group,
                name,
                measure,
                a[measure],
                b[measure],
                a[measure] / max(n_first, 1),
                b[measure] / max(n_second, 1),
            )


_MEASURES = (*(f"newly_{outcome}" for outcome in OUTCOMES), "stricter", "milder")


def _measures(flow: Flow | None) -> dict[str, int]:
    if flow is None:
        return dict.fromkeys(_MEASURES, 0)
    newly = {f"newly_{outcome}": flow.newly(i) for i, outcome in enumerate(OUTCOMES)}
    return {**newly, "stricter": flow.n_stricter, "milder": flow.n_milder}


def _of_queues(first: Simulation, second: Simulation) -> Iterator[Difference]:
    one, other = ({row.queue: row.per_hour_after for row in run.queues} for run in (first, second))
    for queue in sorted({*one, *other}):
        yield Difference("queue", queue, "jobs_per_hour", one.get(queue, 0.0), other.get(queue, 0.0), None, None)
