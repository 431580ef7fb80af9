"""What a simulation answers: frozen rows of plain numbers and names, which a saved run keeps as JSON. No arithmetic on items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

#: Outcomes by number, as pages and saved runs name them.
OUTCOMES = ("clear", "restrict", "escalate", "hold", "block")
#: Audience bands by number; a creator who claims none means everyone.
BANDS = ("under_13", "13_15", "16_17", "adult")
#: How an item that a person decided came before them.
SAMPLED = ("escalated", "reported", "random", "other")

Counts = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Flow:
    """How many items go from each outcome under the active version to each under the draft: `counts[from][to]`, 5 x 5.

    `name` is a category, language, market or band; "" is everything in `Simulation.total`, and elsewhere unknown or none.
    """

    name: str
    counts: Counts

    @property
    def n(self) -> int:
        """All items."""
        return sum(map(sum, self.counts))

    @property
    def n_changed(self) -> int:
        """Items whose outcome differs."""
        return self.n - sum(self.counts[i][i] for i in range(len(OUTCOMES)))

    @property
    def n_stricter(self) -> int:
        """Items that the draft treats more restrictively."""
        return sum(n for i, row in enumerate(self.counts) for j, n in enumerate(row) if j > i)

    @property
    def n_milder(self) -> int:
        """Items that the draft treats less restrictively."""
        return self.n_changed - self.n_stricter

    def before(self, outcome: int) -> int:
        """Items with this outcome under the active version."""
        return sum(self.counts[outcome])

    def after(self, outcome: int) -> int:
        """Items with this outcome under the draft."""
        return sum(row[outcome] for row in self.counts)

    def newly(self, outcome: int) -> int:
        """Items that have this outcome under the draft and another one under the active version."""
        return self.after(outcome) - self.counts[outcome][outcome]

    def no_longer(self, outcome: int) -> int:
        """Items that have this outcome under the active version and another one under the draft."""
        return self.before(outcome) - self.counts[outcome][outcome]


@dataclass(frozen=True, slots=True)
class QueueLoad:
    """Jobs that a queue would have got in the period under each version, in all and per hour."""

    queue: str
    n_before: int
    n_after: int
    per_hour_before: float
    per_hour_after: float


@dataclass(frozen=True, slots=True)
class HourLoad:
    """Jobs in one hour of the day (UTC, 0 to 23), averaged over the days of the period."""

    hour: int
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class FlippedItem:
    """An item whose outcome differs, and how far its score lies from the threshold that makes the difference.

    The threshold is the one that the stricter of both verdicts rests on. Where that rests on no score (a missing detector, a
    bank match, an age rule), level is "" and score, thresholds and margin are None. A threshold is None where the version
    has none at this level.
    """

    item_pk: int
    before: int
    after: int
    rule_before: str
    rule_after: str
    category: str
    level: str
    score: float | None
    threshold_before: float | None
    threshold_after: float | None
    margin: float | None


@dataclass(frozen=True, slots=True)
class LabelStratum:
    """Items that share what both versions do with them, and what people said of those they saw.

    A version *acts* where it escalates, holds or blocks and this category decides ("" counts whatever decides). A label is
    *violating* where the person did anything but clear for this category ("" again: for any).

    n_items: all items of the population in this stratum, whoever saw them and however they were sampled
    n_labels, n_violating: labels of items that came before a person in the way `sampled` says (one of SAMPLED, or "" for a
        stratum that nobody saw any item of)
    """

    category: str
    sampled: str
    acts_before: bool
    acts_after: bool
    n_items: int
    n_labels: int
    n_violating: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """A draft replayed over stored evidence, beside the active version.

    Verdicts are those of machines: what people decided stands, and serves as labels only.

    before, after: digests of the active version and the draft
    hours: the length of the period
    by_*: one flow a name, the most items first; an item's category is the one that decides its stricter verdict
    n_narrowed, n_widened: items restricted by both, but for fewer or for more people (ages, territories)
    flipped: at most 200, nearest to the threshold first; those that rest on no score last
    not_replayed: parts of the versions that differ and that stored evidence cannot answer for ("terms", "banks"): what other
        words or other bank outcomes would have found is known only after looking at the uploads again
    """

    before: str
    after: str
    n_items: int
    hours: float
    total: Flow
    by_category: tuple[Flow, ...]
    by_language: tuple[Flow, ...]
    by_market: tuple[Flow, ...]
    by_audience: tuple[Flow, ...]
    n_narrowed: int
    n_widened: int
    queues: tuple[QueueLoad, ...]
    by_hour: tuple[HourLoad, ...]
    flipped: tuple[FlippedItem, ...]
    strata: tuple[LabelStratum, ...]
    not_replayed: tuple[str, ...] = ()

    @property
    def n_labels(self) -> int:
        """How many items of the population a person decided."""
        return sum(row.n_labels for row in self.strata if row.category == "")

    def as_json(self) -> dict[str, Any]:
        """Return it as a saved run keeps it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Simulation:
        """Return what `as_json` gave."""
        rows = {name: tuple(kind(**row) for row in data[name]) for name, kind in _ROWS.items()}
        flows = {name: tuple(map(_flow, data[name])) for name in _FLOWS}
        rest = {"total": _flow(data["total"]), "not_replayed": tuple(data["not_replayed"])}
        return cls(**{**data, **rows, **flows, **rest})


_ROWS: dict[str, Any] = {
    "queues": QueueLoad, "by_hour": HourLoad, "flipped": FlippedItem, "strata": LabelStratum,
}  # fmt: skip
_FLOWS = ("by_category", "by_language", "by_market", "by_audience")


def _flow(data: Mapping[str, Any]) -> Flow:
    return Flow(data["name"], tuple(tuple(row) for row in data["counts"]))
