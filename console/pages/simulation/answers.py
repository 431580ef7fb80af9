"""What a simulation's page shows: the engine's answer in tables, charts and words. Pure; nothing is looked up here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.utils.safestring import SafeString

from console.pages import charts
from moderation.items.visibility import Hidden
from moderation.review.staffing import ServiceTime, ServiceTimes
from policies.choices import Outcome
from policies.replay.estimates import Quality, quality_of
from policies.replay.outcomes import BANDS, Flow, QueueLoad, Simulation
from policies.statistics.staffing import NOBODY, Staffing, reviewers_needed

#: Share of their time that reviewers are planned to decide; the rest is for reading guidelines, breaks and asking others.
PLANNED_OCCUPANCY = 0.85
#: Share of jobs to be taken up within the queue's time.
PLANNED_TARGET = 0.9
#: Rows of a breakdown; the others are folded into one.
_SHOWN_ROWS = 12
_BAND_WORDS = dict(zip(BANDS, ("everyone", "13 and over", "16 and over", "adults"), strict=True))
_NONE_WORDS = {
    "category": "no category",
    "language": "unknown language",
    "market": "unknown market",
    "audience": "unknown",
}


@dataclass(frozen=True, slots=True)
class FlowRow:
    """One line of a breakdown; `name` is in words."""

    name: str
    flow: Flow

    @property
    def newly(self) -> tuple[int, ...]:
        """Items that newly have each outcome, in Outcome order."""
        return tuple(self.flow.newly(outcome) for outcome in Outcome)

    @property
    def share_changed(self) -> float:
        """Share of the items whose outcome differs, in [0, 1]."""
        return self.flow.n_changed / self.flow.n if self.flow.n else 0.0


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Flows by one thing: `by` is category, language, market or audience."""

    by: str
    title: str
    rows: tuple[FlowRow, ...]


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A queue's jobs and the reviewers they take, on average and in the busiest hour of the day.

    `needed` and `peak` are (now, under the draft); None where nobody knows how long a job takes.
    """

    queue: str
    title: str
    load: QueueLoad
    time: ServiceTime
    sla_minutes: int
    needed: tuple[Staffing | None, Staffing | None]
    peak: tuple[Staffing | None, Staffing | None]


@dataclass(frozen=True, slots=True)
class Jobs:
    """Jobs and reviewers over all queues. `peak_factor`: the busiest hour against the average, now and under the draft."""

    rows: tuple[QueueRow, ...]
    per_hour_before: float
    per_hour_after: float
    n_before: int
    n_after: int
    peak_factor: tuple[float, float]
    reviewers: tuple[int | None, int | None]
    reviewers_peak: tuple[int | None, int | None]
    n_timed: int

    @property
    def change(self) -> float:
        """Jobs an hour more under the draft, or fewer."""
        return self.per_hour_after - self.per_hour_before


@dataclass(frozen=True, slots=True)
class Queues:
    """What is known of queues: titles and promised minutes by slug, how long jobs took, and those not to be told of."""

    titles: Mapping[str, str]
    sla_minutes: Mapping[str, int]
    times: ServiceTimes
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """All that the page of a finished run shows, but for the flipped items."""

    simulation: Simulation
    headline: tuple[tuple[Outcome, int, int], ...]  # outcome, newly so, no longer so
    cells: list[list[charts.Cell]]
    breakdowns: tuple[Breakdown, ...]
    jobs: Jobs
    load: SafeString
    hours: tuple[tuple[int, float, float], ...]
    quality: tuple[Quality, ...]


def answer_of(
    found: Simulation, queues: Queues, names: Mapping[str, str], *, hidden: frozenset[str] = frozenset()
) -> Answer:
    """Return a simulation as its page shows it.

    Args:
        names: category slug -> name.
        hidden: the categories that the reader may not know of. They are folded into what has none, so that they cannot be
            had by subtraction; the hidden queues are left out.
    """
    jobs = jobs_of(found, queues)
    share = jobs.per_hour_before / max(sum(row.per_hour_before for row in found.queues), 1e-12)
    share_after = jobs.per_hour_after / max(sum(row.per_hour_after for row in found.queues), 1e-12)
    hours = tuple((row.hour, row.before * share, row.after * share_after) for row in found.by_hour)
    return Answer(
        simulation=found,
        headline=tuple((o, found.total.newly(o), found.total.no_longer(o)) for o in Outcome),
        cells=charts.heat_cells(found.total.counts),
        breakdowns=breakdowns_of(found, names, hidden=hidden),
        jobs=jobs,
        load=charts.load("load", "Jobs in each hour of the day", [h[1] for h in hours], [h[2] for h in hours]),
        hours=hours,
        quality=qualities_of(found, names, hidden=hidden),
    )


def tell_of(found: Simulation, hidden: Hidden) -> Simulation:
    """Return what a reader may be told of a simulation: hidden categories folded into what has none, hidden queues left out."""
    queues = tuple(row for row in found.queues if row.queue not in hidden.queues)
    return replace(found, by_category=_fold(found.by_category, hidden.categories), queues=queues)


# --- breakdowns --------------------------------------------------------------------------------------------------


def breakdowns_of(found: Simulation, names: Mapping[str, str], *, hidden: frozenset[str]) -> tuple[Breakdown, ...]:
    """Return the flows by category, language, market and audience, what changes most first."""
    return (
        _breakdown("category", "By category", _fold(found.by_category, hidden), names),
        _breakdown("language", "By language", found.by_language, {}),
        _breakdown("market", "By market", found.by_market, {}),
        _breakdown("audience", "By audience", found.by_audience, _BAND_WORDS),
    )


def _breakdown(by: str, title: str, flows: Sequence[Flow], words: Mapping[str, str]) -> Breakdown:
    ordered = sorted(flows, key=lambda flow: (-flow.n_changed, -flow.n))
    rows = [FlowRow(words.get(flow.name, flow.name) or _NONE_WORDS[by], flow) for flow in ordered[:_SHOWN_ROWS]]
    if rest := ordered[_SHOWN_ROWS:]:
        rows.append(FlowRow(f"{len(rest)} others", _sum(rest)))
    return Breakdown(by, title, tuple(rows))


def _fold(flows: Sequence[Flow], hidden: frozenset[str]) -> tuple[Flow, ...]:
    """Return the flows with the hidden ones added to the one without a name."""
    if not hidden:
        return tuple(flows)
    rest = [flow for flow in flows if flow.name in {"", *hidden}]
    kept = [flow for flow in flows if flow not in rest]
    return (*kept, _sum(rest)) if rest else tuple(kept)


def _sum(flows: Sequence[Flow]) -> Flow:
    tables = [flow.counts for flow in flows]
    return Flow("", tuple(tuple(map(sum, zip(*rows, strict=True))) for rows in zip(*tables, strict=True)))


# --- jobs and reviewers ------------------------------------------------------------------------------------------


def jobs_of(found: Simulation, queues: Queues) -> Jobs:
    """Return the jobs of every queue with the reviewers they take, by Erlang C."""
    factors = _peak([row.before for row in found.by_hour]), _peak([row.after for row in found.by_hour])
    return estimate_staff(found.queues, queues, factors)


def estimate_staff(loads: Sequence[QueueLoad], queues: Queues, factors: tuple[float, float]) -> Jobs:
    """Return loads with their reviewers, but for those of hidden queues.

    Args:
        factors: the busiest hour against the average, now and under the draft.
    """
    shown = [load for load in loads if load.queue not in queues.hidden]
    rows = tuple(_queue_row(load, queues, factors) for load in shown)
    return Jobs(
        rows=rows,
        per_hour_before=sum(load.per_hour_before for load in shown),
        per_hour_after=sum(load.per_hour_after for load in shown),
        n_before=sum(load.n_before for load in shown),
        n_after=sum(load.n_after for load in shown),
        peak_factor=factors,
        reviewers=(_reviewers(rows, 0, "needed"), _reviewers(rows, 1, "needed")),
        reviewers_peak=(_reviewers(rows, 0, "peak"), _reviewers(rows, 1, "peak")),
        n_timed=queues.times.overall.n_jobs,
    )


def _queue_row(load: QueueLoad, queues: Queues, factors: tuple[float, float]) -> QueueRow:
    time, minutes = queues.times.of(load.queue), queues.sla_minutes.get(load.queue, 240)
    rates = load.per_hour_before, load.per_hour_after
    needed = tuple(_staffing(rate, time, minutes) for rate in rates)
    peak = tuple(_staffing(rate * factor, time, minutes) for rate, factor in zip(rates, factors, strict=True))
    title = queues.titles.get(load.queue, load.queue.replace("-", " ").capitalize())
    return QueueRow(load.queue, title, load, time, minutes, (needed[0], needed[1]), (peak[0], peak[1]))


def _staffing(per_hour: float, time: ServiceTime, sla_minutes: int) -> Staffing | None:
    return reviewers_needed(
        per_hour, time.mean_seconds, sla_minutes * 60, PLANNED_TARGET, max_occupancy=PLANNED_OCCUPANCY
    )


def _reviewers(rows: Sequence[QueueRow], side: int, which: str) -> int | None:
    """Return the sum over queues; None where one of them is unknown."""
    found = [getattr(row, which)[side] for row in rows]
    return None if None in found else sum((each or NOBODY).reviewers for each in found)


def _peak(per_hour: Sequence[float]) -> float:
    """Return how many times the average the busiest hour of the day is; 1 without jobs."""
    mean = sum(per_hour) / len(per_hour) if per_hour else 0.0
    return max(per_hour) / mean if mean else 1.0


# --- precision and recall ----------------------------------------------------------------------------------------


def qualities_of(found: Simulation, names: Mapping[str, str], *, hidden: frozenset[str]) -> tuple[Quality, ...]:
    """Return the estimates for everything, then for each category that has labels."""
    labelled = [slug for slug in names if any(row.category == slug and row.n_labels for row in found.strata)]
    shown = [slug for slug in labelled if slug not in hidden]
    return tuple(quality_of(found.strata, category) for category in ("", *shown)) if found.strata else ()
