"""`manage.py runs_as`: what Gatehouse runs as with these settings, one line each."""

from typing import Any

from django.core.management.base import BaseCommand

from moderation.serving import runs_as


class Command(BaseCommand):
    """Prints it."""

    help = "Say what Gatehouse runs as: environment, servers, files, and what protects them. Prints no secrets."
    requires_system_checks: list[str] = []  # it is asked when they fail

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        for name, value in runs_as().items():
            self.stdout.write(f"{name.replace('_', ' '):<14} {value}")
