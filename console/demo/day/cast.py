"""Who is there before anything comes in: people's seats, known reporters, what the bank knows, versions that are under way."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from django.contrib.auth.models import User

from console.demo.catalogue import FLAGGERS, Upload
from console.demo.content import first_copy
from moderation.banks.service import NewEntry, bank_add_entries, bank_upsert
from moderation.detection.media.stills import picture_of
from moderation.detection.media.storage import hash_file
from moderation.models import Reviewer
from moderation.reports.reporters import reporter_known, reporter_register
from moderation.review.seats import seat_save, seat_train
from moderation.rollout.service import canary_start
from policies.choices import Outcome
from policies.document.stored import document_of
from policies.live import rollout
from policies.models import PolicyVersion, VersionState
from policies.services.versions import version_approve, version_create, version_submit

#: Person -> the languages that they read, and the queues that a senior trained them for; none for all.
SEATS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "reviewer": (("de", "en"), ()),
    "reviewer2": (("en", "es", "fr", "pt"), ()),
    "reviewer3": (("en", "ja", "ko", "tr"), ("general", "hate", "hate-german", "spam", "unexamined")),
}
CANARY_PERCENT = 20
#: The bank of what people here have blocked before; a match goes to a person.
SEEN_BANK = "seen-adverts"


def seats_take(now: datetime) -> int:
    """Let reviewers say what they read, and a senior what they are trained for; return how many there are."""
    senior = User.objects.get(username="senior")
    for username, (languages, queues) in SEATS.items():
        person = User.objects.get(username=username)
        if Reviewer.objects.filter(user=person).exists():
            continue
        seat_save(actor=person, languages=languages, opted_out=(), grave_per_day=None, now=now)
        if queues:
            seat_train(actor=senior, username=username, queues=queues, now=now)
    return len(SEATS)


def flaggers_register(now: datetime) -> None:
    """Register those whose reports are trusted."""
    admin = User.objects.get(username="admin")
    for external_id, name in FLAGGERS.items():
        if reporter_known(external_id) is None:
            reporter_register(actor=admin, external_id=external_id, name=name, is_trusted_flagger=True, now=now)


def first_copy_bank(folder: Path) -> int:
    """Put the hash of a picture into a bank, of which copies come later; return how many hashes are new."""
    path = first_copy(folder)
    with path.open("rb") as file:
        sha256, _ = hash_file(file)
    picture, _ = picture_of(path, role="media", sha256=sha256)
    bank = bank_upsert(
        actor="command",
        slug=SEEN_BANK,
        category="spam_scam",
        outcome=Outcome.ESCALATE,
        title="Adverts that were blocked before",
    )
    entries = [NewEntry("pdq", picture.pdq[0], "A market that does not exist, first upload")] if picture.pdq else []
    return bank_add_entries(actor="command", bank=bank, entries=entries)


def versions_begin(now: datetime) -> None:
    """Put the second version in canary, and let an editor's third wait for somebody's approval."""
    editor, approver = (User.objects.get(username=name) for name in ("policy-editor", "policy-approver"))
    second = PolicyVersion.objects.filter(number=2).select_related("author").first()
    if second is None or second.state != VersionState.DRAFT:
        return
    third = {
        **document_of(second),
        "title": "Insults a little earlier",
        "change_note": "Harassment goes to a person from 0.55 on, since viewers report much between 0.55 and 0.60.",
    }
    third["thresholds"] = [
        {**row, "escalate": 0.55} if row["category"] == "harassment" and "market" not in row else row
        for row in third["thresholds"]
    ]
    version_submit(actor=second.author, version=second, note="Measured on last month's uploads.")
    version_approve(actor=approver, version=second, note="Agreed; a fifth of the creators first.")
    canary_start(actor=approver, version=second, percent=CANARY_PERCENT, note="To hear what is said in clips.", now=now)
    version_submit(actor=editor, version=version_create(actor=editor, document=third), note="Please look.")


def with_creator_in_canary(uploads: Iterable[Upload], external_id: str) -> list[Upload]:
    """Return uploads with one of them by a creator whom the version in canary decides on, since only that one listens."""
    return [upload.by(_creator_in_canary()) if upload.external_id == external_id else upload for upload in uploads]


def _creator_in_canary() -> str:
    in_use = rollout()
    names = [f"kitchen.{n}" for n in range(1, 200)]
    return next((name for name in names if in_use.is_in_canary(name)), names[0])
