"""How far a wide act reaches: items, expected views, creators and languages, and a sample of what it touches. Reads only.

What is counted is bounded: beyond `settings.WIDE_LOOK_ITEMS` the numbers are of the newest ones and say "at least".
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import QuerySet

from moderation.items.visibility import Person, may_know
from moderation.models import Item

#: Items of a sample: as many as one looks at before pressing a red button.
SAMPLE = 12
#: Languages and states that are named one by one.
_NAMED = 8

#: What `Touched` holds, as columns of an item.
COLUMNS = ("pk", "creator_id", "language_detected", "state", "creator__expected_views", "is_restricted")


class Touched(NamedTuple):
    """One item as it is counted. `views`: of one upload of its creator lately; None where nothing is known."""

    pk: int
    creator: int
    language: str
    state: str
    views: int | None
    is_restricted: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """What an act touches, as one kind of reader may count it. `sample` holds primary keys."""

    n_items: int
    is_at_least: bool
    n_views: int
    n_views_unknown: int
    n_creators: int
    n_languages: int
    languages: tuple[tuple[str, int], ...]
    states: tuple[tuple[str, int], ...]
    sample: tuple[int, ...]

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Reach:
        """Return what `as_json` wrote."""
        pairs = {name: tuple((word, n) for word, n in stored[name]) for name in ("languages", "states")}
        return cls(**{**stored, **pairs, "sample": tuple(stored["sample"])})


@dataclass(frozen=True, slots=True)
class Radius:
    """What an act touches: for those outside the restricted partition (`open`), and whole."""

    open: Reach
    whole: Reach

    def seen_by(self, reader: Person) -> Reach:
        """Return what a person may count of it."""
        return self.whole if may_know(reader) else self.open

    @property
    def is_wide(self) -> bool:
        """Whether a second person has to confirm the act."""
        reach = self.whole
        return reach.is_at_least or reach.n_items >= settings.WIDE_ACT_ITEMS or reach.n_views >= settings.WIDE_ACT_VIEWS

    def as_json(self) -> dict[str, Any]:
        """Return it as an act that waits stores it."""
        return {"open": asdict(self.open), "whole": asdict(self.whole)}


def radius_of(items: QuerySet[Item], *, is_at_least: bool = False) -> Radius:
    """Return what an act on some items touches, in one query over at most `settings.WIDE_LOOK_ITEMS` of them, the newest.

    Args:
        is_at_least: there may be more than `items` holds.
    """
    most = settings.WIDE_LOOK_ITEMS
    rows = [Touched(*row) for row in items.order_by("-pk").values_list(*COLUMNS)[: most + 1]]
    return radius_of_rows(rows[:most], is_at_least=is_at_least or len(rows) > most)


def radius_of_rows(rows: Sequence[Touched], *, is_at_least: bool) -> Radius:
    """Return what an act on items touches that were read already."""
    shown = [row for row in rows if not row.is_restricted]
    return Radius(_reach(shown, is_at_least), _reach(rows, is_at_least))


def radius_of_pks(pks: Sequence[int], *, is_at_least: bool = False) -> Radius:
    """Return what an act on the items of some primary keys touches."""
    most = settings.WIDE_LOOK_ITEMS
    newest = sorted(pks, reverse=True)[: most + 1]
    return radius_of(Item.objects.filter(pk__in=newest), is_at_least=is_at_least)


def _reach(rows: Sequence[Touched], is_more: bool) -> Reach:
    languages = Counter(row.language or "und" for row in rows)
    return Reach(
        n_items=len(rows),
        is_at_least=is_more,
        n_views=sum(row.views or 0 for row in rows),
        n_views_unknown=sum(row.views is None for row in rows),
        n_creators=len({row.creator for row in rows}),
        n_languages=len(languages),
        languages=_most_common(languages),
        states=_most_common(Counter(row.state for row in rows)),
        sample=tuple(row.pk for row in stratified(rows)),
    )


def _most_common(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(ordered[:_NAMED])


def stratified(rows: Iterable[Touched], n: int = SAMPLE) -> list[Touched]:
    """Return at most `n` rows: one of every language and state in turn, the largest first, of a creator who is not in it yet.

    Which one of a stratum is drawn by a hash of its key: neither the newest nor the oldest, and the same at every look.
    """
    strata: defaultdict[tuple[str, str], list[Touched]] = defaultdict(list)
    for row in sorted(rows, key=_draw):
        strata[row.language, row.state].append(row)
    left = sorted(strata.values(), key=len, reverse=True)
    chosen: list[Touched] = []
    creators: set[int] = set()
    while left and len(chosen) < n:
        for stratum in left[: n - len(chosen)]:
            at = next((i for i, row in enumerate(stratum) if row.creator not in creators), 0)
            row = stratum.pop(at)
            creators.add(row.creator)
            chosen.append(row)
        left = [stratum for stratum in left if stratum]
    return chosen


def _draw(row: Touched) -> int:
    return row.pk * 2_654_435_761 % 2**32  # Knuth's multiplicative hash


@dataclass(frozen=True, slots=True)
class ListRadius:
    """What a change of a list would touch, of the newest `n_looked_at` stored items. `near` are primary keys of near misses."""

    radius: Radius
    near: tuple[int, ...]
    n_looked_at: int
    is_whole: bool

    @classmethod
    def of(cls, hits: Sequence[int], near: Sequence[int], n_looked_at: int, *, is_whole: bool) -> ListRadius:
        """Return the radius of items that were found."""
        return cls(radius_of_pks(hits, is_at_least=not is_whole), tuple(near), n_looked_at, is_whole)


def has_grown(radius: Radius, *, n_items: int, n_views: int) -> bool:
    """Return whether an act reaches further than somebody saw, by more than `settings.WIDE_GROWTH_PERCENT`."""
    ratio = 1 + settings.WIDE_GROWTH_PERCENT / 100
    return radius.whole.n_items > n_items * ratio or radius.whole.n_views > n_views * ratio
