"""What the lists in force say of stored content: caption, text in pictures, transcript, links and hashes, looked through anew.

What detectors made of content (the classifier's scores, what is shown, what was heard) is taken from the last time machines
looked, and is evidence for as long as the same versions of them are in use. Nothing here changes anything.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from moderation.detection.clip import DeepDetector
from moderation.detection.readers import Readers
from moderation.detection.types import Basis, CreatorHistory, Finding, Missing, Picture, Result, Subject
from moderation.live.detectors import detectors_looking_up, names_resting_on
from moderation.live.lists import ListsUnavailable
from moderation.live.onpath import lists_run, readers_for
from moderation.models import Decision, DetectorResult, Item, MediaFile
from moderation.models import Finding as FindingRow
from moderation.models.decision import MACHINE_STAGES
from moderation.verdict.evidence_codec import source_of
from policies.choices import DEEP_DETECTORS, DETECTORS, ItemKind, Outcome
from policies.decision.compiled import CompiledPolicy


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
    """What looks at content now.

    Attributes:
        versions: of the detectors that rest on content, by name; of one that is not among them, what it found counts as it is.
        deep: the deep ones among them.
        by_name: those that hold lists against what they kept, configured or not.
        of_lists: the detectors whose findings are a matter of lists, wherever they found them; the rest is a matter of content.
    """

    versions: Mapping[str, str]
    deep: Mapping[str, DeepDetector]
    by_name: Mapping[str, DeepDetector] = field(default_factory=detectors_looking_up)
    of_lists: frozenset[str] = field(default_factory=lambda: names_resting_on(Basis.LISTS))


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
    item = content.item
    onpath = {result.detector: _require_known(result, content) for result in lists_run(subject_of(item), policy)}
    readers = readers_for(policy, kind=item.kind, language=item.language_detected or "und")
    results = [onpath.get(name) or _content_result(name, content, readers, in_use) for name in DETECTORS]
    return Scanned(tuple(results), all(_is_current(name, content, in_use) for name in DETECTORS))


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


def _content_result(name: str, content: Content, readers: Readers, in_use: InUse) -> Result:
    """Return a result as it was, with what lists say of it now in the place of what they said."""
    why = content.missing.get(name)
    stored = [row for row in content.seen.findings.all() if source_of(row.detector, row.where) == name]
    findings = [_finding(row) for row in stored if row.detector not in in_use.of_lists]
    version = content.versions.get(name, "")
    kept = content.kept.get(name)
    if kept is not None and name in in_use.by_name:
        findings += in_use.by_name[name].scan(kept.payload, readers)
    elif name in DEEP_DETECTORS:  # its text or its hashes are gone: what lists found in them stands
        findings += [_finding(row) for row in stored if row.detector in in_use.of_lists]
    if why is None and version != in_use.versions.get(name):
        again = _rerun(name, content, in_use)
        if again:
            version, findings = again.version, list(in_use.deep[name].interpret(again, readers).findings)
    return Result(name, version, findings=tuple(findings), missing=Missing(name, why) if why else None)


def _rerun(name: str, content: Content, in_use: InUse) -> Result | None:
    """Return what the detector in use makes of the file without opening it; None where it would have to look again."""
    if content.item.media is None or name not in in_use.deep:
        return None
    return in_use.deep[name].result_from_kept(content.item.media.sha256)


def _is_current(name: str, content: Content, in_use: InUse) -> bool:
    """Whether what is known of one detector's content is what the version in use says. What it lists has no version here."""
    if name in content.missing or name not in in_use.versions:
        return True
    is_seen = content.versions.get(name) == in_use.versions[name]
    detector = in_use.deep.get(name)
    if detector is None:
        return is_seen
    if content.item.media is None or content.item.kind not in detector.kinds:
        return True
    is_at_hand = name in content.kept or not detector.looks_up
    return (is_seen and is_at_hand) or _rerun(name, content, in_use) is not None


def _finding(row: FindingRow) -> Finding:
    hard = None if row.hard is None else Outcome(row.hard)
    return Finding(row.detector, row.detector_version, row.category, row.score, row.where, hard)
