"""`manage.py banks_export BANK`: give a bank's hashes out, in ThreatExchange's CSV or JSON."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from moderation.banks.exchange import bank_export
from moderation.banks.threatexchange import FORMS
from moderation.models import HashBank


class Command(BaseCommand):
    """Exports a bank, without what may not be shared on."""

    help = "Write a bank's hashes as ThreatExchange CSV or JSON, without retired ones and those of share level RED."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the bank and where to write."""
        parser.add_argument("bank")
        parser.add_argument("--form", choices=FORMS, default="json")
        parser.add_argument("--out", type=Path, help="a file; by default it is printed")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file."""
        bank = HashBank.objects.filter(slug=options["bank"]).first()
        if bank is None:
            raise CommandError(f"There is no bank {options['bank']!r}.")
        out: Path | None = options["out"]
        with transaction.atomic():
            file = bank_export(actor="command", bank=bank, form=options["form"])
            if out is None:
                self.stdout.writelines(file.pieces)
                return
            with out.open("w", encoding="utf-8") as lines:
                lines.writelines(file.pieces)
        self.stdout.write(f"{out}: {file.n_given} hashes; {file.n_left_out} may not be shared on")
