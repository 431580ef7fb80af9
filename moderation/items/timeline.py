"""The evidence timeline: what was heard, read and seen in a clip, as one list by time. Pure functions over findings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

#: Where a finding comes from, in the order of the timeline's lanes.
TRACKS = ("speech", "ocr", "vision", "frames")
#: Two moments of the same thing that are nearer than this are one.
_JOIN_MS = 1_000
#: What a finding's `where` calls its start and its end, the most exact first.
_STARTS = ("run_from_ms", "at_ms", "start_ms", "frame_ms")
_ENDS = ("run_until_ms", "end_ms", "until_ms")


class Timed(Protocol):
    """A finding, stored or fresh."""

    detector: str
    category: str
    score: float
    hard: Any
    where: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """One stretch of a clip in which something was found. Times in ms from its start; `until_ms` may equal `start_ms`.

    `what` is what was said, read, recognised or known; `hard` the outcome that policy fixes for it, None for ordinary findings;
    `n_findings` how many became one.
    """

    track: str
    start_ms: int
    until_ms: int
    category: str
    score: float
    detector: str
    what: str
    hard: int | None = None
    n_findings: int = 1


def timeline(findings: Iterable[Timed]) -> list[Moment]:
    """Return the moments of all findings that have a time, by time, then lane, then score.

    What is the same (lane, category and words) and touches in time is one moment, with the highest score of all.
    """
    moments = sorted(filter(None, map(moment_of, findings)), key=lambda m: (m.start_ms, m.until_ms))
    open_at: dict[tuple[str, str, str], int] = {}
    merged: list[Moment] = []
    for moment in moments:
        key = (moment.track, moment.category, moment.what.casefold())
        at = open_at.get(key)
        if at is not None and moment.start_ms <= merged[at].until_ms + _JOIN_MS:
            merged[at] = _join(merged[at], moment)
        else:
            open_at[key] = len(merged)
            merged.append(moment)
    return sorted(merged, key=lambda m: (m.start_ms, TRACKS.index(m.track), -(m.hard or 0), -m.score, m.what))


def worst_moment(findings: Iterable[Timed]) -> int | None:
    """Return where (ms) the strongest of the findings that have a time is; the first of equals, None where none has one."""
    moments = list(filter(None, map(moment_of, findings)))
    worst = max(moments, key=lambda m: (m.hard or 0, m.score, -m.start_ms), default=None)
    return worst.start_ms if worst else None


def moment_of(finding: Timed) -> Moment | None:
    """Return when and where a finding is in the clip; None for one without a time, such as a word of the caption."""
    where = finding.where
    track = str(where.get("source", finding.detector))
    start = _first_time(where, _STARTS)
    if track not in TRACKS or start is None:
        return None
    until = _first_time(where, _ENDS)
    return Moment(
        track=track,
        start_ms=start,
        until_ms=start if until is None else max(start, until),
        category=finding.category,
        score=float(finding.score),
        detector=finding.detector,
        what=_what(track, where),
        hard=None if finding.hard is None else int(finding.hard),
    )


def _first_time(where: Mapping[str, Any], names: Sequence[str]) -> int | None:
    """Return the first of these that is there, in ms; None where it is no time."""
    value = next((where[name] for name in names if name in where), None)
    is_time = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    return int(value) if is_time and value is not None else None


def _what(track: str, where: Mapping[str, Any]) -> str:
    if track == "frames":
        return str(where.get("clip") or where.get("bank") or "")
    if track == "vision":
        return str(where.get("prompt", ""))
    return str(where.get("text") or where.get("segment") or where.get("line") or "")


def _join(a: Moment, b: Moment) -> Moment:
    higher = a if a.score >= b.score else b
    return replace(
        a,
        until_ms=max(a.until_ms, b.until_ms),
        score=higher.score,
        detector=higher.detector,
        hard=max((hard for hard in (a.hard, b.hard) if hard is not None), default=None),
        n_findings=a.n_findings + b.n_findings,
    )
