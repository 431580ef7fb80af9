"""`manage.py banks_add_media BANK FILE...`: add files to a bank: a still by its PDQ, a clip by its frames, each by its SHA-256."""

import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.detectors.pdq import PDQ_MIN_QUALITY
from moderation.exceptions import BankInvalid
from moderation.media.confined import examine
from moderation.media.limits import MediaExaminationFailed, MediaRejected
from moderation.media.sniff import HEAD_BYTES, sniff
from moderation.media.stills import picture_of
from moderation.media.storing import hash_file
from moderation.services.banks import NewEntry, bank_add_entries, bank_upsert
from policies.choices import Outcome


class Command(BaseCommand):
    """Adds media to a bank."""

    help = "Add files to a hash bank, which is made where it is new."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the bank, the files, and what a new bank is about."""
        parser.add_argument("bank")
        parser.add_argument("files", nargs="+", type=Path)
        parser.add_argument("--category", default="dangerous_acts")
        parser.add_argument("--outcome", default="BLOCK", choices=["RESTRICT", "ESCALATE", "HOLD", "BLOCK"])

    def handle(self, *args: Any, **options: Any) -> None:
        """Hash the files, then add them all."""
        try:
            entries = [entry for file in options["files"] for entry in entries_of(file)]
            outcome = Outcome[options["outcome"]]
            bank = bank_upsert(actor="command", slug=options["bank"], category=options["category"], outcome=outcome)
            n_new = bank_add_entries(actor="command", bank=bank, entries=entries)
        except (BankInvalid, MediaRejected, MediaExaminationFailed, OSError) as error:
            raise CommandError(f"{error} Nothing was stored.") from error
        self.stdout.write(f"{options['bank']}: {n_new} new of {len(entries)} hashes")


def entries_of(path: Path) -> list[NewEntry]:
    """Return the hashes that stand for a file. Frames with too little structure for PDQ are left out.

    Raises:
        MediaRejected, MediaExaminationFailed: it cannot be decoded.
    """
    with path.open("rb") as file:
        sha256, _ = hash_file(file)
        kind = sniff(file.read(HEAD_BYTES))
    entries = [NewEntry("sha256", sha256, path.name)]
    if kind.family == "image":
        picture, _ = picture_of(path, role="media", sha256=sha256)
        hashes = {picture.pdq[0]: path.name} if picture.pdq and picture.pdq[1] >= PDQ_MIN_QUALITY else {}
    else:
        with tempfile.TemporaryDirectory(prefix="gh-bank-") as folder:
            frames = examine(path, Path(folder), want_audio=False).frames
        hashes = {f.pdq: f"{path.name} at {f.ms} ms" for f in frames if f.quality >= PDQ_MIN_QUALITY}
    return entries + [NewEntry("pdq", value, note) for value, note in hashes.items()]
