"""What the lists in force say of stored content: caption, text in pictures, transcript, links and hashes, looked through anew.

What detectors made of content (the classifier's scores, what is shown, what was heard) is taken from the last time machines
looked, and is evidence for as long as the same versions of them are in use. Nothing here changes anything.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from moderation.detection.clip import LOOKS_AT
from moderation.detection.hashes.frames import match_frames
from moderation.detection.ocr.detector import read_findings
from moderation.detection.speech.findings import speech_findings
from moderation.detection.terms.detector import TermsDetector
from moderation.detection.terms.unspaced import UnspacedPhrases
from moderation.detection.types import CreatorHistory, Finding, Missing, Picture, Result, Subject
from moderation.detection.vision.detector import vision_findings
from moderation.live.known_clips import clips_sharing_frames
from moderation.live.lists import ListsUnavailable
from moderation.live.onpath import bank_index, lists_run, terms_detector
from moderation.models import Decision, DetectorResult, Item, MediaFile
from moderation.models import Finding as FindingRow
from moderation.models.decision import MACHINE_STAGES
from moderation.verdict.evidence_codec import source_of
from policies.choices import DEEP_DETECTORS, DETECTORS, ItemKind, Outcome
from policies.decision.compiled import CompiledPolicy

#: What these found is a matter of lists, wherever they found it; the rest is a matter of content.
_OF_LISTS = frozenset({"terms", "hashes", "frames", "links"})
#: Makes what another set of prompts says of a file that was looked at before; None where it was not.
Rescore = Callable[[str], Result | None]


@dataclass(frozen=True, slots=True)
class Content:
    """What is known of an item's content.

    Attributes:
        item: with its creator and files.
        seen: the last decision for which machines looked at all of it, with its findings.
        kept: what deep detectors made of its file, by detector.
    """

    item: Item
    seen: Decision
    kept: Mapping[str, DetectorResult]

    @property
    def missing(self) -> Mapping[str, str]:
        """Why detectors gave no answer then."""
        why: Mapping[str, str] = self.seen.evidence["missing"]
        return why

    @property
    def versions(self) -> Mapping[str, str]:
        """Of the detectors that answered then."""
        versions: Mapping[str, str] = self.seen.evidence.get("versions", {})
        return versions


@dataclass(frozen=True, slots=True)
class InUse:
    """The versions of the detectors of content that are in use, by name, and what scores kept frames again."""

    versions: Mapping[str, str]
    rescore: Rescore


@dataclass(frozen=True, slots=True)
class Scanned:
    """One result per detector. `is_whole`: all of the content was at hand, and seen by the versions in use."""

    results: tuple[Result, ...]
    is_whole: bool


def contents_of(items: Sequence[Item]) -> dict[int, Content]:
    """Return what is known of items, by item; one that machines never looked at is not among them. Three statements.

    Args:
        items: with their creators and files.
    """
    by_pk = {item.pk: item for item in items}
    seen = Decision.objects.filter(item__in=by_pk, stage__in=MACHINE_STAGES).prefetch_related("findings").order_by("pk")
    last = {decision.item_id: decision for decision in seen if "context" in decision.evidence}
    contents = contents_seen([(by_pk[pk], decision) for pk, decision in last.items()])
    return {content.item.pk: content for content in contents}


def contents_seen(pairs: Sequence[tuple[Item, Decision]]) -> list[Content]:
    """Return the content of items as decisions saw it, in order; the decisions with their findings."""
    hashes = {item.media.sha256 for item, _ in pairs if item.media}
    kept: defaultdict[tuple[str, str], dict[str, DetectorResult]] = defaultdict(dict)
    for row in DetectorResult.objects.filter(sha256__in=hashes).order_by("pk") if hashes else ():
        kept[row.sha256, row.detector][row.version] = row
    return [Content(item, decision, _load_results(item, decision, kept)) for item, decision in pairs]


def _load_results(
    item: Item, seen: Decision, rows: Mapping[tuple[str, str], Mapping[str, DetectorResult]]
) -> dict[str, DetectorResult]:
    """Return the results that a decision rested on; of a detector that was missing, the newest there is."""
    if item.media is None:
        return {}
    versions = seen.evidence.get("versions", {})
    found = {name: rows.get((item.media.sha256, name), {}) for name in DEEP_DETECTORS}
    return {
        name: row
        for name, by_version in found.items()
        if (
            row := by_version.get(versions[name])
            if name in versions
            else next(iter(list(by_version.values())[::-1]), None)
        )
    }


def scan(content: Content, policy: CompiledPolicy, in_use: InUse) -> Scanned:
    """Return the results that a verdict of now rests on.

    Raises:
        ListsUnavailable: a list cannot be read, so nobody can say what it holds.
    """
    onpath = {result.detector: _require_known(result, content) for result in _lists(content, policy)}
    results = [onpath.get(name) or _content_result(name, content, policy, in_use) for name in DETECTORS]
    return Scanned(tuple(results), all(_is_current(name, content, in_use) for name in DETECTORS))


def _lists(content: Content, policy: CompiledPolicy) -> tuple[Result, ...]:
    return lists_run(subject_of(content.item), policy)


def subject_of(item: Item, *, history: CreatorHistory | None = None) -> Subject:
    """Return a stored item as on-path detectors look at it; without a history, `history` is missing."""
    files = {role: file for role, file in (("media", item.media), ("cover", item.cover)) if file}
    return Subject(
        kind=ItemKind(item.kind),
        caption=item.caption,
        language=item.language_detected or "und",
        region=item.region,
        file_hashes={role: file.sha256 for role, file in files.items()},
        pictures=tuple(_picture_of(role, file) for role, file in files.items() if file.pdq),
        history=history,
    )


def _picture_of(role: str, file: MediaFile) -> Picture:
    """Return a picture by the hash that was computed at upload; its pixels are not needed again."""
    return Picture(role, file.sha256, np.empty((0, 0, 3), np.uint8), (file.pdq, file.pdq_quality or 0))


def _require_known(result: Result, content: Content) -> Result:
    """Return a list's result. One that has no answer now and had one then is no evidence of anything."""
    if result.missing and result.detector not in content.missing:
        raise ListsUnavailable(f"{result.detector} has no answer now: {result.missing.why}")
    return result


