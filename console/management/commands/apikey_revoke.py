"""`manage.py apikey_revoke KEY`: refuse an API key from now on."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from console.identity.api_keys import ApiKeyInvalid, key_named, key_revoke


class Command(BaseCommand):
    """Revokes an API key."""

    help = "Refuse an API key from the next call on, in every process."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the key's id or prefix."""
        parser.add_argument("key", help="id or prefix, as apikey_list prints them")

    def handle(self, *args: Any, **options: Any) -> None:
        """Revoke the key."""
        try:
            key = key_revoke(actor="command", key=key_named(options["key"]), now=timezone.now())
        except ApiKeyInvalid as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Revoked: {key}")
