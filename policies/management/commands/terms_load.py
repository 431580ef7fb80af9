"""Loads a term file into a list of a draft."""

from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from policies.document.stored import read_terms
from policies.errors import PolicyError
from policies.models import PolicyVersion
from policies.services.versions import version_add_terms


class Command(BaseCommand):
    """Load terms."""

    help = (
        "Add the terms of a file to a list of a draft: CSV with a header (text, category, language, score or outcome, "
        "exception, whole_word), or one term a line with --category and --score or --outcome."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the file and the list; the rest is for plain files."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--version-number", "-n", type=int, required=True, help="number of a draft")
        parser.add_argument("--list", required=True, dest="list_name")
        parser.add_argument("--author", help="username; the draft's author when not given")
        parser.add_argument("--category")
        parser.add_argument("--language", default="")
        parser.add_argument("--score", type=float)
        parser.add_argument("--outcome")

    def handle(self, *args: Any, **options: Any) -> None:
        """Add the terms, or say which one is wrong."""
        names = ("category", "language", "score", "outcome")
        plain = {name: options[name] for name in names if options[name] is not None}
        try:
            version = PolicyVersion.objects.select_related("author").get(number=options["version_number"])
            author = User.objects.get(username=options["author"]) if options["author"] else version.author
            terms = read_terms(options["file"].read_text(encoding="utf-8"), **plain)
            n = version_add_terms(actor=author, version=version, list_name=options["list_name"], terms=terms)
        except (PolicyVersion.DoesNotExist, User.DoesNotExist) as error:
            raise CommandError(str(error)) from error
        except (OSError, UnicodeDecodeError, PolicyError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{n} terms in list {options['list_name']} of policy {version.number}.")
