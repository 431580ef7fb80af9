"""`manage.py domains_load FILE.csv`: list domains from a CSV file, or take them off."""

import csv
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from moderation.domains.service import domain_list, domain_retire
from moderation.exceptions import DomainInvalid
from policies.choices import Outcome
from policies.untrusted import check_lines, decimal_number, show

COLUMNS = ("domain", "action", "category", "value", "note")


class Command(BaseCommand):
    """Loads domains: all rows of the file, or none."""

    help = (
        f"List domains from a CSV file with the columns {', '.join(COLUMNS)}. `action` is allow, score (value 0.7), "
        "outcome (value BLOCK) or retire. All rows are taken, or none."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file."""
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Load the file and say how many rows it had."""
        try:
            with transaction.atomic(), options["file"].open(encoding="utf-8", newline="") as lines:
                n = sum(1 for row in csv.DictReader(check_lines(lines), restval="") if self._take(row))
        except (DomainInvalid, KeyError, ValueError, OSError, csv.Error) as error:
            raise CommandError(f"{error} Nothing was stored.") from error
        self.stdout.write(f"{n} domains")

    def _take(self, row: dict[str, str]) -> bool:
        action, now = row["action"].strip().lower(), timezone.now()
        if action == "retire":
            domain_retire(actor="command", domain=row["domain"], now=now)
            return True
        if action not in {"allow", "score", "outcome"}:
            raise DomainInvalid(f"{row['domain']}: {action!r} is none of allow, score, outcome, retire.")
        domain_list(
            actor="command",
            domain=row["domain"],
            category="" if action == "allow" else row["category"].strip(),
            outcome=Outcome[row["value"].strip().upper()] if action == "outcome" else None,
            score=_score(row) if action == "score" else None,
            note=row.get("note") or "",
            now=now,
        )
        return True


def _score(row: dict[str, str]) -> float:
    score = decimal_number(row["value"].strip())
    if score is None:
        raise DomainInvalid(f"{show(row['domain'])}: {show(row['value'])} is no number from 0 to 1.")
    return score
