"""`manage.py apikey_issue NAME --scope ...`: make an API key and print its secret once."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from console.identity.api_keys import ApiKeyInvalid, key_issue
from console.models import SCOPES


class Command(BaseCommand):
    """Issues an API key."""

    help = "Make an API key; its secret is printed once and not stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a name, scopes, whose it is and how long it works."""
        parser.add_argument("name")
        parser.add_argument("--scope", action="append", choices=SCOPES, required=True)
        parser.add_argument("--owner", help="username of the person who answers for it", default="")
        parser.add_argument("--days", type=int, help="it expires after so many days; without, never")

    def handle(self, *args: Any, **options: Any) -> None:
        """Issue the key."""
        now, days = timezone.now(), options["days"]
        owner = User.objects.filter(username=options["owner"]).first() if options["owner"] else None
        if options["owner"] and owner is None:
            raise CommandError(f"There is no user {options['owner']}.")
        expires_at = None if days is None else now + timedelta(days=days)
        try:
            _, secret = key_issue(
                actor="command", name=options["name"], scopes=options["scope"], owner=owner, expires_at=expires_at, now=now
            )  # fmt: skip
        except ApiKeyInvalid as error:
            raise CommandError(str(error)) from error
        self.stdout.write(secret)
