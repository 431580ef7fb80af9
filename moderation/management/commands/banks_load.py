"""`manage.py banks_load FILE.csv`: fill hash banks from a CSV file."""

import csv
from argparse import ArgumentParser
from collections import defaultdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from moderation.banks.service import NewEntry, bank_add_entries, bank_upsert
from moderation.exceptions import BankInvalid
from policies.choices import Outcome
from policies.untrusted import check_lines

COLUMNS = ("bank", "category", "outcome", "algorithm", "value", "note")


class Command(BaseCommand):
    """Loads banks: all rows of the file, or none."""

    help = f"Fill hash banks from a CSV file with the columns {', '.join(COLUMNS)}. All rows are taken, or none."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file."""
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Load the file and say what is new."""
        try:
            with transaction.atomic():
                for (slug, category, outcome), entries in self._read(options["file"]).items():
                    bank = bank_upsert(actor="command", slug=slug, category=category, outcome=outcome)
                    n_new = bank_add_entries(actor="command", bank=bank, entries=entries)
                    self.stdout.write(f"{slug}: {n_new} new of {len(entries)}")
        except (BankInvalid, OSError, ValueError, csv.Error) as error:
            raise CommandError(f"{error} Nothing was stored.") from error

    def _read(self, file: Path) -> dict[tuple[str, str, Outcome], list[NewEntry]]:
        banks: dict[tuple[str, str, Outcome], list[NewEntry]] = defaultdict(list)
        with file.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(check_lines(lines), restval="")
            if absent := set(COLUMNS[:-1]) - set(reader.fieldnames or ()):
                raise BankInvalid(f"{file.name} lacks the columns {', '.join(sorted(absent))}.")
            for row in reader:
                key = (row["bank"], row["category"], self._outcome(row["outcome"], reader.line_num))
                banks[key].append(NewEntry(row["algorithm"], row["value"], row.get("note") or ""))
        return banks

    def _outcome(self, name: str, line: int) -> Outcome:
        try:
            return Outcome[name.upper()]
        except KeyError:
            raise BankInvalid(f"Line {line}: {name!r} is no outcome; use RESTRICT, ESCALATE, HOLD or BLOCK.") from None
