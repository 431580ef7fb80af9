"""What is said in a clip, as the newest speech model heard it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, Subquery

from moderation.models import DetectorResult


@dataclass(frozen=True, slots=True)
class Line:
    """One stretch of speech. Times in ms from the clip's start."""

    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """All that was heard, in order; `language` as the model named it, "und" where it could not tell."""

    language: str
    lines: Sequence[Line]


def transcript_column(sha256: str) -> Subquery:
    """Return what was heard in a file as a column, for pages whose queries are counted; `transcript_in` reads it.

    Args:
        sha256: where the row has the hash of its file.
    """
    heard = DetectorResult.objects.filter(sha256=OuterRef(sha256), detector="speech", status="ok").order_by("-pk")
    return Subquery(heard.values("payload")[:1])


def transcript_in(column: Mapping[str, Any] | None) -> Transcript | None:
    """Return what `transcript_column` found; None where no model has listened, or where nothing is said."""
    heard = column or {}
    lines = [Line(s["start_ms"], s["end_ms"], s["text"]) for s in heard.get("segments", ())]
    return Transcript(heard.get("language", "und"), lines) if lines else None
