"""`manage.py banks_add_media BANK FILE...`: add files to a bank: a still by its PDQ, a clip by its frames, each by its SHA-256."""

import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from moderation.banks.service import NewClip, NewEntry, bank_add_clip, bank_add_entries, bank_upsert
from moderation.detection.hashes.pdq import PDQ_MIN_QUALITY
from moderation.detection.media.limits import MediaExaminationFailed, MediaRejected
from moderation.detection.media.sandbox import examine
from moderation.detection.media.sniff import HEAD_BYTES, sniff
from moderation.detection.media.stills import picture_of
from moderation.detection.media.storage import hash_file
from moderation.exceptions import BankInvalid
from moderation.models import HashBank
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
            found = [hashes_of(file) for file in options["files"]]
            outcome = Outcome[options["outcome"]]
            with transaction.atomic():
                bank = bank_upsert(actor="command", slug=options["bank"], category=options["category"], outcome=outcome)
                n_new = sum(_add(bank, hashes) for hashes in found)
        except (BankInvalid, MediaRejected, MediaExaminationFailed, OSError) as error:
            raise CommandError(f"{error} Nothing was stored.") from error
        n = sum(len(h.values) + 1 if isinstance(h, NewClip) else len(h) for h in found)
        self.stdout.write(f"{options['bank']}: {n_new} new of {n} hashes")


def _add(bank: HashBank, hashes: NewClip | list[NewEntry]) -> int:
    if isinstance(hashes, NewClip):
        return bank_add_clip(actor="command", bank=bank, clip=hashes)
    return bank_add_entries(actor="command", bank=bank, entries=hashes)


def hashes_of(path: Path) -> NewClip | list[NewEntry]:
    """Return the hashes that stand for a file: a clip with its frames in their order, or a still.

    Frames with too little structure for PDQ are left out; a clip of nothing else is known by its file alone.

    Raises:
        MediaRejected, MediaExaminationFailed: it cannot be decoded.
    """
    with path.open("rb") as file:
        sha256, _ = hash_file(file)
        kind = sniff(file.read(HEAD_BYTES))
    whole = NewEntry("sha256", sha256, path.name)
    if kind.family == "image":
        picture, _ = picture_of(path, role="media", sha256=sha256)
        is_usable = picture.pdq and picture.pdq[1] >= PDQ_MIN_QUALITY
        return [whole, NewEntry("pdq", picture.pdq[0], path.name)] if picture.pdq and is_usable else [whole]
    with tempfile.TemporaryDirectory(prefix="gh-bank-") as folder:
        frames = [f for f in examine(path, Path(folder), want_audio=False).track if f.quality >= PDQ_MIN_QUALITY]
    if not frames:
        return [whole]
    return NewClip(sha256, path.name, tuple(f.ms for f in frames), tuple(f.pdq for f in frames))
