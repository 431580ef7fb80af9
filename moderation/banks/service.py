"""Changing hash banks."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from moderation.audit.log import Actor, audit_write
from moderation.banks.queries import entry_newest
from moderation.exceptions import BankInvalid
from moderation.models import HashBank, HashEntry, KnownClip
from moderation.models.bank import ShareLevel
from moderation.models.lists import ListKind
from moderation.rejudge.list_changes import list_changed
from policies.choices import Outcome
from policies.models import Category

_HEX = re.compile(r"[0-9a-f]{64}")
#: Rows of one INSERT.
_BATCH = 5_000


#: How long a person's word that a flooded hash is right keeps the flood guard from it.
FLOOD_EXEMPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A hash to add: algorithm `sha256` or `pdq`, 64 hexadecimal digits, a note for people, and how it may be shared."""

    algorithm: str
    value: str
    note: str = ""
    tags: tuple[str, ...] = ()
    share_level: str = ShareLevel.AMBER


@transaction.atomic
def bank_upsert(*, actor: Actor, slug: str, category: str, outcome: Outcome, title: str = "") -> HashBank:
    """Make a bank, or return it where it exists; its category and outcome are not changed by loading a file.

    Raises:
        BankInvalid: unknown category, a child-safety bank that would not block, or other values than the bank has.
    """
    known = Category.objects.filter(slug=category).first()
    if known is None:
        raise BankInvalid(f"Bank {slug!r}: there is no category {category!r}.")
    if known.is_child_safety and outcome != Outcome.BLOCK:
        raise BankInvalid(f"Bank {slug!r}: a child-safety match blocks; its outcome must be BLOCK.")
    bank, is_new = HashBank.objects.get_or_create(
        slug=slug,
        defaults={
            "title": title or slug.replace("-", " ").capitalize(),
            "category": known,
            "outcome": outcome,
            "is_child_safety": known.is_child_safety,
        },
    )
    if (bank.category_id, bank.outcome) != (category, outcome):
        raise BankInvalid(
            f"Bank {slug!r} exists with category {bank.category_id} and another outcome; nothing was changed."
        )
    if is_new:
        audit_write(actor=actor, action="bank.created", object_type="bank", object_key=slug, category=category)
    return bank


@transaction.atomic
def bank_add_entries(*, actor: Actor, bank: HashBank, entries: Iterable[NewEntry]) -> int:
    """Add hashes to a bank; those it has, also retired ones, are passed over. Returns how many are new.

    They are taken as they come, so that a million of them need not be in memory at once.

    Raises:
        BankInvalid: a hash that is not 64 hexadecimal digits, or an unknown algorithm; then none is added.
    """
    HashBank.objects.select_for_update().get(pk=bank.pk)  # or two that add at once would count each other's
    after = entry_newest(HashEntry.objects.all())
    rows = (_entry(bank, entry) for entry in entries)
    while batch := list(islice(rows, _BATCH)):
        HashEntry.objects.bulk_create(batch, ignore_conflicts=True)
    new = bank.entries.filter(pk__gt=after)
    n_new = new.count()
    if n_new:
        bank.save(update_fields=["updated_at"])
        subject = {"bank": bank.pk, "after": after, "until": entry_newest(new)}
        list_changed(kind=ListKind.BANKS, subject=subject, now=timezone.now())
        audit_write(actor=actor, action="bank.extended", object_type="bank", object_key=bank.slug, n=n_new)
    return n_new


@dataclass(frozen=True, slots=True)
class NewClip:
    """A clip to add: SHA-256 of its file, a title for people, times (ms) and PDQ of its frames, by time."""

    sha256: str
    title: str
    times_ms: tuple[int, ...]
    values: tuple[str, ...]


@transaction.atomic
def bank_add_clip(*, actor: Actor, bank: HashBank, clip: NewClip) -> int:
    """Add a clip: its file, its frames, and their order. Returns how many hashes are new.

    Raises:
        BankInvalid: no frame, frames and times that do not belong together, or a hash that is none; then nothing is added.
    """
    if not clip.values or len(clip.values) != len(clip.times_ms):
        raise BankInvalid(f"{clip.title}: every frame needs a time and a hash, and there must be one.")
    frames = [
        NewEntry("pdq", value, f"{clip.title} at {ms} ms") for ms, value in zip(clip.times_ms, clip.values, strict=True)
    ]
    n_new = bank_add_entries(actor=actor, bank=bank, entries=[NewEntry("sha256", clip.sha256, clip.title), *frames])
    _, is_new = KnownClip.objects.get_or_create(
        bank=bank,
        sha256=clip.sha256,
        defaults={
            "title": clip.title[:200],
            "times_ms": list(clip.times_ms),
            "values": [value.lower() for value in clip.values],
        },
    )
    if is_new:
        audit_write(
            actor=actor, action="bank.clip_added", object_type="bank", object_key=bank.slug, n_frames=len(clip.values)
        )
    return n_new


def _entry(bank: HashBank, entry: NewEntry) -> HashEntry:
    if entry.algorithm not in HashEntry.Algorithm.values or not _HEX.fullmatch(entry.value.lower()):
        detail = f"{entry.algorithm} {entry.value[:70]!r} is no hash: sha256 and pdq are 64 hexadecimal digits."
        raise BankInvalid(f"Bank {bank.slug!r}: {detail}")
    return HashEntry(
        bank=bank,
        algorithm=entry.algorithm,
        value=entry.value.lower(),
        note=entry.note[:200],
        tags=list(entry.tags),
        share_level=entry.share_level,
    )


