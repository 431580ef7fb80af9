"""What is said in a clip, as the newest speech model heard it; one query."""

from collections.abc import Sequence
from dataclasses import dataclass

from moderation.models import DetectorResult, Item


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


def transcript_of(item: Item) -> Transcript | None:
    """Return what is said in an item; None where no model has listened to it, or where nothing is said."""
    if item.media is None:
        return None
    heard = DetectorResult.objects.filter(sha256=item.media.sha256, detector="speech", status="ok").order_by("-pk")
    payload = heard.values_list("payload", flat=True).first() or {}
    lines = [Line(s["start_ms"], s["end_ms"], s["text"]) for s in payload.get("segments", ())]
    return Transcript(payload.get("language", "und"), lines) if lines else None
