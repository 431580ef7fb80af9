"""What heard words mean: `terms` and `text` over each segment and over neighbours together, with the times they were said."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

from moderation.detection.text.detector import TextDetector
from moderation.detection.types import Finding, Missing, Result

#: Reads a text, given where it stands and its language.
Scan = Callable[[str, Mapping[str, Any], str], Sequence[Finding]]
#: Neighbouring segments read as one text: a sentence may go over two, rarely three.
_NEIGHBOURS = (2, 3)
#: Segments with more silence than this between them are not one sentence.
_APART_MS = 4_000
#: Findings kept of one detector and category, the highest; the verdict takes the highest anyway.
_MAX_FINDINGS = 8


def speech_result(result: Result, terms: Scan, text: TextDetector | None) -> Result:
    """Return a transcript's result with what the text detectors find in it.

    `text`: None where the policy does not ask it. Where it is asked and cannot read what was said, speech is missing: words
    that nobody judged are not harmless.
    """
    payload = result.payload
    segments, language = payload.get("segments", ()), payload.get("language", "und")
    if not segments:
        return result
    findings = speech_findings(payload, lambda words, where: terms(words, where, language))
    missing = result.missing
    if text is not None:
        missing = missing or _unread(text, segments, language)
        if _unread(text, segments, language) is None:
            findings += speech_findings(payload, lambda words, where: text.findings_for(words, where, language))
    return replace(result, findings=findings, missing=missing)


def _unread(text: TextDetector, segments: Sequence[Mapping[str, Any]], language: str) -> Missing | None:
    """Return why the classifier cannot judge the words, or None where it can."""
    if text.model is None:
        return Missing("speech", "not_configured", "there is no text classifier to judge what was said")
    if not text.reads(" ".join(s["text"] for s in segments), language):
        return Missing("speech", "unsupported", f"the text classifier does not read {language}")
    return None


def speech_findings(
    payload: Mapping[str, Any], scan: Callable[[str, Mapping[str, Any]], Sequence[Finding]]
) -> tuple[Finding, ...]:
    """Return what a text detector finds in the segments, each with the time it was said.

    Where what was found has a span, the times are narrowed to the segments that the span touches, and `at_ms` tells where in them
    it lies, by the share of letters before it.
    """
    segments = payload["segments"]
    found = [f for segment in segments for f in _read([segment], scan)]
    for n in _NEIGHBOURS:
        for i in range(len(segments) - n + 1):
            group = segments[i : i + n]
            if all(b["start_ms"] - a["end_ms"] <= _APART_MS for a, b in pairwise(group)):
                found += _beyond(_read(group, scan), found)
    return tuple(_highest(found))


def _read(
    group: Sequence[Mapping[str, Any]], scan: Callable[[str, Mapping[str, Any]], Sequence[Finding]]
) -> list[Finding]:
    """Return what is found in some segments read as one text."""
    text = " ".join(s["text"] for s in group)
    where = {"source": "speech", "start_ms": group[0]["start_ms"], "end_ms": group[-1]["end_ms"], "segment": text}
    return [replace(f, where=_time(f.where, group) | {"n_segments": len(group)}) for f in scan(text, where)]


def _time(where: Mapping[str, Any], group: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return where something was found with the times of the segments that its span touches."""
    if "span" not in where:
        return dict(where)
    begin, end = where["span"]
    ends = list(accumulate(len(s["text"]) + 1 for s in group))
    first = next(i for i, until in enumerate(ends) if begin < until)
    last = next(i for i, until in enumerate(ends) if end <= until)
    segment, before = group[first], ends[first - 1] if first else 0
    share = (begin - before) / max(1, len(segment["text"]))
    at = segment["start_ms"] + share * (segment["end_ms"] - segment["start_ms"])
    return {**where, "start_ms": segment["start_ms"], "end_ms": group[last]["end_ms"], "at_ms": round(at)}


def _beyond(found: Sequence[Finding], known: Sequence[Finding]) -> list[Finding]:
    """Return what several segments together say that none, or fewer, of them say as clearly."""
    return [f for f in found if not any(_says(k, f) for k in known)]


def _says(known: Finding, other: Finding) -> bool:
    """Return whether a finding, at a time within the other's, says at least as much."""
    a, b = known.where, other.where
    # What an emergency term says counts only while it is in force: the version's own finding is kept beside it.
    is_same = (*_key(known), known.hard) == (*_key(other), other.hard)
    overlaps = a["start_ms"] < b["end_ms"] and b["start_ms"] < a["end_ms"]
    return is_same and overlaps and known.score >= other.score


def _key(finding: Finding) -> tuple[str, str, str]:
    """Return the detector, the category, and the emergency term where one found it."""
    return finding.detector, finding.category, finding.where.get("emergency", "")


def _highest(found: Sequence[Finding]) -> list[Finding]:
    """Return the highest findings of each detector and category (and emergency term), in the order of time."""
    kept: dict[tuple[str, str, str], int] = {}
    chosen = []
    for finding in sorted(found, key=lambda f: (-(f.hard or 0), -f.score, f.where["start_ms"])):
        key = _key(finding)
        kept[key] = kept.get(key, 0) + 1
        if kept[key] <= _MAX_FINDINGS:
            chosen.append(finding)
    return sorted(chosen, key=lambda f: (f.where["start_ms"], f.where["end_ms"]))
