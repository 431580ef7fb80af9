"""What a job's holder is told beside the evidence, in words: why this one, why it was raised, what was left or asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.contrib.auth.models import User
from django.utils.dateparse import parse_datetime

from moderation.models import Job, JobNote, Report
from moderation.models.job_note import NoteKind
from moderation.reports.queries import ReporterRecord, reporter_records
from moderation.review.queries import JobPage
from moderation.verdict.job_order import Place, say_why


@dataclass(frozen=True, slots=True)
class Told:
    """One line for the holder of a job."""

    at: datetime
    text: str
    by: str
    is_raise: bool


def why_next(job: Job, names: Mapping[str, str], now: datetime) -> str:
    """Return the line that says why this job and no other."""
    place = Place(job.due_at, job.claim_by, job.harm, job.is_imminent)
    return say_why(place, subject=names.get(job.category, job.category).lower(), now=now)


def notes_told(notes: Sequence[JobNote], names: Mapping[str, str]) -> list[Told]:
    """Return the notes of a job in words, the newest first."""
    return [
        Told(
            note.created_at,
            say_raised(note, names) if note.kind == NoteKind.RAISED else note.text,
            note.author.get_username() if note.author else "",
            note.kind == NoteKind.RAISED,
        )
        for note in notes
    ]


def reports_told(user: User, page: JobPage) -> list[tuple[Report, ReporterRecord | None]]:
    """Return the reports of a job's item, each with what is known of its reporter."""
    records = reporter_records(user, page.reports, but=page.item)
    return [(report, records.get(report.reporter)) for report in page.reports]


def say_raised(note: JobNote, names: Mapping[str, str]) -> str:
    """Return from where to where a job went and why: `Reported by a trusted flagger: now Self-harm, due at 14:30.`"""
    data = note.data
    said = []
    if data.get("category") != data.get("was_category"):
        now_is, was = (
            names.get(data.get(key, ""), data.get(key, "")) or "nothing named" for key in ("category", "was_category")
        )
        said.append(f"now {now_is} (was {was})")
    if data.get("queue") != data.get("was_queue"):
        said.append(f"in the queue {data.get('queue')} (was {data.get('was_queue')})")
    due_at = parse_datetime(str(data.get("due_at", "")))
    if due_at and data.get("due_at") != data.get("was_due_at"):
        said.append(f"due at {due_at.astimezone(UTC):%H:%M} UTC")
    if data.get("is_imminent") and not data.get("was_is_imminent"):
        said.append("goes first")
    return f"{note.text}: {', '.join(said) or 'more urgent than it was'}."