@transaction.atomic
def bank_set_ratio(*, actor: Actor, slug: str, ratio: float) -> HashBank:
    """Set which share of a bank's entries is in force: 0 switches it off, 1 on, between is a canary.

    Raises:
        BankInvalid: out of range, unknown bank, or an attempt to weaken a child-safety bank.
    """
    bank = HashBank.objects.select_for_update().filter(slug=slug).first()
    if bank is None:
        raise BankInvalid(f"There is no bank {slug!r}.")
    if not 0.0 <= ratio <= 1.0:
        raise BankInvalid("The ratio is a number from 0 to 1.")
    if bank.is_child_safety and ratio < 1.0:
        raise BankInvalid("A child-safety bank is always whole; retire a wrong entry instead.")
    bank.enabled_ratio = ratio
    bank.save(update_fields=["enabled_ratio", "updated_at"])
    list_changed(kind=ListKind.BANKS, subject={"bank": bank.pk}, now=timezone.now())
    audit_write(actor=actor, action="bank.ratio_set", object_type="bank", object_key=slug, ratio=ratio)
    return bank


@transaction.atomic
def entry_retire(*, actor: AbstractBaseUser, key: str, reason: str, now: datetime) -> HashEntry:
    """Take a wrong hash out of force. In a child-safety bank the first person asks, and a second one does it.

    1. lock the entry,
    2. in a child-safety bank without a request: note who asks and why, and change nothing else,
    3. else retire it; the reason of who asked stays.

    Raises:
        BankInvalid: unknown or already retired, no reason, or the person who asked tries to be the second one, too.
    """
    entry = _lock(key)
    if entry.retired_at is not None:
        raise BankInvalid("This hash is retired already.")
    if entry.bank.is_child_safety and entry.retire_asked_by_id is None:
        return _retire_ask(actor, entry, reason, now)
    if entry.bank.is_child_safety and entry.retire_asked_by_id == actor.pk:
        raise BankInvalid("You asked for this; a second person has to agree.")
    entry.retire_reason = entry.retire_reason or _say(reason)
    entry.retired_at, entry.retired_by_id = now, actor.pk
    entry.save(update_fields=["retired_at", "retired_by", "retire_reason"])
    entry_changed(entry, now)
    _audit(actor, "entry.retired", entry, asked_by=entry.retire_asked_by_id)
    return entry


def _retire_ask(actor: AbstractBaseUser, entry: HashEntry, reason: str, now: datetime) -> HashEntry:
    entry.retire_reason = _say(reason)
    entry.retire_asked_at, entry.retire_asked_by_id = now, actor.pk
    entry.save(update_fields=["retire_reason", "retire_asked_at", "retire_asked_by"])
    _audit(actor, "entry.retire_asked", entry)
    return entry


@transaction.atomic
def entry_restore(*, actor: AbstractBaseUser, key: str) -> HashEntry:
    """Put a retired hash back in force, or turn down a request to retire it. One person is enough: it makes nothing milder.

    Raises:
        BankInvalid: there is nothing to take back.
    """
    entry = _lock(key)
    if entry.retired_at is None and entry.retire_asked_at is None:
        raise BankInvalid("This hash is in force, and nobody asked to retire it.")
    action = "entry.restored" if entry.retired_at else "entry.retire_refused"
    entry.retired_at = entry.retired_by = entry.retire_asked_at = entry.retire_asked_by = None
    entry.retire_reason = ""
    entry.save(update_fields=["retired_at", "retired_by", "retire_asked_at", "retire_asked_by", "retire_reason"])
    entry_changed(entry, timezone.now())
    _audit(actor, action, entry)
    return entry


@transaction.atomic
def entry_release(*, actor: AbstractBaseUser, key: str, now: datetime) -> HashEntry:
    """Say that a flooded hash is right: its bank's outcome holds again, and the flood guard leaves it alone for a day.

    Raises:
        BankInvalid: unknown, or not flooded.
    """
    entry = _lock(key)
    if entry.flooded_at is None:
        raise BankInvalid("This hash is not held back.")
    entry.flooded_at, entry.flood_exempt_until = None, now + FLOOD_EXEMPT
    entry.save(update_fields=["flooded_at", "flood_exempt_until"])
    entry_changed(entry, now)
    _audit(actor, "entry.released", entry)
    return entry


def entry_changed(entry: HashEntry, now: datetime) -> None:
    """Note that what follows from an entry changed, inside the transaction of the change."""
    list_changed(kind=ListKind.BANKS, subject={"bank": entry.bank_id, "entries": [entry.pk]}, now=now)


def _lock(key: str) -> HashEntry:
    entry = HashEntry.objects.select_for_update(of=("self",)).select_related("bank").filter(key=key).first()
    if entry is None:
        raise BankInvalid("There is no such hash.")
    return entry


def _say(reason: str) -> str:
    if not reason.strip():
        raise BankInvalid("Say in a sentence why; whoever imports the hash again will ask.")
    return reason.strip()[:300]


def _audit(actor: Actor, action: str, entry: HashEntry, **data: object) -> None:
    audit_write(
        actor=actor, action=action, object_type="bank", object_key=entry.bank.slug, entry=str(entry.key), **data
    )
