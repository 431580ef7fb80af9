"""`manage.py score`: scores a file of texts through the whole on-path text ensemble, in batches."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from moderation.detection.model_store import ModelInvalid, read_source
from moderation.detection.text.loading import WEIGHTS
from moderation.evaluation.scoring import LineInvalid, TextEnsemble, score_file


class Command(BaseCommand):
    """Scores JSON lines."""

    help = (
        'Score texts: lines {"id", "text"[, "language"]} in, lines {"id", "language", "scores": {category: probability}} out. '
        "A score of 0.5 is a fair cut."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the files."""
        parser.add_argument("--jsonl", type=Path, required=True, help="the texts, one JSON object a line")
        parser.add_argument("--out", type=Path, required=True, help="where the scores go; written whole or not at all")

    def handle(self, *args: Any, **options: Any) -> None:
        """Score the file."""
        started = time.monotonic()
        try:
            ensemble = TextEnsemble.load(read_source(WEIGHTS, settings.TEXT_MODEL_PATH, Path(settings.MODELS_FOLDER)))
            n = score_file(ensemble, options["jsonl"], options["out"])
        except (ModelInvalid, LineInvalid, OSError) as error:
            raise CommandError(str(error)) from error
        seconds = time.monotonic() - started
        self.stdout.write(
            f"{n:,} texts in {seconds:.1f} s ({n / max(seconds, 1e-9):,.0f}/s), written to {options['out']}"
        )
