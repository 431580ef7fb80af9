"""Celery tasks: thin. Each takes an id, is safe to run twice, and calls one service.

Work on an item comes as an outbox message; its row says whether it is done, so the broker may lose or repeat it.
"""

from collections.abc import Callable

import structlog
from celery import shared_task
from django.conf import settings
from django.utils import timezone

from moderation.audit import log as audit
from moderation.banks import matches as bank_matches
from moderation.calibration import service as calibration
from moderation.campaigns import service as campaigns
from moderation.campaigns import watch as campaign_watch
from moderation.decisions import clearances
from moderation.deep import examine, reruns
from moderation.emergency import service as emergency
from moderation.files import derived
from moderation.files import keys as media_keys
from moderation.models import OutboxMessage
from moderation.outbox import messages, orphan_sweep
from moderation.rejudge import list_changes
from moderation.rejudge import service as rejudge
from moderation.review import creator_acts, drafts, leases, waiting
from moderation.rollout import activation, canary, shadows
from moderation.simulation import service as simulations

log = structlog.get_logger(__name__)

#: Deep work gets more time than other tasks. At the soft limit it fails like any other attempt, a minute later it is killed.
_HARD = settings.DEEP_TIME_LIMIT_SECONDS
_SOFT = _HARD - 60


def _work(message_key: str, act: Callable[[OutboxMessage], None]) -> None:
    """Claim a message, act, and put it back with back-off when the act fails; SIGKILL leaves the claim to run out."""
    message = messages.message_begin(key=message_key, now=timezone.now())
    if message is None:
        return
    structlog.contextvars.bind_contextvars(message=message_key, item=message.item and str(message.item.key))
    try:
        with messages.claim_kept(message):
            act(message)
    except Exception as error:  # the outbox decides what follows; the broker must not retry as well
        log.exception("task_failed", topic=message.topic, attempt=message.attempts)
        messages.message_fail(message=message, error=f"{type(error).__name__}: {error}", now=timezone.now())
    finally:
        structlog.contextvars.unbind_contextvars("message", "item")


@shared_task(name="moderation.tasks.item_examine", time_limit=_HARD, soft_time_limit=_SOFT)
def item_examine(message_key: str) -> None:
    """Run the deep detectors on an item and decide again."""
    _work(message_key, examine.item_examine)


@shared_task(name="moderation.tasks.detector_run", time_limit=_HARD, soft_time_limit=_SOFT)
def detector_run(message_key: str) -> None:
    """Run one deep detector on an item; the last one to end promises the decision."""
    _work(message_key, examine.detector_run)


@shared_task(name="moderation.tasks.file_rerun", time_limit=_HARD, soft_time_limit=_SOFT)
def file_rerun(message_key: str) -> None:
    """Run one deep detector on a file of the past."""
    _work(message_key, reruns.file_rerun)


@shared_task(name="moderation.tasks.reruns_advance")
def reruns_advance() -> None:
    """Promise the next files of runs over history."""
    reruns.reruns_advance(now=timezone.now())


@shared_task(name="moderation.tasks.samples_sweep")
def samples_sweep() -> None:
    """Remove samples that no worker waits for any more."""
    derived.samples_sweep(now=timezone.now())


@shared_task(name="moderation.tasks.item_reexamine")
def item_reexamine(message_key: str) -> None:
    """Run what was missing on the path once more and decide again."""
    _work(message_key, examine.item_examine)


@shared_task(name="moderation.tasks.waiting_apply_due")
def waiting_apply_due() -> None:
    """Make the decisions that waited and whose time has come."""
    waiting.waiting_apply_due(now=timezone.now())


@shared_task(name="moderation.tasks.drafts_expire")
def drafts_expire() -> None:
    """Delete drafts of decisions that nobody touched for long."""
    drafts.drafts_expire(now=timezone.now())


@shared_task(name="moderation.tasks.leases_expire")
def leases_expire() -> None:
    """Give back jobs whose lease is over."""
    leases.leases_expire(now=timezone.now())


@shared_task(name="moderation.tasks.clearances_expire")
def clearances_expire() -> None:
    """Revoke clearances whose time is over."""
    clearances.clearances_expire(now=timezone.now())


