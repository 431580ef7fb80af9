"""`manage.py history_new`: the last step of a restore."""

from typing import Any

from django.core.management.base import BaseCommand

from moderation.audit.histories import history_begin


class Command(BaseCommand):
    """Begins another history."""

    help = "After a restore: let every process read everything anew, and every feed client drop its cache."

    def handle(self, *args: Any, **options: Any) -> None:
        """Begin it and say which."""
        history = history_begin(actor="system")
        self.stdout.write(f"History {history.key} begins. Processes follow at their next look, within two seconds.")
