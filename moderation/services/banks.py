"""Changing hash banks."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from moderation.exceptions import BankInvalid
from moderation.models import HashBank, HashEntry
from moderation.services.audit import Actor, audit_write
from policies.choices import Outcome
from policies.models import Category

_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A hash to add: algorithm `sha256` or `pdq`, 64 hexadecimal digits, a note for people."""

    algorithm: str
    value: str
    note: str = ""


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
    """Add hashes to a bank; those it has are passed over. Returns how many are new.

    Raises:
        BankInvalid: a hash that is not 64 hexadecimal digits, or an unknown algorithm; then none is added.
    """
    rows = [_entry(bank, entry) for entry in entries]
    before = bank.entries.count()
    HashEntry.objects.bulk_create(rows, ignore_conflicts=True, batch_size=5_000)
    n_new = bank.entries.count() - before
    if n_new:
        bank.save(update_fields=["updated_at"])  # tells every process to load the banks again
        audit_write(actor=actor, action="bank.extended", object_type="bank", object_key=bank.slug, n=n_new)
    return n_new


def _entry(bank: HashBank, entry: NewEntry) -> HashEntry:
    if entry.algorithm not in HashEntry.Algorithm.values or not _HEX.fullmatch(entry.value.lower()):
        detail = f"{entry.algorithm} {entry.value[:70]!r} is no hash: sha256 and pdq are 64 hexadecimal digits."
        raise BankInvalid(f"Bank {bank.slug!r}: {detail}")
    return HashEntry(bank=bank, algorithm=entry.algorithm, value=entry.value.lower(), note=entry.note[:200])


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
        raise BankInvalid("A child-safety bank is always whole; remove a wrong entry instead.")
    bank.enabled_ratio = ratio
    bank.save(update_fields=["enabled_ratio", "updated_at"])
    audit_write(actor=actor, action="bank.ratio_set", object_type="bank", object_key=slug, ratio=ratio)
    return bank
