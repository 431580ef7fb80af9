"""The deep pass: takes a file apart, runs the slow detectors (or finds their results), and decides again on all evidence.

Results are kept per file and detector version without any policy in them, so a second pass costs a few look-ups.
"""

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from PIL import Image

from moderation.bank_selectors import known_clips
from moderation.detectors.base import Finding, Missing, Picture, Result, Subject
from moderation.detectors.deep import ClipSubject, DeepDetector
from moderation.detectors.frames import FramesDetector, match_frames
from moderation.detectors.ocr import OcrDetector
from moderation.detectors.pdq import pdq_of
from moderation.detectors.speech import SpeechDetector
from moderation.detectors.terms import TermsDetector
from moderation.detectors.unspaced import UnspacedPhrases
from moderation.detectors.vision import VisionDetector, shown_findings
from moderation.judge import Context, judge
from moderation.media.confined import SampledFrame, examine
from moderation.media.limits import MediaRejected
from moderation.media.stills import decode_image
from moderation.media.storing import local_copy
from moderation.metrics import deep_age_seconds, verdict_total
from moderation.models import DetectorResult, Item, MediaFile, OutboxMessage
from moderation.models.decision import DecisionStage
from moderation.models.item import DeepState
from moderation.onpath import bank_index, onpath_run, terms_detector, text_detector
from moderation.selectors import creator_history
from moderation.services.decisions import decision_by_machine
from moderation.services.frame_vectors import FrameVectors
from moderation.services.outbox import message_done
from moderation.services.passages import read_result
from moderation.speech.loading import OFF
from moderation.speech.reading import heard_result
from moderation.vision_selectors import folder_in_use, prompts_in_force
from policies.choices import ItemKind
from policies.compiled import CompiledPolicy
from policies.selectors import compiled_active

log = structlog.get_logger(__name__)
Status = DetectorResult.Status

#: Off the path nobody waits, so the on-path detectors get all the time they may need.
_UNHURRIED_SECONDS = 5.0
#: Missing for one of these reasons may be there at the next attempt.
_PASSING = frozenset({"late", "failed", "open_circuit"})
#: Missing for one of these reasons is an answer about the file: it is kept like any other.
_LASTING = frozenset({"uncertain", "unsupported"})
#: Long side in pixels at which stills are read.
_READ_SIDE = 960


class EvidenceIncomplete(Exception):
    """A required detector is missing for a reason that may pass; the message is tried again."""


def item_examine(message: OutboxMessage) -> None:
    """Examine the message's item and decide it again on all evidence.

    1. run or find the deep detectors' results, outside any transaction,
    2. run the on-path detectors again, without hurry: what was late at upload is there now,
    3. before the last attempt, what may still come is waited for,
    4. decide, mark the item and finish the message, in one transaction.

    Raises:
        EvidenceIncomplete, MediaExaminationFailed, OSError: the attempt failed and is repeated by the outbox.
    """
    item = Item.objects.select_related("media", "cover", "creator", "current_decision").get(pk=message.item_id or 0)
    policy = compiled_active()
    results = [*_onpath_results(item, policy), *_deep_results(item, policy)]
    is_last = message.attempts >= settings.OUTBOX_MAX_ATTEMPTS
    if not is_last:
        _check_complete(results, policy, item.kind)
    judgement = judge(results, context_of(item), policy)
    with transaction.atomic():
        now = timezone.now()
        decision_by_machine(
            item=item, judgement=judgement, policy=policy, stage=DecisionStage.DEEP, is_final=True, now=now
        )
        Item.objects.filter(pk=item.pk).exclude(deep_state=DeepState.NOT_NEEDED).update(deep_state=DeepState.DONE)
        message_done(message=message, now=now)
    deep_age_seconds.labels("decided").observe((now - item.created_at).total_seconds())
    verdict_total.labels(judgement.outcome.name, judgement.decided_by).inc()


