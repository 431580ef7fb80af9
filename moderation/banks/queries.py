"""Reads about hash banks for their pages. Nothing here changes anything."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, IntegerField, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, JSONObject

from moderation.items.visibility import Person, items_visible
from moderation.models import HashBank, HashEntry, HashMatch, Item, MatchFeedback

#: Matches are counted over so many days: the page shall cost the same after years.
COUNT_DAYS = 30
#: Entries that a bank's page lists of each sort.
LISTED = 50
#: Pictures that are shown of what an entry, or a bank, met lately.
PICTURES = 4
#: What is read of an item to show its picture and its title.
_TOLD = ("id", "key", "external_id", "kind", "caption", "media_id", "cover_id", "is_restricted")


@dataclass(frozen=True, slots=True)
class BankRow:
    """A bank with its numbers. Matches and judgements are of the last COUNT_DAYS days.

    `met`: the newest items that matched it, as far as the reader may know of them.
    """

    bank: HashBank
    n_matches: int
    n_right: int
    n_wrong: int
    n_sha256: int = 0
    n_pdq: int = 0
    n_retired: int = 0
    n_flooded: int = 0
    n_asked: int = 0
    met: Sequence[Item] = ()


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry with its numbers, over the same days, and the newest items that it met."""

    entry: HashEntry
    n_matches: int = 0
    n_creators: int = 0
    n_right: int = 0
    n_wrong: int = 0
    met: Sequence[Item] = ()

    @property
    def is_waiting(self) -> bool:
        """Whether a person has to say what becomes of it."""
        return self.entry.flooded_at is not None or self.entry.retire_asked_at is not None


@dataclass(frozen=True, slots=True)
class EntryLists:
    """The entries that a bank's page shows: those that wait for a person, and those that were met, disputed or asked for."""

    waiting: list[EntryRow]
    others: list[EntryRow]


def bank_rows(reader: Person, banks: QuerySet[HashBank], now: datetime) -> list[BankRow]:
    """Return the banks by title with their numbers and what they met, in two queries."""
    since = now - timedelta(days=COUNT_DAYS)
    matches = HashMatch.objects.filter(bank=OuterRef("pk"), found_at__gt=since)
    said = MatchFeedback.objects.filter(entry__bank=OuterRef("pk"), created_at__gt=since)
    known = banks.annotate(
        n_matches=_count(matches, "bank"),
        n_right=_count(said.filter(is_right=True), "entry__bank"),
        n_wrong=_count(said.filter(is_right=False), "entry__bank"),
        newest_met=met_column(reader, "bank"),
    ).order_by("title")
    in_use = Q(retired_at=None)
    sizes = HashEntry.objects.values("bank_id").annotate(
        n_sha256=Count("pk", filter=in_use & Q(algorithm="sha256")),
        n_pdq=Count("pk", filter=in_use & Q(algorithm="pdq")),
        n_retired=Count("pk", filter=~in_use),
        n_flooded=Count("pk", filter=in_use & Q(flooded_at__isnull=False)),
        n_asked=Count("pk", filter=in_use & Q(retire_asked_at__isnull=False)),
    )
    found = list(known)
    of_bank = _by(sizes.filter(bank__in=found), "bank_id")
    return [
        BankRow(b, b.n_matches, b.n_right, b.n_wrong, **of_bank.get(b.pk, {}), met=items_in(b.newest_met))
        for b in found
    ]


def met_column(reader: Person, by: str) -> ArraySubquery:
    """Return the newest items that a bank or an entry matched, as far as a person may know of them, as a column for `items_in`.

    Args:
        by: what a match names the row by: "bank" or "entry".
    """
    found = HashMatch.objects.filter(**{by: OuterRef("pk")}, item__in=items_visible(reader).values("pk"))
    told = JSONObject(**{name: f"item__{name}" for name in _TOLD})
    return ArraySubquery(found.order_by("-found_at").values_list(told)[:PICTURES])


