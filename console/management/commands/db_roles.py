"""`manage.py db_roles`: give the application's database role what it needs, or say what it has beyond that."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from console.database import application_grant, excess
from moderation.db.owner import RolesInvalid, as_owner


class Command(BaseCommand):
    """Grants, as `migrate` does at its end; or checks."""

    help = "Grant the role of DATABASE_URL what the application needs, as the role of DATABASE_OWNER_URL; --check only looks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whether to look only."""
        parser.add_argument("--check", action="store_true", help="fail where the application's role may do too much")

    def handle(self, *args: Any, **options: Any) -> None:
        """Grant or look."""
        role = settings.DATABASE_ROLE
        if not options["check"]:
            self._grant(role)
        if found := excess():
            raise CommandError(f"{role} " + "; ".join(one.what for one in found) + ".")
        self.stdout.write(f"{role} has what the application needs, and nothing with which to undo the record.")

    def _grant(self, role: str) -> None:
        if not settings.DATABASE_OWNER:
            raise CommandError("Set DATABASE_OWNER_URL to the address of the role that owns the tables.")
        try:
            with as_owner():
                application_grant(role)
        except RolesInvalid as error:
            raise CommandError(str(error)) from error