def _check_complete(results: list[Result], policy: CompiledPolicy, kind: int) -> None:
    waiting = [
        f"{r.detector} ({r.missing.why})"
        for r in results
        if r.missing and r.missing.why in _PASSING and policy.counts(r.detector, kind) and not r.payload.get("is_final")
    ]
    if waiting:
        raise EvidenceIncomplete(f"missing for now: {', '.join(waiting)}")


def context_of(item: Item) -> Context:
    """Return what a verdict on an item depends on besides evidence, as things stand now."""
    return Context(
        kind=item.kind,
        market=item.region,
        language=item.language,
        claim=item.audience_claim,
        standing=item.creator.standing,
    )


def _onpath_results(item: Item, policy: CompiledPolicy) -> tuple[Result, ...]:
    files = {role: file for role, file in (("media", item.media), ("cover", item.cover)) if file}
    subject = Subject(
        kind=ItemKind(item.kind),
        caption=item.caption,
        language=item.language_detected or "und",
        region=item.region,
        file_hashes={role: file.sha256 for role, file in files.items()},
        pictures=tuple(_hashed(role, file) for role, file in files.items() if file.pdq),
        history=creator_history(item.creator.external_id, timezone.now()),
    )
    return onpath_run(subject, policy, deadline_seconds=_UNHURRIED_SECONDS)


def _hashed(role: str, file: MediaFile) -> Picture:
    """Return a picture by the hash that was computed at upload; its pixels are not needed again."""
    return Picture(role, file.sha256, np.empty((0, 0, 3), np.uint8), (file.pdq, file.pdq_quality or 0))


# --- deep detectors ----------------------------------------------------------------------------------------------


def deep_detectors() -> tuple[DeepDetector, ...]:
    """Return the slow detectors as configured."""
    return (
        FramesDetector(),
        OcrDetector(),
        SpeechDetector(settings.WHISPER_MODEL_PATH, Path(settings.MODELS_FOLDER), settings.WHISPER_DEVICE),
        VisionDetector(folder_in_use(), prompts_in_force(), FrameVectors()),
    )


@dataclass
class _Workbench:
    """One file on the bench: it is fetched and taken apart when the first detector without a kept result asks."""

    file: MediaFile
    kind: ItemKind
    stack: ExitStack
    clip: ClipSubject | None = None
    rejected: MediaRejected | None = field(default=None)

    def subject(self) -> ClipSubject:
        """Return the file taken apart.

        Raises:
            MediaRejected: it cannot be decoded, now or ever.
        """
        if self.rejected:
            raise self.rejected
        if self.clip is None:
            try:
                self.clip = self._taken_apart()
            except MediaRejected as error:
                self.rejected = error
                raise
        return self.clip

    def _taken_apart(self) -> ClipSubject:
        path = self.stack.enter_context(local_copy(self.file.storage_key))
        workdir = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="gh-deep-")))
        if not self.file.is_video:
            return ClipSubject(self.kind, self.file.sha256, (_still(path, workdir),), None, has_audio=False)
        taken = examine(path, workdir, want_audio=settings.WHISPER_MODEL_PATH != OFF)
        return ClipSubject(self.kind, self.file.sha256, taken.frames, taken.audio, taken.probe.has_audio)


def _still(path: Path, workdir: Path) -> SampledFrame:
    """Return an image as a clip of one frame."""
    pixels = decode_image(path, side=_READ_SIDE).pixels
    copy = workdir / "still.jpg"
    Image.fromarray(pixels).save(copy, "JPEG", quality=92)
    return SampledFrame(0, "scene", copy, *pdq_of(decode_image(path).pixels))


def _deep_results(item: Item, policy: CompiledPolicy) -> list[Result]:
    """Return one result per deep detector that looks at this kind of item."""
    if item.media is None:
        return [Result(d.name, d.version, not_applicable=True) for d in deep_detectors()]
    with ExitStack() as stack:
        bench = _Workbench(item.media, ItemKind(item.kind), stack)
        return [_interpreted(_result(d, bench), policy, item) for d in deep_detectors()]


