"""`manage.py apikey_rotate KEY --overlap-hours N`: put a new API key beside an old one, which ends after a while."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from console.identity.api_keys import ApiKeyInvalid, key_named, key_rotate


class Command(BaseCommand):
    """Rotates an API key."""

    help = "Make a key with the same scopes; the old one works on for the overlap. The new secret is printed once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the key's id or prefix, and how long both work."""
        parser.add_argument("key", help="id or prefix, as apikey_list prints them")
        parser.add_argument("--overlap-hours", type=float, default=24.0, help="0: the old key is refused at once")

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate the key."""
        try:
            overlap = timedelta(hours=options["overlap_hours"])
            _, secret = key_rotate(
                actor="command", key=key_named(options["key"]), overlap=overlap, now=timezone.now()
            )  # fmt: skip
        except (ApiKeyInvalid, OverflowError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(secret)