def _content_result(name: str, content: Content, policy: CompiledPolicy, in_use: InUse) -> Result:
    """Return a result as it was, with what lists say of it now in the place of what they said."""
    why = content.missing.get(name)
    stored = [row for row in content.seen.findings.all() if source_of(row.detector, row.where) == name]
    findings = [_finding(row) for row in stored if row.detector not in _OF_LISTS]
    version = content.versions.get(name, "")
    kept = content.kept.get(name)
    if kept is not None:
        findings += _find_in(name, kept.payload, policy, content.item)
    elif name in DEEP_DETECTORS:  # its text or its hashes are gone: what lists found in them stands
        findings += [_finding(row) for row in stored if row.detector in _OF_LISTS]
    if name == "vision" and why is None and version != in_use.versions.get(name):
        again = in_use.rescore(content.item.media.sha256) if content.item.media else None
        if again:
            version, findings = again.version, list(vision_findings(again.payload))
    return Result(name, version, findings=tuple(findings), missing=Missing(name, why) if why else None)


def _is_current(name: str, content: Content, in_use: InUse) -> bool:
    """Whether what is known of one detector's content is what the version in use says. What it lists has no version here."""
    if name in content.missing or name not in in_use.versions:
        return True
    if name in DEEP_DETECTORS:
        if content.item.media is None or content.item.kind not in LOOKS_AT[name]:
            return True
        if name == "vision":
            return (
                content.versions.get(name) == in_use.versions[name]
                or in_use.rescore(content.item.media.sha256) is not None
            )
        return name in content.kept and content.versions.get(name) == in_use.versions[name]
    return content.versions.get(name) == in_use.versions[name]


def _finding(row: FindingRow) -> Finding:
    hard = None if row.hard is None else Outcome(row.hard)
    return Finding(row.detector, row.detector_version, row.category, row.score, row.where, hard)


# --- what lists say of what was read, heard and seen ---------------------------------------------------------------


def _find_in(name: str, payload: Mapping[str, Any], policy: CompiledPolicy, item: Item) -> Sequence[Finding]:
    if name == "frames" and "frames" in payload:
        return match_frames(payload, bank_index(policy), clips_sharing_frames)
    return terms_in(name, payload, terms_detector(policy), item.language_detected or "und")


def terms_in(name: str, payload: Mapping[str, Any], detector: TermsDetector, language: str) -> Sequence[Finding]:
    """Return the terms in what `ocr` read or `speech` heard; nothing of what another detector made.

    Args:
        language: of the item; what was heard has its own.
    """
    if name == "ocr" and payload.get("lines"):
        return read_findings(payload, partial(text_scan, detector, language))
    if name == "speech" and payload.get("segments"):
        spoken = payload.get("language", "und")
        return speech_findings(payload, lambda words, where: text_scan(detector, spoken, words, where))
    return ()


def text_scan(detector: TermsDetector, language: str, text: str, where: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Return what term lists say of a text; one that was read from a picture may have lost its spaces."""
    found = detector.findings_for(text, where, language)
    if where.get("source") != "ocr":
        return found
    known = {f.category for f in found}
    joined = _phrases(detector).findings_for(text, where)
    return found + tuple(f for f in joined if f.category not in known)


@lru_cache(maxsize=4)
def _phrases(detector: TermsDetector) -> UnspacedPhrases:
    return UnspacedPhrases.of(detector)
