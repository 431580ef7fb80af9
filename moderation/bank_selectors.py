"""Reads about hash banks for their pages. Nothing here changes anything."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Q, QuerySet

from moderation.models import HashBank, HashEntry, HashMatch, MatchFeedback

#: Matches are counted over so many days: the page shall cost the same after years.
COUNT_DAYS = 30
#: Entries that a bank's page lists of each sort.
LISTED = 50


@dataclass(frozen=True, slots=True)
class BankRow:
    """A bank with its numbers. Matches and judgements are of the last COUNT_DAYS days."""

    bank: HashBank
    n_sha256: int
    n_pdq: int
    n_retired: int
    n_flooded: int
    n_asked: int
    n_matches: int
    n_right: int
    n_wrong: int


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry with its numbers, over the same days."""

    entry: HashEntry
    n_matches: int
    n_creators: int
    n_right: int
    n_wrong: int


def bank_rows(banks: QuerySet[HashBank], now: datetime) -> list[BankRow]:
    """Return the banks by title with their numbers, in four queries."""
    since = now - timedelta(days=COUNT_DAYS)
    known = list(banks.select_related("category").order_by("title"))
    sizes = _by_bank(
        HashEntry.objects.filter(bank__in=known).values("bank_id"),
        n_sha256=Count("pk", filter=Q(retired_at=None, algorithm="sha256")),
        n_pdq=Count("pk", filter=Q(retired_at=None, algorithm="pdq")),
        n_retired=Count("pk", filter=Q(retired_at__isnull=False)),
        n_flooded=Count("pk", filter=Q(retired_at=None, flooded_at__isnull=False)),
        n_asked=Count("pk", filter=Q(retired_at=None, retire_asked_at__isnull=False)),
    )
    matches = _by_bank(
        HashMatch.objects.filter(found_at__gt=since, bank__in=known).values("bank_id"), n_matches=Count("pk")
    )
    said = MatchFeedback.objects.filter(created_at__gt=since, entry__bank__in=known)
    words = _by_bank(
        said.values(bank_id=F("entry__bank_id")),
        n_right=Count("pk", filter=Q(is_right=True)),
        n_wrong=Count("pk", filter=Q(is_right=False)),
    )
    nothing = dict.fromkeys(
        ("n_sha256", "n_pdq", "n_retired", "n_flooded", "n_asked", "n_matches", "n_right", "n_wrong"), 0
    )
    return [
        BankRow(b, **{**nothing, **sizes.get(b.pk, {}), **matches.get(b.pk, {}), **words.get(b.pk, {})}) for b in known
    ]


def _by_bank(rows: QuerySet, **counts: Count) -> dict[int, dict[str, int]]:  # type: ignore[type-arg]
    return {row.pop("bank_id"): row for row in rows.annotate(**counts)}


def entries_waiting(bank: HashBank) -> QuerySet[HashEntry]:
    """Return what waits for a person: flooded hashes and requests to retire one, the oldest first."""
    waits = Q(flooded_at__isnull=False) | Q(retire_asked_at__isnull=False)
    return _people(bank.entries.filter(waits, retired_at=None)).order_by("id")[:LISTED]


def entries_retired(bank: HashBank) -> QuerySet[HashEntry]:
    """Return the hashes that were retired last."""
    return _people(bank.entries.filter(retired_at__isnull=False)).order_by("-retired_at")[:LISTED]


def entries_met(bank: HashBank, now: datetime) -> list[HashEntry]:
    """Return the entries in use that matched most, or were disputed, in the last COUNT_DAYS days."""
    since = now - timedelta(days=COUNT_DAYS)
    matched = HashMatch.objects.filter(bank=bank, found_at__gt=since, entry__retired_at=None)
    busiest = matched.values("entry_id").annotate(n=Count("pk")).order_by("-n", "entry_id")[:LISTED]
    disputed = MatchFeedback.objects.filter(entry__bank=bank, entry__retired_at=None, is_right=False)
    pks = {row["entry_id"] for row in busiest} | set(disputed.values_list("entry_id", flat=True)[:LISTED])
    return list(_people(HashEntry.objects.filter(pk__in=pks)))


def entries_found(bank: HashBank, text: str) -> QuerySet[HashEntry]:
    """Return the entries whose value begins with some hexadecimal digits; the first ones, where there are none."""
    digits = text.strip().lower()
    return _people(bank.entries.filter(value__startswith=digits)).order_by("id")[:LISTED]


def _people(entries: QuerySet[HashEntry]) -> QuerySet[HashEntry]:
    return entries.select_related("retire_asked_by", "retired_by")


def entry_rows(entries: Iterable[HashEntry], now: datetime) -> list[EntryRow]:
    """Return entries with their numbers, the most disputed and then the busiest first, in two queries."""
    since = now - timedelta(days=COUNT_DAYS)
    known = list(entries)
    matches = {
        row["entry_id"]: row
        for row in HashMatch.objects.filter(entry__in=known, found_at__gt=since)
        .values("entry_id")
        .annotate(n_matches=Count("pk"), n_creators=Count("creator_id", distinct=True))
    }
    words = {
        row["entry_id"]: row
        for row in MatchFeedback.objects.filter(entry__in=known, created_at__gt=since)
        .values("entry_id")
        .annotate(n_right=Count("pk", filter=Q(is_right=True)), n_wrong=Count("pk", filter=Q(is_right=False)))
    }
    rows = [_entry_row(entry, matches.get(entry.pk, {}), words.get(entry.pk, {})) for entry in known]
    return sorted(rows, key=lambda row: (-row.n_wrong, -row.n_matches, row.entry.pk))


def _entry_row(entry: HashEntry, matches: dict[str, int], words: dict[str, int]) -> EntryRow:
    return EntryRow(
        entry,
        matches.get("n_matches", 0),
        matches.get("n_creators", 0),
        words.get("n_right", 0),
        words.get("n_wrong", 0),
    )


def own_words(person_id: int, item_id: int) -> dict[str, bool]:
    """Return what one person said of an item's matches: key of the entry -> whether it is right."""
    said = MatchFeedback.objects.filter(person_id=person_id, item_id=item_id).values_list("entry__key", "is_right")
    return {str(key): is_right for key, is_right in said}
