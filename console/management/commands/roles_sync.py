"""`manage.py roles_sync`: make the groups of roles match console/identity/roles.py."""

from typing import Any

from django.core.management.base import BaseCommand

from console.identity.roles import ROLES, roles_sync


class Command(BaseCommand):
    """Synchronises groups and their permissions."""

    help = "Make the groups of roles match console/identity/roles.py."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it and say what there is."""
        roles_sync()
        self.stdout.write(f"Roles: {', '.join(ROLES)}")
