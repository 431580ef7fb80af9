"""`manage.py demo_fill --url URL`: fill the demo through the public API, as a platform would, and let a day happen in it."""

import json
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from console.demo.accounts import PEOPLE, accounts_read
from console.demo.catalogue import LATE, PILE, REPORTS, Upload, uploads, wave_uploads
from console.demo.client import Client
from console.demo.content import bank_file, content_make, first_copy
from console.demo.day import cast, desk
from console.demo.day.morning import morning_live
from console.demo.day.reports import reports_send
from console.demo.day.viewers import viewers_watch
from console.demo.progress import stage
from console.demo.start import CONTENT
from console.demo.start import FILLED as MARKER
from moderation.banks.matches import matches_collect
from moderation.calibration.service import scores_summarise
from moderation.models import Campaign, HashMatch, Item
from moderation.models.item import DeepState

#: Longest wait for the slow models to look at everything; past it the rest goes on in the background.
DEEP_WAIT_SECONDS = 300
_LOOK_SECONDS = 0.5


class Command(BaseCommand):
    """Fills the demo."""

    help = "Submit the demo's clips, pictures and texts, let its people's day happen, and say what came of it."

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
                self._fill(settings.VAR_DIR / CONTENT)
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
        everything = uploads(folder)
        self._before_all(folder)
        with stage("This morning: uploads, and what people did with them") as told:
            told.result = f"{morning_live(uploads=everything, now=timezone.now(), seen=told.at)} uploads"
        with stage("Drawing pictures and clips") as told:
            content_make(folder, None, seen=told.at)
            told.result = f"{told.of} files"
        everything = cast.with_creator_in_canary(everything, "demo-clip-bread")
        # What the morning brought was taken in then; to send it again changes nothing.
        early = [*wave_uploads(folder), *(u for u in everything if u.external_id not in LATE)]
        self._submit("Uploading, a wave of copies first", early)
        self.refused += reports_send(self.client, REPORTS)
        self._wait("Examining pictures and clips", early)
        with stage("Reviewers at their desks") as told:
            made = desk.reviewers_decide([name for name, role in PEOPLE.items() if role == "reviewer"])
            desk.first_copy_block()
            told.result = ", ".join(f"{n} {what.lower()}" for what, n in made.items()) or "as before"
        late = [u for u in everything if u.external_id in LATE]
        self._submit("Uploading what comes last", late)
        self.refused += reports_send(self.client, PILE)
        self._wait("Examining it", late)
        self._after_all()
        summary = self._summary(everything)
        self.stdout.write(f"{len(everything)} uploads: {summary}.")
        if not self.refused:
            self.marker.write_text(
                json.dumps({"last": everything[-1].external_id, "summary": summary}), encoding="utf-8"
            )

    def _before_all(self, folder: Path) -> None:
        with stage("People, languages, versions and banks") as told:
            now = timezone.now()
            n_seats = cast.seats_take(now)
            cast.flaggers_register(now)
            cast.versions_begin(now)
            content_make(folder, [bank_file(folder), first_copy(folder)])
            call_command("banks_load", bank_file(folder), stdout=StringIO())
            cast.first_copy_bank(folder)
            told.result = f"{len(PEOPLE)} people, {n_seats} of them at desks"

    def _submit(self, what: str, wanted: Sequence[Upload]) -> None:
        with stage(what) as told:
            for n, upload in enumerate(wanted, start=1):
                self._send(upload)
                told.at(n, len(wanted))
            told.result = f"{len(wanted)} uploads"

    def _send(self, upload: Upload) -> None:
        if upload.files():
            answer = self.client.post_form("/api/v1/items", upload.fields(), upload.files())
        else:
            answer = self.client.post_json("/api/v1/items", upload.fields())
        if not answer.is_ok:
            self.refused.append(f"{upload.external_id}: {answer.why()}")

    def _wait(self, what: str, everything: Sequence[Upload]) -> None:
        """Wait until the slow models have looked at what they were given, or the time is up."""
        ids = [u.external_id for u in everything if u.kind != "text"]
        waiting, end = len(ids), time.monotonic() + DEEP_WAIT_SECONDS
        with stage(what) as told:
            while waiting and time.monotonic() < end:
                waiting = Item.objects.filter(external_id__in=ids, deep_state=DeepState.QUEUED).count()
                told.at(len(ids) - waiting, len(ids))
                if waiting:
                    time.sleep(_LOOK_SECONDS)
            told.result = f"{len(ids) - waiting} of {len(ids)}" if waiting else f"{len(ids)} files"
        if waiting:
            self.stdout.write(f"{waiting} are still queued; they go on in the background.")

    def _after_all(self) -> None:
        with stage("Viewers scroll and react") as told:
            n_events, refused = viewers_watch(self.client, timezone.now())
            self.refused += refused
            told.result = f"{n_events} events"
        with stage("Counting what was found, and going back to work") as told:
            now = timezone.now()
            matches_collect(now=now)
            scores_summarise(now=now)
            n_busy = desk.people_begin()
            found = f"{HashMatch.objects.count()} matches, {Campaign.objects.count()} waves of copies"
            told.result = f"{found}, {n_busy} people in the middle of a job"

    def _summary(self, everything: Sequence[Upload]) -> str:
        states = Counter((self.client.item(u.external_id).body or {}).get("outcome") or "refused" for u in everything)
        return ", ".join(f"{n} {outcome.lower()}" for outcome, n in states.most_common())
