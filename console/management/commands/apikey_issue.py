"""`manage.py apikey_issue NAME --scope ...`: make an API key and print its secret once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from console.models import SCOPES, ApiKey


class Command(BaseCommand):
    """Issues an API key."""

    help = "Make an API key; its secret is printed once and not stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a name and scopes."""
        parser.add_argument("name")
        parser.add_argument("--scope", action="append", choices=SCOPES, required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        """Issue the key."""
        _, secret = ApiKey.issue(name=options["name"], scopes=options["scope"])
        self.stdout.write(secret)
