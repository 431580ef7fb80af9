"""`manage.py vision_index`: an approximate index over the vectors of the model in use, for installations with many clips."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from moderation.db.owner import as_owner
from moderation.live.prompts import model_in_use
from moderation.models import ClipEmbedding, FrameEmbedding


class Command(BaseCommand):
    """Makes the index; uploads go on meanwhile. Without it the search is exact and reads every vector."""

    help = "Make HNSW indexes over the vectors of the vision model in use (tables stay writable). Needed from some 100,000 clips on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whether to drop instead."""
        parser.add_argument("--drop", action="store_true", help="remove the indexes of this model")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make or drop one index per table."""
        model = model_in_use()
        if model is None:
            raise CommandError("No vision model is in use; see VISION_MODEL_PATH.")
        for table in (FrameEmbedding, ClipEmbedding):
            first = table.objects.filter(model=model).first()
            name = f"{table._meta.db_table}_{model[-12:]}"
            if options["drop"]:
                self._run(f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"')
            elif first is None:
                self.stdout.write(f"{table._meta.db_table}: nothing there yet")
                continue
            else:
                width = len(first.vector)
                self._run(
                    f'CREATE INDEX CONCURRENTLY IF NOT EXISTS "{name}" ON {table._meta.db_table} '
                    f"USING hnsw ((vector::vector({width})) vector_cosine_ops) WHERE model = '{model}'"
                )
            self.stdout.write(f"{name}: {'dropped' if options['drop'] else 'ready'}")

    def _run(self, sql: str) -> None:
        with as_owner(), connection.cursor() as cursor:
            cursor.execute(sql)
