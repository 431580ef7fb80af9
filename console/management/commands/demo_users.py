"""`manage.py demo_users --url URL`: the demo's people and API key, written to var/demo.json."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from console.demo.accounts import accounts_make


class Command(BaseCommand):
    """Makes who can log in to the demo."""

    help = "Make the demo's users and its API key and write them to var/demo.json. A second run keeps passwords."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address that the demo answers at."""
        parser.add_argument("--url", default=settings.BASE_URL)

    def handle(self, *args: Any, **options: Any) -> None:
        """Make them and say who there is."""
        if not settings.DEMO_ENABLED:
            raise CommandError("Demo users exist only where DEMO_ENABLED is set; production makes its own.")
        path = settings.VAR_DIR / "demo.json"
        try:
            accounts = accounts_make(url=options["url"].rstrip("/"), path=path)
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
        self.stdout.write(f"{len(accounts.users)} users and an API key, in {path}")
