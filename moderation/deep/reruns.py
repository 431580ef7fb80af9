"""Running one detector over history when its version changed: started, paused and resumed by people, carried on by the schedule.

Live work comes first: files are promised at a set rate, a few at a time, in a queue of their own, and not at all while the
deep queues are late.
"""

from contextlib import ExitStack
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from moderation.audit.log import Actor, audit_write
from moderation.deep.examine import bench_for, file_result
from moderation.detection.clip import DeepDetector
from moderation.exceptions import RerunInvalid
from moderation.live.detectors import deep_declared, detector_named
from moderation.models import DetectorRerun, DetectorResult, Item, MediaFile, OutboxMessage
from moderation.outbox.backpressure import lags
from moderation.outbox.messages import message_done
from moderation.outbox.promise import TOPIC_EXAMINE, TOPIC_RERUN, message_add
from moderation.outbox.queues import RERUN_QUEUE
from policies.choices import ItemKind

log = structlog.get_logger(__name__)
State = DetectorRerun.State

PERMISSION = "moderation.rerun_detectors"
#: So many files of one run are promised at a time: a pause takes effect at once, and no backlog outlives it.
_AHEAD = 20
#: Budget that was not used (the queues were late, the schedule was away) is kept for so long and no longer.
_KEPT_BUDGET = timedelta(seconds=60)
#: What a new result may change is decided after all uploads of this time.
_DECIDED_LATER = timedelta(hours=1)
_RATE_RANGE = (1, 6_000)


@transaction.atomic
def rerun_start(*, actor: Actor, detector: str, per_minute: int, now: datetime) -> DetectorRerun:
    """Begin to run a detector's present version over all files that have no result of it.

    Raises:
        PermissionDenied, RerunInvalid: no such detector, no model for it, nothing to do, a rate out of range, or one is open.
    """
    _check_permission(actor)
    if detector not in deep_declared():
        raise RerunInvalid("detector", f"Choose one of {', '.join(sorted(deep_declared()))}.")
    if not _RATE_RANGE[0] <= per_minute <= _RATE_RANGE[1]:
        raise RerunInvalid("per_minute", f"Give a number of files a minute from {_RATE_RANGE[0]} to {_RATE_RANGE[1]}.")
    runs = detector_named(detector)
    if not runs.is_configured:
        raise RerunInvalid("detector", f"No model is set up for {detector}; set its path first.")
    if DetectorRerun.objects.filter(detector=detector, state__in=[State.RUNNING, State.PAUSED]).exists():
        raise RerunInvalid("detector", f"A run of {detector} is open already; cancel it or let it end.")
    n_total = _files_without(runs).count()
    if not n_total:
        raise RerunInvalid("detector", f"Every file has a result of {detector} {runs.version}; there is nothing to do.")
    rerun = DetectorRerun.objects.create(
        detector=detector, version=runs.version, per_minute=per_minute, n_total=n_total, budget_from=now,
        started_by_id=None if isinstance(actor, str) else actor.pk, created_at=now,
    )  # fmt: skip
    _audit(actor, rerun, "started", per_minute=per_minute, n_total=n_total)
    return rerun


def rerun_pause(*, actor: Actor, key: str, now: datetime) -> DetectorRerun:
    """Promise no further files; the few that are under way end.

    Raises:
        PermissionDenied, RerunInvalid: it does not run.
    """
    return _change(actor, key, {State.RUNNING}, State.PAUSED, "paused", now)


def rerun_resume(*, actor: Actor, key: str, now: datetime) -> DetectorRerun:
    """Go on where it was.

    Raises:
        PermissionDenied, RerunInvalid: it is not paused.
    """
    return _change(actor, key, {State.PAUSED}, State.RUNNING, "resumed", now)


def rerun_cancel(*, actor: Actor, key: str, now: datetime) -> DetectorRerun:
    """End it; what was found stays, and a new run does only the rest.

    Raises:
        PermissionDenied, RerunInvalid: it has ended already.
    """
    return _change(actor, key, {State.RUNNING, State.PAUSED}, State.CANCELLED, "cancelled", now)


@transaction.atomic
def _change(
    actor: Actor, key: str, before: set[DetectorRerun.State], after: DetectorRerun.State, verb: str, now: datetime
) -> DetectorRerun:
    _check_permission(actor)
    rerun = DetectorRerun.objects.select_for_update().filter(key=key, state__in=before).first()
    if rerun is None:
        raise RerunInvalid("", f"This run cannot be {verb} as it stands; reload the page.")
    rerun.state, rerun.budget_from = after, now
    rerun.finished_at = now if after == State.CANCELLED else None
    rerun.save(update_fields=["state", "budget_from", "finished_at"])
    _audit(actor, rerun, verb)
    return rerun


def _check_permission(actor: Actor) -> None:
    if not isinstance(actor, str) and not actor.has_perm(PERMISSION):  # type: ignore[attr-defined]
        raise PermissionDenied("You may not run detectors over history.")


