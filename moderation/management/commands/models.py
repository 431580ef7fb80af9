"""`manage.py models list|pull|verify`: the text model that this installation is set to, and whether it is whole."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from moderation.classifier.loading import ModelSource, model_source, pull, verify
from moderation.classifier.model import ModelInvalid


class Command(BaseCommand):
    """Lists, downloads or checks the configured model."""

    help = "List, download (pinned, resumable, checked) or verify the configured text model."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the verb."""
        parser.add_argument("verb", choices=("list", "pull", "verify"))

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the verb."""
        try:
            source = model_source(settings.TEXT_MODEL_PATH, Path(settings.MODELS_FOLDER))
            self.stdout.write({"list": _listed, "pull": pull, "verify": verify}[options["verb"]](source))
        except ModelInvalid as error:
            raise CommandError(str(error)) from error


def _listed(source: ModelSource) -> str:
    state = verify(source) if source.is_present else "absent: run `manage.py models pull`"
    return f"text  {source.repo or source.folder}  {state}"
