"""`manage.py apikey_list`: every API key, without secrets."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from console.identity.api_keys import keys


class Command(BaseCommand):
    """Lists the API keys."""

    help = "Print every API key: id, prefix, state, name, owner, scopes, last use, end."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line a key."""
        now = timezone.now()
        for key in keys():
            state = "works" if key.is_valid(now) else "expired" if key.is_active else "revoked"
            owner = key.owner.get_username() if key.owner else "-"
            last, until = (_when(at) for at in (key.last_used_at, key.expires_at))
            self.stdout.write("\t".join(
                [str(key.key), key.prefix, state, key.name, owner, ",".join(key.scopes), f"used {last}", f"until {until}"]
            ))  # fmt: skip


def _when(at: Any) -> str:
    return at.isoformat(timespec="seconds") if at else "-"
