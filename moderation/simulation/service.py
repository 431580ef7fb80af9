"""Runs of simulations: begun, carried out (in the request where that is quick, else by a worker), cancelled, given up.

A run is promised by an outbox message like all work, so a worker that dies leaves it to the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.utils import timezone

from moderation.audit.log import audit_write
from moderation.evidence import store as evidence_store
from moderation.exceptions import SimulationInvalid
from moderation.models import OutboxMessage, SimulationRun
from moderation.models.simulation import FINISHED_RUN_STATES, RunState
from moderation.outbox.messages import message_done
from moderation.outbox.promise import message_add
from moderation.simulation.queries import human_labels
from policies.decision.compiled import CompiledPolicy
from policies.errors import PolicyError, PolicyUnavailable
from policies.live import active_policy, compile_version
from policies.models import PolicyVersion
from policies.replay.outcomes import Simulation
from policies.replay.population import Filter, Population
from policies.replay.simulation import Cancelled, simulate

log = structlog.get_logger(__name__)

TOPIC_RUN = "moderation.tasks.simulation_run"
#: So many items in memory are simulated while the page waits, well within two seconds.
SHORT_ITEMS = 1_500_000
#: So many stored items are also read first while the page waits.
SHORT_LOAD_ITEMS = 150_000
#: Progress is written, and a wish to cancel seen, at most this often.
PROGRESS_SECONDS = 0.5
#: A run that nobody promised to carry out any more is given up after so long.
ABANDONED = timedelta(minutes=15)


def simulation_start(
    *, actor: AbstractUser, draft: PolicyVersion, since: datetime, until: datetime, wanted: Filter, now: datetime
) -> SimulationRun:
    """Save a run of a version beside the active one and carry it out: at once where that is quick, else by a worker.

    1. one transaction: check, save the run, promise it, audit,
    2. where the evidence is in memory or small, run it right here; the promise then finds it finished.

    Args:
        since, until: time of upload, the end excluded.
        wanted: the rest of the filter; its own period is not looked at.

    Raises:
        PermissionDenied: the actor may neither write nor approve versions.
        SimulationInvalid: the period is empty.
        policies.errors.PolicyError: the draft is inconsistent; names the field.
        policies.errors.PolicyUnavailable: no version is active.
    """
    run = _save(actor, draft, since, until, wanted, now)
    if is_short():
        simulation_execute(run_key=str(run.key))
        run.refresh_from_db()
    return run


@transaction.atomic
def _save(
    actor: AbstractUser, draft: PolicyVersion, since: datetime, until: datetime, wanted: Filter, now: datetime
) -> SimulationRun:
    _check_may(actor)
    if since >= until:
        raise SimulationInvalid("until", "The period must end after it begins.")
    compiled = compile_version(draft)
    rest = {name: value for name, value in wanted.as_json().items() if name not in {"since", "until"}}
    run = SimulationRun.objects.create(
        draft=draft,
        draft_key=draft.key,
        draft_number=draft.number,
        draft_digest=compiled.digest,
        active=PolicyVersion.objects.get(key=active_policy().key),
        since=since,
        until=until,
        filter=rest,
        started_by_id=actor.pk,
        created_at=now,
    )
    message_add(topic=TOPIC_RUN, item=None, payload={"run": str(run.key)})
    audit_write(
        actor=actor, action="simulation.started", object_type="simulation", object_key=run.key, version=draft.number
    )
    return run


def _check_may(actor: AbstractUser) -> None:
    if not (actor.has_perm("policies.edit_versions") or actor.has_perm("policies.approve_versions")):
        raise PermissionDenied("Only people who write or approve policies simulate them.")


def is_short() -> bool:
    """Return whether a simulation of everything stored would answer while the page waits."""
    held = evidence_store.n_held()
    if held is not None:
        return held <= SHORT_ITEMS
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = 'moderation_itemevidence'::regclass")
        return int(cursor.fetchall()[0][0]) <= SHORT_LOAD_ITEMS


@transaction.atomic
def simulation_cancel(*, actor: AbstractUser, run_key: str, now: datetime) -> SimulationRun:
    """End a run: one that waits at once, one that runs when it next reports progress; a finished one stays as it is.

    Raises:
        PermissionDenied; SimulationInvalid: there is no such run.
    """
    _check_may(actor)
    run = SimulationRun.objects.select_for_update().filter(key=run_key).first()
    if run is None:
        raise SimulationInvalid("run", "There is no such simulation.")
    if run.is_finished or run.wants_cancel:
        return run
    run.wants_cancel = True
    if run.state == RunState.QUEUED:
        run.state, run.finished_at = RunState.CANCELLED, now
    run.save(update_fields=["wants_cancel", "state", "finished_at"])
    audit_write(actor=actor, action="simulation.cancelled", object_type="simulation", object_key=run.key)
    return run


def simulation_execute_promised(message: OutboxMessage) -> None:
    """Carry out the run that a message promises; at the last attempt, whatever goes wrong ends it.

    Raises:
        Exception: whatever went wrong before that; the outbox repeats it.
    """
    key = message.payload["run"]
    try:
        simulation_execute(run_key=key)
    except Exception as error:
        if message.attempts < settings.OUTBOX_MAX_ATTEMPTS:
            raise
        log.exception("simulation_failed", run=key)
        _finish(key, RunState.FAILED, error=f"It broke off every time ({type(error).__name__}).")
    message_done(message=message, now=timezone.now())


def simulation_execute(*, run_key: str) -> None:
    """Carry out a run; one that is finished stays as it is. Safe to repeat and to run twice at once: the first to end wins.

    1. mark it running, unless it was cancelled,
    2. compare exactly what was asked: a draft that was edited since ends the run,
    3. simulate; every half second progress is written and a wish to cancel is seen,
    4. store the result, unless somebody else was quicker.
    """
    waiting = SimulationRun.objects.filter(key=run_key, state__in=[RunState.QUEUED, RunState.RUNNING])
    if not waiting.filter(wants_cancel=False).update(state=RunState.RUNNING, started_at=timezone.now()):
        waiting.update(state=RunState.CANCELLED, finished_at=timezone.now())
        return
    run = SimulationRun.objects.select_related("draft", "active").get(key=run_key)
    try:
        found, whole = _simulate(run)
    except Cancelled:
        _finish(run_key, RunState.CANCELLED)
    except (PolicyError, PolicyUnavailable, SimulationInvalid) as error:
        _finish(run_key, RunState.FAILED, error=str(error)[:300])
    else:
        both = {"result_whole": whole.as_json(), "n_items_whole": whole.n_items} if whole else {}
        result = {"result": found.as_json(), "n_items": found.n_items, "is_open": True}
        _finish(run_key, RunState.DONE, **result, **both, progress=100)


def _simulate(run: SimulationRun) -> tuple[Simulation, Simulation | None]:
    """Return what comes out without the restricted partition, and with it where it has anything of the population: whoever may
    not know of the partition is not to find out by narrowing the filter how much of it fits.
    """
    draft, active = _as_asked(run), compile_version(run.active)
    report = _reporter(run.pk)
    report(0.0)
    whole = evidence_store.load_population(timezone.now()).where(run.wanted)
    population = evidence_store.without_restricted(whole)

    def replay(items: Population, progress: Callable[[float], None]) -> Simulation:
        labels = human_labels(items, since=run.since.astimezone(UTC))
        return simulate(items, active, draft, labels=labels, progress=progress)

    if population is whole:
        return replay(whole, report), None
    found = replay(population, lambda share: report(share / 2))
    return found, replay(whole, lambda share: report(0.5 + share / 2))


def _as_asked(run: SimulationRun) -> CompiledPolicy:
    """Return the version as it was when the run was asked for.

    Raises:
        SimulationInvalid: it was edited or discarded since.
    """
    if run.draft is None:
        raise SimulationInvalid("draft", "The draft was discarded before the simulation began.")
    draft = compile_version(run.draft)
    if draft.digest != run.draft_digest:
        raise SimulationInvalid("draft", "The draft was edited before the simulation began; start it again.")
    return draft


def _reporter(pk: int) -> Callable[[float], None]:
    """Return what a simulation tells its progress to; it ends the simulation where somebody cancelled or finished it."""
    last = float("-inf")

    def report(share: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < PROGRESS_SECONDS:
            return
        last = now
        # Never 100: that is for the one who stores the result.
        alive = SimulationRun.objects.filter(pk=pk, state=RunState.RUNNING, wants_cancel=False)
        if not alive.update(progress=min(int(share * 100), 99)):
            raise Cancelled

    return report


def _finish(run_key: str, state: RunState, **values: Any) -> None:
    """End a run, unless it is ended."""
    open_run = SimulationRun.objects.filter(key=run_key).exclude(state__in=FINISHED_RUN_STATES)
    open_run.update(state=state, finished_at=timezone.now(), **values)


def simulations_expire(*, now: datetime) -> int:
    """Mark runs as failed that have waited long and that no message promises any more; return how many."""
    old = SimulationRun.objects.filter(created_at__lt=now - ABANDONED).exclude(state__in=FINISHED_RUN_STATES)
    live = OutboxMessage.objects.filter(topic=TOPIC_RUN, state__in=["pending", "sent"]).values_list(
        "payload__run", flat=True
    )
    promised = set(live) if old.exists() else set()
    given_up = [run.pk for run in old.only("pk", "key") if str(run.key) not in promised]
    return (
        SimulationRun.objects.filter(pk__in=given_up)
        .exclude(state__in=FINISHED_RUN_STATES)
        .update(state=RunState.FAILED, finished_at=now, error="Every worker that began it died.")
    )
