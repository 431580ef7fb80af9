"""The deep pass: runs the slow detectors on a file (or finds their results), and decides again on all evidence.

Results are kept per file and detector version without any policy in them, so a second pass costs a few look-ups, and tasks
on several machines are joined by what the database holds.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from moderation.decisions.record import decision_by_machine
from moderation.deep.clip_files import Workbench
from moderation.detection.clip import DeepDetector
from moderation.detection.media.limits import MediaRejected
from moderation.detection.types import Missing, Result
from moderation.items.context import context_of
from moderation.items.queries import creator_history
from moderation.live.detectors import deep_detectors, detector_named
from moderation.live.lists import ListsChanged, lists_refresh
from moderation.live.onpath import onpath_run, readers_for
from moderation.models import DetectorResult, Item, MediaFile, OutboxMessage
from moderation.models.decision import DecisionStage
from moderation.models.item import DeepState
from moderation.outbox.messages import message_done
from moderation.outbox.promise import TOPIC_DETECT, item_joined, message_add
from moderation.outbox.queues import queue_of, runs_here
from moderation.rejudge.list_scan import subject_of
from moderation.verdict.judge import judge
from moderation.verdict.judgement import Judgement
from moderation.verdict.metrics import deep_age_seconds, verdict_total
from policies.choices import ItemKind
from policies.decision.compiled import CompiledPolicy
from policies.live import policy_for

log = structlog.get_logger(__name__)
Status = DetectorResult.Status

#: Off the path nobody waits, so the on-path detectors get all the time they may need.
_UNHURRIED_SECONDS = 5.0
#: Missing for one of these reasons may be there at the next attempt.
_PASSING = frozenset({"late", "failed", "open_circuit"})
#: A list may change while an item is judged; more often than this in a row is a fault.
_MAX_TRIES = 5


class EvidenceIncomplete(Exception):
    """A required detector is missing for a reason that may pass; the message is tried again."""


class ContentOutdated(Exception):
    """The content was looked at by another version of a detector than is in use now: other prompts, say. Look again."""


class VersionDiffers(Exception):
    """The workers do not all have the same version of a detector; the message is tried again."""


def item_examine(message: OutboxMessage) -> None:
    """Examine the message's item and decide it again on all evidence.

    1. run or find the deep detectors' results, outside any transaction; one that runs elsewhere gets a task of its own,
       and the last of these to end promises this work again (item_joined), which then finds all results,
    2. read the lists anew, and the item after them: 1 may have taken minutes, in which its creator was suspended; where it
       looked with other prompts than are in force now, from 1 on again,
    3. run the on-path detectors again, without hurry: what was late at upload is there now,
    4. before the last attempt, what may still come is waited for,
    5. decide, mark the item and finish the message, in one transaction; where a list changed meanwhile, from 2 on again.

    Raises:
        EvidenceIncomplete, MediaExaminationFailed, OSError: the attempt failed and is repeated by the outbox, as is one
            whose policy version was replaced while the detectors ran (IntegrityError).
    """
    looked = _look(_item_of(message), message)
    for _ in range(_MAX_TRIES):
        if looked is None:
            return
        try:
            _judge_and_decide(looked, message)
            return
        except ContentOutdated:
            looked = _look(_item_of(message), message)
        except ListsChanged:
            continue  # while it was judged; what was made of the content stands
    raise ListsChanged("The lists keep changing; the item is judged again later.")


def _judge_and_decide(looked: Sequence[Result], message: OutboxMessage) -> None:
    """Decide on what was made of the content, by the lists, the prompts, the version and the creator's standing of now.

    Raises:
        ListsChanged, ContentOutdated: something of this changed meanwhile.
        EvidenceIncomplete; ListsUnavailable: the lists cannot be read.
    """
    mark = lists_refresh()  # before all that it vouches for is read
    detectors = _check_versions(looked)
    item = _item_of(message)
    policy = policy_for(item.creator.external_id)
    results = [*_onpath_results(item, policy), *_interpret(looked, detectors, item, policy)]
    if message.attempts < settings.OUTBOX_MAX_ATTEMPTS:
        _check_complete(results, policy, item.kind)
    judgement = judge(results, context_of(item), policy, lists=mark)
    _decide(item, judgement, policy, message)
    now = timezone.now()
    deep_age_seconds.labels("decided").observe((now - item.created_at).total_seconds())
    verdict_total.labels(judgement.outcome.name, judgement.decided_by).inc()


def _check_versions(looked: Sequence[Result]) -> Mapping[str, DeepDetector]:
    """Return the detectors in use, by name.

    Raises:
        ContentOutdated: a result is of another version of its detector.
    """
    in_use = {detector.name: detector for detector in deep_detectors()}
    if any(result.version != in_use[result.detector].version for result in looked):
        raise ContentOutdated("A detector that looked at the content was replaced meanwhile.")
    return in_use


def _interpret(
    looked: Sequence[Result], detectors: Mapping[str, DeepDetector], item: Item, policy: CompiledPolicy
) -> list[Result]:
    """Return what was made of the content with the findings that follow under the policy and the lists of now."""
    readers = readers_for(policy, kind=item.kind, language=item.language_detected or "und")
    return [
        result if result.not_applicable else detectors[result.detector].interpret(result, readers) for result in looked
    ]


@transaction.atomic
def _decide(item: Item, judgement: Judgement, policy: CompiledPolicy, message: OutboxMessage) -> None:
    now = timezone.now()
    decision_by_machine(item=item, judgement=judgement, policy=policy, stage=DecisionStage.DEEP, is_final=True, now=now)
    state = DeepState.FAILED if _has_dead_letter(item) else DeepState.DONE
    Item.objects.filter(pk=item.pk).exclude(deep_state=DeepState.NOT_NEEDED).update(deep_state=state)
    message_done(message=message, now=now)


def _item_of(message: OutboxMessage) -> Item:
    return Item.objects.select_related("media", "cover", "creator", "current_decision").get(pk=message.item_id or 0)


def _has_dead_letter(item: Item) -> bool:
    """Whether a detector's task failed for good: the item is decided on the rest, and stays marked."""
    return OutboxMessage.objects.filter(item=item, topic=TOPIC_DETECT, state=OutboxMessage.State.DEAD).exists()


