"""`manage.py demo_prepare`: all that the demo's database and files need before its processes start, in one process."""

import gc
import hashlib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Prepares the demo."""

    help = "Migrate, collect static files if they changed, make the demo's people and its first policy."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address that the demo answers at, and where to say what it runs as."""
        parser.add_argument("--url", default=settings.BASE_URL)
        parser.add_argument("--runs-as", default="", metavar="FILE", help="write there what `manage.py runs_as` prints")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it; each step is safe to repeat."""
        if not settings.DEMO_ENABLED:
            raise CommandError(
                "This prepares a demo. In production run migrate, collectstatic and policy_seed yourself."
            )
        _collect_garbage_seldom()
        call_command("migrate", interactive=False, stdout=self.stdout)
        self._collect()
        # People before policy: policy_seed makes an approver who cannot sign in where there is none.
        call_command("demo_users", url=options["url"], stdout=self.stdout)
        call_command("policy_seed", stdout=self.stdout)
        if options["runs_as"]:
            with Path(options["runs_as"]).open("w", encoding="utf-8") as out:
                call_command("runs_as", stdout=out)

    def _collect(self) -> None:
        """Collect static files unless they are what they were: compressing them takes seconds."""
        stamp = settings.STATIC_ROOT / ".collected"
        digest = _static_digest()
        if stamp.exists() and stamp.read_text() == digest:
            return
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(digest)


def _collect_garbage_seldom() -> None:
    """Let a hundred migrations make their thousands of classes without looking for garbage all the while: a sixth of their time."""
    gc.freeze()
    gc.set_threshold(300_000, 20, 100)


def _static_digest() -> str:
    found = hashlib.sha256(str(settings.STATIC_ROOT).encode())
    for finder in get_finders():
        for path, storage in finder.list([]):
            found.update(f"{path} {storage.size(path)} {storage.get_modified_time(path).timestamp()}\n".encode())
    return found.hexdigest()
