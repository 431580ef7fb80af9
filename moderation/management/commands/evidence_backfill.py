"""Store evidence, for simulations and activations, of items that were decided before it was kept."""

from typing import Any

from django.core.management.base import BaseCommand

from moderation.evidence.backfill import evidence_backfill


class Command(BaseCommand):
    """Fill the store from decisions."""

    help = "Store the machine evidence of items that have none yet, from their decisions and findings. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        """Go through all items, a thousand in a transaction."""
        after: int | None = 0
        n_stored = 0
        while after is not None:
            filled = evidence_backfill(after=after)
            after, n_stored = filled.last_pk, n_stored + filled.n_stored
        self.stdout.write(f"Stored the evidence of {n_stored} items.")
