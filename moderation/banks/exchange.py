"""Taking shared hashes into a bank, and giving a bank's hashes out. All of a file is taken, or nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from django.db import transaction

from moderation.audit.log import Actor, audit_write
from moderation.banks.service import NewEntry, bank_add_entries
from moderation.banks.threatexchange import ExchangeInvalid, SharedHash, read, write
from moderation.models import HashBank, HashEntry
from moderation.models.bank import ShareLevel

_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file's rows: new, known already (or retired here), passed over because nobody calls them bad."""

    n_new: int
    n_known: int
    n_passed_over: int


@dataclass(frozen=True, slots=True)
class Exported:
    """A file to hand out, and how many hashes it has and leaves out."""

    pieces: Iterator[str]
    n_given: int
    n_left_out: int


@transaction.atomic
def bank_import(*, actor: Actor, bank: HashBank, lines: IO[str], form: str, max_rows: int | None = None) -> Imported:
    """Add the hashes of a file in one of threatexchange.FORMS to a bank.

    A hash that was retired here stays retired. What a sharer's status calls harmless, or says nothing about, is passed over.

    Raises:
        ExchangeInvalid: rows that cannot be taken, by number, or more than `max_rows` of them; then nothing is stored.
    """
    file = read(lines, form)
    if max_rows is not None and len(file.hashes) > max_rows:
        raise ExchangeInvalid([f"The file has {len(file.hashes)} hashes; at most {max_rows} are taken at once here."])
    entries = (NewEntry(h.algorithm, h.value, h.note, h.tags, h.share_level) for h in file.hashes)
    n_new = bank_add_entries(actor=actor, bank=bank, entries=entries)
    audit_write(
        actor=actor,
        action="bank.imported",
        object_type="bank",
        object_key=bank.slug,
        form=form,
        n_new=n_new,
        n_passed_over=file.n_passed_over,
    )
    return Imported(n_new, len(file.hashes) - n_new, file.n_passed_over)


@transaction.atomic
def bank_export(*, actor: Actor, bank: HashBank, form: str) -> Exported:
    """Return a bank's hashes as a file. What came to us for nobody else (share level RED), and what is retired, stays here."""
    in_use = bank.entries.filter(retired_at=None)
    given = in_use.exclude(share_level=ShareLevel.RED)
    n_given = given.count()
    n_left_out = in_use.count() - n_given
    audit_write(
        actor=actor,
        action="bank.exported",
        object_type="bank",
        object_key=bank.slug,
        form=form,
        n_given=n_given,
        n_left_out=n_left_out,
    )
    hashes = (_share(entry) for entry in given.order_by("id").iterator(chunk_size=_ROWS))
    return Exported(write(hashes, form, collab=bank.slug), n_given, n_left_out)


def _share(entry: HashEntry) -> SharedHash:
    return SharedHash(
        entry.algorithm, entry.value, entry.note, tuple(entry.tags), entry.share_level, key=str(entry.key)
    )
