"""`manage.py demo_fill --url URL`: fill the demo through the public API, as a platform would."""

import json
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from console.demo.accounts import PEOPLE, accounts_read
from console.demo.catalogue import Upload, uploads
from console.demo.client import Client
from console.demo.content import bank_file, content_make
from console.demo.day import reports_send, reviewers_decide, viewers_watch

#: Longest wait for the slow models to look at everything; past it the rest goes on in the background.
DEEP_WAIT_SECONDS = 300
MARKER = "demo-filled.json"


class Command(BaseCommand):
    """Fills the demo."""

    help = "Submit the demo's clips, pictures and texts over HTTP, let a first day happen, and say what came of it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take where the API answers."""
        parser.add_argument("--url", default="", help="default: what var/demo.json says")
        parser.add_argument("--again", action="store_true", help="go through all steps although they were done before")

    def handle(self, *args: Any, **options: Any) -> None:
        """Go through the steps; each is safe to repeat."""
        if not settings.DEMO_ENABLED:
            raise CommandError("The demo is filled only where DEMO_ENABLED is set.")
        accounts = accounts_read(settings.VAR_DIR / "demo.json")
        if accounts is None:
            raise CommandError("Run `manage.py demo_users` first: there is no var/demo.json.")
        self.client = Client(options["url"] or accounts.url, accounts.api_key)
        self.marker = settings.VAR_DIR / MARKER
        self.refused: list[str] = []
        try:
            if options["again"] or not self._is_filled():
                self._fill(settings.VAR_DIR / "demo-content")
        except OSError as error:
            raise CommandError(f"{error} The demo can be filled again at any time; nothing is lost.") from error
        if self.refused:
            raise CommandError("Refused:\n  " + "\n  ".join(self.refused), returncode=1)

    def _is_filled(self) -> bool:
        """Say so where an earlier run came to its end on this database."""
        try:
            before = json.loads(self.marker.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        if not self.client.item(before["last"]).is_ok:
            return False
        self.stdout.write(f"The demo is filled: {before['summary']}.")
        return True

    def _fill(self, folder: Path) -> None:
        bank = bank_file(folder)
        content_make(folder, [bank])
        call_command("banks_load", bank, stdout=self.stdout)
        everything = uploads(folder)
        for n, upload in enumerate(everything, start=1):
            self._line(f"Drawing and uploading: {n} of {len(everything)}")
            # Drawn one by one, so that the slow models are at work on the first while the next is drawn.
            content_make(folder, upload.files().values())
            self._submit(upload)
        self.refused += reports_send(self.client)
        self._wait(everything)
        decided = reviewers_decide([name for name, role in PEOPLE.items() if role == "reviewer"])
        n_events, refused = viewers_watch(self.client, timezone.now())
        self.refused += refused
        summary = self._summary(everything)
        self._end_line()
        self.stdout.write(f"{len(everything)} uploads: {summary}.")
        people = ", ".join(f"{n} {what.lower()}" for what, n in decided.items()) or "as before"
        self.stdout.write(f"{n_events} events of viewers; reviewers' decisions: {people}.")
        if not self.refused:
            self.marker.write_text(
                json.dumps({"last": everything[-1].external_id, "summary": summary}), encoding="utf-8"
            )

    def _submit(self, upload: Upload) -> None:
        if upload.files():
            answer = self.client.post_form("/api/v1/items", upload.fields(), upload.files())
        else:
            answer = self.client.post_json("/api/v1/items", upload.fields())
        if not answer.is_ok:
            self.refused.append(f"{upload.external_id}: {answer.why()}")

    def _wait(self, everything: list[Upload]) -> None:
        """Wait until the slow models have looked at what they were given, or the time is up."""
        waiting = [u.external_id for u in everything if u.kind != "text"]
        n_all, end = len(waiting), time.monotonic() + DEEP_WAIT_SECONDS
        while waiting and time.monotonic() < end:
            waiting = [i for i in waiting if (self.client.item(i).body or {}).get("deep") == "queued"]
            self._line(f"The slow models look at pictures and clips: {n_all - len(waiting)} of {n_all}")
            if waiting:
                time.sleep(1.0)
        if waiting:
            self._end_line()
            self.stdout.write(f"{len(waiting)} are still queued; they go on in the background.")

    def _summary(self, everything: list[Upload]) -> str:
        states = Counter((self.client.item(u.external_id).body or {}).get("outcome") or "refused" for u in everything)
        return ", ".join(f"{n} {outcome.lower()}" for outcome, n in states.most_common())

    def _line(self, text: str) -> None:
        """Show progress on one line where somebody watches; logs get none of it."""
        if sys.stdout.isatty():
            self.stdout.write(f"\r\033[K{text}", ending="")
            self.stdout.flush()

    def _end_line(self) -> None:
        if sys.stdout.isatty():
            self.stdout.write("\r\033[K", ending="")