@shared_task(name="moderation.tasks.audit_settle")
def audit_settle() -> None:
    """Write down how often counted acts were repeated."""
    audit.audit_settle(now=timezone.now())


@shared_task(name="moderation.tasks.items_reconcile")
def items_reconcile() -> int:
    """Look for items that wait although nothing is under way for them; return for how many work was promised again."""
    return orphan_sweep.items_reconcile(now=timezone.now())


@shared_task(name="moderation.tasks.bank_matches_watch")
def bank_matches_watch() -> None:
    """Count what matched hash banks, and quarantine hashes that suddenly match a lot."""
    bank_matches.matches_collect(now=timezone.now())
    bank_matches.floods_guard(now=timezone.now())


@shared_task(name="moderation.tasks.campaigns_watch")
def campaigns_watch() -> None:
    """Look for waves of near-identical captions, and give late members of decided ones their decision."""
    campaign_watch.campaigns_watch(now=timezone.now())


@shared_task(name="moderation.tasks.emergency_recheck")
def emergency_recheck(message_key: str) -> None:
    """Carry out what an earlier release promised for a new emergency term."""
    _work(message_key, emergency.emergency_look_again)


@shared_task(name="moderation.tasks.emergency_release")
def emergency_release(message_key: str) -> None:
    """Carry out what an earlier release promised for an emergency term that ended."""
    _work(message_key, emergency.emergency_look_again)


@shared_task(name="moderation.tasks.list_change_look")
def list_change_look(message_key: str) -> None:
    """Judge again what a change of a list concerns."""
    _work(message_key, list_changes.list_change_look)


@shared_task(name="moderation.tasks.list_change_settle")
def list_change_settle(message_key: str) -> None:
    """Judge again what was stored while processes still held the old list."""
    _work(message_key, list_changes.list_change_settle)


@shared_task(name="moderation.tasks.creator_act")
def creator_act(message_key: str) -> None:
    """Carry on what a creator was told from a job."""
    _work(message_key, lambda message: creator_acts.creator_act_carry(message, now=timezone.now()))


@shared_task(name="moderation.tasks.item_renew")
def item_renew(message_key: str) -> None:
    """Judge an item again whose clearance expired."""
    _work(message_key, rejudge.item_renew)


@shared_task(name="moderation.tasks.emergency_terms_watch")
def emergency_terms_watch() -> None:
    """End emergency terms whose time is over."""
    emergency.emergency_terms_expire(now=timezone.now())


@shared_task(name="moderation.tasks.activations_resume")
def activations_resume() -> None:
    """Go on with the replay of stored evidence, where one is under way and nobody runs it."""
    activation.activations_resume()


@shared_task(name="moderation.tasks.shadows_record")
def shadows_record() -> None:
    """Record what versions in shadow say of the newest decisions."""
    shadows.shadows_record(now=timezone.now())


@shared_task(name="moderation.tasks.canary_guard")
def canary_guard() -> None:
    """Compare the canary with its control, and take it back where it surely differs."""
    canary.canary_guard(now=timezone.now())


@shared_task(name="moderation.tasks.campaign_apply")
def campaign_apply(message_key: str) -> None:
    """Give a campaign's decision to its members."""
    _work(message_key, campaigns.campaign_apply_promised)


@shared_task(name="moderation.tasks.scores_summarise")
def scores_summarise() -> None:
    """Bring the weekly summaries of scores and people's decisions up to date."""
    calibration.scores_summarise(now=timezone.now())


@shared_task(name="moderation.tasks.simulation_run")
def simulation_run(message_key: str) -> None:
    """Run a saved simulation."""
    _work(message_key, simulations.simulation_execute_promised)


@shared_task(name="moderation.tasks.simulations_expire")
def simulations_expire() -> None:
    """Mark runs as failed that nobody works on any more."""
    simulations.simulations_expire(now=timezone.now())


@shared_task(name="moderation.tasks.media_rekey")
def media_rekey(message_key: str) -> None:
    """Move the files of a restricted item to keys that nobody knows."""
    _work(message_key, media_keys.media_rekey)