def _check_complete(results: list[Result], policy: CompiledPolicy, kind: int) -> None:
    waiting = [
        f"{r.detector} ({r.missing.why})"
        for r in results
        if r.missing and _may_pass(r) and policy.counts(r.detector, kind)
    ]
    if waiting:
        raise EvidenceIncomplete(f"missing for now: {', '.join(waiting)}")


def _onpath_results(item: Item, policy: CompiledPolicy) -> tuple[Result, ...]:
    subject = subject_of(item, history=creator_history(item.creator.external_id, timezone.now()))
    return onpath_run(subject, policy, deadline_seconds=_UNHURRIED_SECONDS)


# --- deep detectors ----------------------------------------------------------------------------------------------


def _look(item: Item, message: OutboxMessage) -> list[Result] | None:
    """Return one result per deep detector, without findings yet; None where some run elsewhere."""
    detectors = deep_detectors()
    if item.media is None:
        return [Result(d.name, d.version, not_applicable=True) for d in detectors]
    with ExitStack() as stack:
        bench = bench_for(item.media, ItemKind(item.kind), stack, attempt=message.attempts)
        known = {d.name: _find_result(d, bench) or _give_up(d, item) for d in detectors}
        elsewhere = [d for d in detectors if known[d.name] is None and not runs_here(d.name)]
        here = {d.name: known[d.name] or result_run(d, bench) for d in detectors if d not in elsewhere}
        if elsewhere and bench.share():
            _hand_off(item, elsewhere, message)
            return None
        return [here.get(d.name) or result_run(d, bench) for d in detectors]


def bench_for(file: MediaFile, kind: ItemKind, stack: ExitStack, *, attempt: int = 1) -> Workbench:
    """Return a bench for one file; it stays as it is until the stack closes."""
    want_audio = any(d.reads_sound and d.is_configured for d in deep_detectors())
    return Workbench(file, kind, stack, want_audio=want_audio, attempt=attempt)


def _hand_off(item: Item, detectors: Sequence[DeepDetector], message: OutboxMessage) -> None:
    """Promise one task for each detector that runs elsewhere, and finish this message, in one transaction."""
    with transaction.atomic():
        Item.objects.select_for_update(of=("self",)).get(pk=item.pk)
        for detector in detectors:
            message_add(
                topic=TOPIC_DETECT, item=item, part=detector.name, queue=queue_of(detector.name),
                payload={"version": detector.version}, rank_at=message.rank_at,
            )  # fmt: skip
        message_done(message=message, now=timezone.now())


