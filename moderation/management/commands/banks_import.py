"""`manage.py banks_import BANK FILE`: take shared hashes, in ThreatExchange's CSV or JSON, into a bank."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from moderation.banks.exchange import Imported, bank_import
from moderation.banks.service import bank_upsert
from moderation.banks.threatexchange import FORMS, ExchangeInvalid
from moderation.exceptions import BankInvalid
from moderation.models import HashBank
from policies.choices import Outcome


class Command(BaseCommand):
    """Imports a file: all of its rows, or none."""

    help = "Take the hashes of a ThreatExchange CSV or JSON file into a bank. All rows are taken, or none."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the bank, the file, and what a new bank is about."""
        parser.add_argument("bank")
        parser.add_argument("file", type=Path)
        parser.add_argument("--form", choices=FORMS, help="by default what the file's name ends in")
        parser.add_argument("--category", help="makes the bank where it is new")
        parser.add_argument("--outcome", default="BLOCK", choices=["RESTRICT", "ESCALATE", "HOLD", "BLOCK"])

    def handle(self, *args: Any, **options: Any) -> None:
        """Import and say what became of the rows."""
        try:
            with transaction.atomic():
                done = self._import(**{name: options[name] for name in ("bank", "file", "form", "category", "outcome")})
        except ExchangeInvalid as error:
            raise CommandError("\n".join([*error.problems, "Nothing was stored."])) from error
        except (BankInvalid, OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{error} Nothing was stored.") from error
        self.stdout.write(
            f"{options['bank']}: {done.n_new} new, {done.n_known} known, {done.n_passed_over} passed over"
        )

    def _import(self, *, bank: str, file: Path, form: str | None, category: str | None, outcome: str) -> Imported:
        form = form or _form_of(file)
        if category:
            into = bank_upsert(actor="command", slug=bank, category=category, outcome=Outcome[outcome])
        else:
            into = _bank(bank)
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return bank_import(actor="command", bank=into, lines=lines, form=form)


def _bank(slug: str) -> HashBank:
    bank = HashBank.objects.filter(slug=slug).first()
    if bank is None:
        raise BankInvalid(f"There is no bank {slug!r}; name a --category to make it.")
    return bank


def _form_of(file: Path) -> str:
    form = file.suffix.removeprefix(".").replace("jsonl", "json")
    if form not in FORMS:
        raise BankInvalid(f"{file.name} ends neither in .csv nor in .json; say which with --form.")
    return form
