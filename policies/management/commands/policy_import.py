"""Reads a policy version from YAML into a new draft."""

from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from policies.document.stored import load_yaml
from policies.errors import PolicyError
from policies.services.versions import version_create


class Command(BaseCommand):
    """Import a version."""

    help = "Create a draft from a YAML document. It takes the next free number, whatever the document says."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the file and who answers for it."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--author", required=True, help="username")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the draft, or say which field is wrong."""
        path: Path = options["file"]
        try:
            author = User.objects.get(username=options["author"])
            document = load_yaml(path.read_text(encoding="utf-8"), path.resolve().parent)
            version = version_create(actor=author, document=document)
        except User.DoesNotExist as error:
            raise CommandError(f"There is no user {options['author']!r}.") from error
        except (OSError, UnicodeDecodeError, PolicyError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Policy {version.number} created as a draft.")