def detector_run(message: OutboxMessage) -> None:
    """Run one detector on the message's item, keep its result, and promise the decision where it was the last.

    Raises:
        VersionDiffers: this worker has another version of the detector than it was asked for.
        EvidenceIncomplete, MediaExaminationFailed, OSError: the attempt failed and is repeated by the outbox.
    """
    item = _item_of(message)
    detector = detector_named(message.part)
    if message.payload.get("version") != detector.version:
        raise VersionDiffers(
            f"This worker has {detector.name} {detector.version} and was asked for {message.payload.get('version')}: "
            "give all workers the same release, models and settings."
        )
    if item.media is not None:
        with ExitStack() as stack:
            file_result(detector, bench_for(item.media, ItemKind(item.kind), stack, attempt=message.attempts))
    with transaction.atomic():
        Item.objects.select_for_update(of=("self",)).get(pk=item.pk)
        message_done(message=message, now=timezone.now())
        item_joined(item=item)


def file_result(detector: DeepDetector, bench: Workbench) -> Result:
    """Return a detector's result for a file, kept or new.

    Raises:
        EvidenceIncomplete: it gave none, for a reason that may pass.
    """
    result = _find_result(detector, bench) or result_run(detector, bench)
    if result.missing and _may_pass(result):
        raise EvidenceIncomplete(f"missing for now: {detector.name} ({result.missing.why})")
    return result


def _may_pass(result: Result) -> bool:
    return result.missing is not None and result.missing.why in _PASSING and not result.payload.get("is_final")


def _find_result(detector: DeepDetector, bench: Workbench) -> Result | None:
    """Return what is known without running a detector: that there is nothing to look at, no model, or a kept result."""
    if bench.kind not in detector.kinds:
        return Result(detector.name, detector.version, not_applicable=True)
    if not detector.is_configured:
        return Result(detector.name, detector.version, missing=Missing(detector.name, "not_configured"))
    kept = DetectorResult.objects.filter(
        sha256=bench.file.sha256, detector=detector.name, version=detector.version
    ).first()
    return _restore(kept) if kept else None


def _give_up(detector: DeepDetector, item: Item) -> Result | None:
    """Return that a detector failed for good where its task for this item is a dead letter; a person may drive it again."""
    dead = OutboxMessage.objects.filter(
        item=item, topic=TOPIC_DETECT, part=detector.name, state=OutboxMessage.State.DEAD,
        payload__version=detector.version,
    )  # fmt: skip
    if not dead.exists():
        return None
    missing = Missing(detector.name, "failed", "its task failed on every attempt")
    return Result(detector.name, detector.version, missing=missing, payload={"is_final": True})


def result_run(detector: DeepDetector, bench: Workbench) -> Result:
    """Run a detector and keep what it gives, unless that may be otherwise the next time."""
    started = timezone.now()
    result = detector.result_from_kept(bench.file.sha256) or _run(detector, bench)
    seconds = (timezone.now() - started).total_seconds()
    deep_age_seconds.labels(detector.name).observe(seconds)
    if not _may_pass(result):
        _keep(result, bench.file, seconds)
    return result


def _run(detector: DeepDetector, bench: Workbench) -> Result:
    """Run a detector; a file that cannot be decoded is final, anything else is tried again."""
    try:
        return detector.run(bench.subject())
    except MediaRejected as error:
        missing = Missing(detector.name, "failed", error.detail)
        return Result(detector.name, detector.version, missing=missing, payload={"is_final": True})


def _keep(result: Result, file: MediaFile, seconds: float) -> None:
    status = Status.NOT_APPLICABLE if result.not_applicable else Status.MISSING if result.missing else Status.OK
    payload = dict(result.payload)
    if result.missing:
        payload |= {"is_final": True, "detail": result.missing.detail}
    DetectorResult.objects.get_or_create(
        sha256=file.sha256,
        detector=result.detector,
        version=result.version,
        defaults={
            "status": status,
            "why": result.missing.why if result.missing else "",
            "payload": payload,
            "seconds": seconds,
        },
    )


def _restore(kept: DetectorResult) -> Result:
    missing = Missing(kept.detector, kept.why, kept.payload.get("detail", "")) if kept.why else None
    is_absent = kept.status == Status.NOT_APPLICABLE
    return Result(kept.detector, kept.version, not_applicable=is_absent, missing=missing, payload=kept.payload)