def _result(detector: DeepDetector, bench: _Workbench) -> Result:
    """Return a kept result of this file and version, or run the detector and keep what it gives."""
    if bench.kind not in detector.kinds:
        return Result(detector.name, detector.version, not_applicable=True)
    if not detector.is_configured:
        return Result(detector.name, detector.version, missing=Missing(detector.name, "not_configured"))
    kept = DetectorResult.objects.filter(
        sha256=bench.file.sha256, detector=detector.name, version=detector.version
    ).first()
    if kept:
        return _restored(kept)
    started = timezone.now()
    result = _run_again(detector, bench.file) or _run(detector, bench)
    seconds = (timezone.now() - started).total_seconds()
    deep_age_seconds.labels(detector.name).observe(seconds)
    if result.missing is None or result.missing.why in _LASTING:
        _keep(result, bench.file, seconds)
    return result


def _run_again(detector: DeepDetector, file: MediaFile) -> Result | None:
    """Return what a detector makes of a file that it has looked at before: other prompts need no second look."""
    return detector.rerun(file.sha256) if isinstance(detector, VisionDetector) else None


def _run(detector: DeepDetector, bench: _Workbench) -> Result:
    """Run a detector; a file that cannot be decoded is final, anything else is tried again."""
    try:
        return detector.run(bench.subject())
    except MediaRejected as error:
        missing = Missing(detector.name, "failed", error.detail)
        return Result(detector.name, detector.version, missing=missing, payload={"is_final": True})


def _keep(result: Result, file: MediaFile, seconds: float) -> None:
    missing, status = result.missing, Status.NOT_APPLICABLE if result.not_applicable else Status.OK
    DetectorResult.objects.get_or_create(
        sha256=file.sha256,
        detector=result.detector,
        version=result.version,
        defaults={
            "status": Status.MISSING if missing else status,
            "why": missing.why if missing else "",
            "payload": {**result.payload, "detail": missing.detail} if missing else dict(result.payload),
            "seconds": seconds,
        },
    )


def _restored(kept: DetectorResult) -> Result:
    missing = Missing(kept.detector, kept.why, kept.payload.get("detail", "")) if kept.why else None
    is_nothing = kept.status == Status.NOT_APPLICABLE
    return Result(kept.detector, kept.version, missing=missing, not_applicable=is_nothing, payload=kept.payload)


@lru_cache(maxsize=2)
def _phrases(detector: TermsDetector) -> UnspacedPhrases:
    return UnspacedPhrases.of(detector)


def _scan(policy: CompiledPolicy, language: str, text: str, where: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Return what the term lists say of a text; one that was read from a picture may have lost its spaces."""
    detector = terms_detector(policy)
    found = detector.findings_for(text, where, language)
    if where.get("source") != "ocr":
        return found
    known = {f.category for f in found}
    joined = _phrases(detector).findings_for(text, where)
    return found + tuple(f for f in joined if f.category not in known)


def _interpreted(result: Result, policy: CompiledPolicy, item: Item) -> Result:
    """Return a result with the findings that follow from its payload under the policy and banks of today."""
    text = text_detector(policy) if policy.counts("text", item.kind) else None
    if result.detector == "speech":  # what was understood counts, also where the rest is missing
        return heard_result(result, lambda words, where, language: _scan(policy, language, words, where), text)
    if result.missing or result.not_applicable:
        return result
    if result.detector == "ocr":
        return read_result(result, partial(_scan, policy, item.language_detected or "und"), text)
    findings: tuple[Finding, ...] = {
        "frames": lambda p: match_frames(p, bank_index(policy), known_clips),
        "vision": shown_findings,
    }[result.detector](result.payload)
    return replace(result, findings=findings)
