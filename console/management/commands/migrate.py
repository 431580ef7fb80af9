"""`manage.py migrate`: Django's own, run by the database's owner, and then the application's role gets what it needs."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import migrate

from console.database import application_grant
from moderation.db.owner import RolesInvalid, as_owner


class Command(migrate.Command):
    """Migrates as the owner."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, then grant; with DATABASE_OWNER_URL not set both roles are one, and there is nothing to grant."""
        alias = options["database"]
        with as_owner(alias):
            super().handle(*args, **options)
            if not settings.DATABASE_OWNER or options["plan"] or options["check_unapplied"]:
                return
            try:
                application_grant(settings.DATABASE_ROLE, alias)
            except RolesInvalid as error:
                raise CommandError(str(error)) from error