def _audit(actor: Actor, rerun: DetectorRerun, verb: str, **data: object) -> None:
    audit_write(
        actor=actor, action=f"rerun.{verb}", object_type="rerun", object_key=rerun.key, detector=rerun.detector, **data
    )


# --- the schedule's part -------------------------------------------------------------------------------------------


def reruns_advance(*, now: datetime) -> int:
    """Promise the next files of every run that goes on; return how many. Safe to call at any time, from anywhere."""
    is_late = max(lags(now).values()) > settings.DEEP_PRESSURE_SECONDS / 2
    keys = DetectorRerun.objects.filter(state=State.RUNNING).values_list("key", flat=True)
    return sum(_advance(str(key), is_late, now) for key in list(keys))


@transaction.atomic
def _advance(key: str, is_late: bool, now: datetime) -> int:
    """Promise as many files as the rate allows since last time.

    1. lock the run; another process at it, or a pause that was quicker, ends this,
    2. while live work is late nothing is promised, and no budget is saved up,
    3. promise, move the cursor; with none left and none under way the run is done.
    """
    rerun = DetectorRerun.objects.select_for_update(skip_locked=True).filter(key=key, state=State.RUNNING).first()
    if rerun is None:
        return 0
    detector = detector_named(rerun.detector)
    if detector.version != rerun.version:
        return _overtaken(rerun, detector, now)
    start = max(rerun.budget_from, now - _KEPT_BUDGET)
    n_open = _under_way(rerun).count()
    n = 0 if is_late else min(int((now - start).total_seconds() * rerun.per_minute / 60), _AHEAD - n_open)
    files = list(_files_without(detector).filter(pk__gt=rerun.cursor).order_by("pk")[: max(n, 0)])
    for file in files:
        payload = {"rerun": str(rerun.key), "file": file.pk}
        message_add(topic=TOPIC_RERUN, item=None, part=rerun.detector, queue=RERUN_QUEUE, payload=payload, rank_at=now)
    rerun.cursor = files[-1].pk if files else rerun.cursor
    rerun.budget_from = now if is_late else start + timedelta(seconds=len(files) * 60 / rerun.per_minute)
    if n > 0 and not files and n_open == 0:
        rerun.state, rerun.finished_at = State.DONE, now
        _audit("system", rerun, "finished", n_done=rerun.n_done)
    rerun.save(update_fields=["cursor", "budget_from", "state", "finished_at"])
    return len(files)


def _overtaken(rerun: DetectorRerun, detector: DeepDetector, now: datetime) -> int:
    """End a run whose version is no longer in use: results of an old one help nobody."""
    rerun.state, rerun.finished_at = State.CANCELLED, now
    rerun.save(update_fields=["state", "finished_at"])
    _audit("system", rerun, "cancelled", version=detector.version)
    return 0


def _files_without(detector: DeepDetector) -> QuerySet[MediaFile]:
    """Return the files that items are made of and that a detector's present version has not looked at."""
    known = DetectorResult.objects.filter(sha256=OuterRef("sha256"), detector=detector.name, version=detector.version)
    used = Item.objects.filter(media=OuterRef("pk"), withdrawn_at__isnull=True)
    kinds = Q(mime__startswith="video/") if ItemKind.IMAGE not in detector.kinds else Q()
    return MediaFile.objects.filter(kinds, Exists(used), ~Exists(known))


def _under_way(rerun: DetectorRerun) -> QuerySet[OutboxMessage]:
    return OutboxMessage.objects.filter(
        topic=TOPIC_RERUN, queue=RERUN_QUEUE, state__in=["pending", "sent"], payload__rerun=str(rerun.key)
    )


# --- a worker's part -----------------------------------------------------------------------------------------------


def file_rerun(message: OutboxMessage) -> None:
    """Run the message's detector on its file, and promise that its items are decided again where the result is new.

    Raises:
        EvidenceIncomplete, MediaExaminationFailed, OSError: the attempt failed and is repeated by the outbox.
    """
    file = MediaFile.objects.get(pk=message.payload["file"])
    detector = detector_named(message.part)
    kind = ItemKind.VIDEO if file.is_video else ItemKind.IMAGE
    with ExitStack() as stack:
        file_result(detector, bench_for(file, kind, stack, attempt=message.attempts))
    with transaction.atomic():
        now = timezone.now()
        row = OutboxMessage.objects.select_for_update().get(pk=message.pk)
        if row.state == OutboxMessage.State.DONE:
            return  # another worker took it for lost and was quicker; a file counts once
        for item in Item.objects.filter(media=file, withdrawn_at__isnull=True).exclude(deep_state="queued"):
            message_add(topic=TOPIC_EXAMINE, item=item, rank_at=now + _DECIDED_LATER)
        DetectorRerun.objects.filter(key=message.payload["rerun"]).update(n_done=F("n_done") + 1)
        message_done(message=message, now=now)