def items_in(column: Iterable[Mapping[str, Any]]) -> list[Item]:
    """Return the items of such a column: enough of each for its picture, its title and its address."""
    return [Item(**row) for row in column]


def _by(rows: Iterable[Mapping[str, Any]], column: str) -> dict[int, dict[str, int]]:
    """Return the counts in rows by what they are of."""
    return {row[column]: {name: n for name, n in row.items() if name != column} for row in rows}


def _count(rows: QuerySet[Any], by: str) -> Coalesce:
    """Return how many rows there are, as a column of its own: joined, two counts would multiply each other."""
    count = rows.order_by().values(by).annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(count, output_field=IntegerField()), 0)


def bank_entries(reader: Person, bank: HashBank, now: datetime) -> EntryLists:
    """Return what waits for a person, and the entries in use that matched most or are disputed, in three queries."""
    since = now - timedelta(days=COUNT_DAYS)
    matched = HashMatch.objects.filter(bank=bank, found_at__gt=since).values("entry_id")
    busiest = matched.annotate(n=Count("pk")).order_by("-n", "entry_id").values("entry_id")[:LISTED]
    disputed = MatchFeedback.objects.filter(entry__bank=bank, created_at__gt=since, is_right=False)
    wanted = Q(pk__in=busiest) | Q(pk__in=disputed.order_by("-pk").values("entry_id")[:LISTED])
    waits = Q(flooded_at__isnull=False) | Q(retire_asked_at__isnull=False)
    entries = _people(bank.entries.filter(wanted | waits, retired_at=None)).annotate(
        newest_met=met_column(reader, "entry")
    )
    rows = entry_rows(entries.order_by("pk")[: 4 * LISTED], now)
    return EntryLists([r for r in rows if r.is_waiting], [r for r in rows if not r.is_waiting])


def entries_found(reader: Person, bank: HashBank, text: str, now: datetime) -> EntryLists:
    """Return the entries, retired ones too, whose value begins with some hexadecimal digits."""
    found = bank.entries.filter(value__startswith=text.strip().lower()).annotate(newest_met=met_column(reader, "entry"))
    return EntryLists([], entry_rows(_people(found).order_by("pk")[:LISTED], now))


def entries_retired(bank: HashBank) -> QuerySet[HashEntry]:
    """Return the hashes that were retired last."""
    return _people(bank.entries.filter(retired_at__isnull=False)).order_by("-retired_at")[:LISTED]


def _people(entries: QuerySet[HashEntry]) -> QuerySet[HashEntry]:
    return entries.select_related("retire_asked_by", "retired_by")


def entry_rows(entries: Iterable[HashEntry], now: datetime) -> list[EntryRow]:
    """Return entries with their numbers and what they met, the most disputed and then the busiest first, in two queries besides theirs."""
    since = now - timedelta(days=COUNT_DAYS)
    known = list(entries)
    matches = HashMatch.objects.filter(entry__in=known, found_at__gt=since).values("entry_id")
    words = MatchFeedback.objects.filter(entry__in=known, created_at__gt=since).values("entry_id")
    met = _by(matches.annotate(n_matches=Count("pk"), n_creators=Count("creator_id", distinct=True)), "entry_id")
    said = _by(
        words.annotate(n_right=Count("pk", filter=Q(is_right=True)), n_wrong=Count("pk", filter=Q(is_right=False))),
        "entry_id",
    )
    rows = [
        EntryRow(e, **met.get(e.pk, {}), **said.get(e.pk, {}), met=items_in(getattr(e, "newest_met", ())))
        for e in known
    ]
    return sorted(rows, key=lambda row: (-row.n_wrong, -row.n_matches, row.entry.pk))


def entry_newest(entries: QuerySet[HashEntry]) -> int:
    """Return the primary key of the newest of some entries; 0 where there is none."""
    return entries.aggregate(pk=Max("pk"))["pk"] or 0
