"""Writes a policy version as YAML."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from policies.document.stored import document_of, dump_yaml
from policies.models import PolicyVersion, VersionState


class Command(BaseCommand):
    """Export a version."""

    help = "Write a policy version as YAML to standard output."

    def add_arguments(self, parser: CommandParser) -> None:
        """Choose the version."""
        parser.add_argument("--version-number", "-n", type=int, help="the active one when not given")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the document."""
        number = options["version_number"]
        versions = (
            PolicyVersion.objects.filter(number=number)
            if number
            else PolicyVersion.objects.filter(state=VersionState.ACTIVE)
        )
        version = versions.first()
        if version is None:
            raise CommandError("There is no such policy version.")
        self.stdout.write(dump_yaml(document_of(version)), ending="")
