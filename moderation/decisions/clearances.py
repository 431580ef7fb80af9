"""Clearances follow decisions; nothing else may change them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction

from moderation.audit.log import audit_write
from moderation.db.inserts import row_add
from moderation.models import Clearance, Decision
from moderation.outbox.promise import TOPIC_RENEW, message_add
from policies.choices import Outcome

log = structlog.get_logger(__name__)


def clearance_follow(*, decision: Decision, now: datetime) -> Clearance | None:
    """Make the item's clearance what the decision says, inside the decision's transaction, with the item locked.

    An item that was never cleared and is not now gets no row: absence denies.
    """
    grants = Outcome(decision.outcome).is_servable
    # A first decision has no clearance before it: every clearance cites a decision.
    is_first = decision.supersedes_id is None
    current = None if is_first else Clearance.objects.filter(item_id=decision.item_id).first()
    if current is None and not grants:
        return None
    clearance = _following(current or Clearance(item_id=decision.item_id), decision, now)
    if current:
        clearance.save()
    else:
        row_add(clearance)
    return clearance


def _following(clearance: Clearance, decision: Decision, now: datetime) -> Clearance:
    clearance.decision = decision
    clearance.policy_version_id = decision.policy_version_id
    clearance.is_granted = Outcome(decision.outcome).is_servable
    clearance.min_age = decision.min_age
    clearance.territories_blocked = decision.territories_blocked
    clearance.valid_until = now + timedelta(days=settings.CLEARANCE_VALID_DAYS)
    clearance.revision = clearance.txid = 0  # the trigger stamps both
    clearance.changed_at = now
    return clearance


def clearance_renew(*, decision: Decision, now: datetime) -> bool:
    """Grant an expired clearance again, inside the caller's transaction with the item locked and just judged again.

    Returns: whether there was one; a decision that clears nothing renews nothing.
    """
    expired = Clearance.objects.filter(
        item_id=decision.item_id, decision=decision, is_granted=False, valid_until__lt=now, decision__outcome__lte=1
    ).first()
    if expired is None:
        return False
    _following(expired, decision, now).save()
    return True


@transaction.atomic
def clearances_expire(*, now: datetime, limit: int = 1_000) -> int:
    """Revoke clearances whose time is over, so that the stream tells clients; the gate refused them already.

    Each item is judged again, by a task: what stands is then decided by what is in force, or cleared anew.
    """
    expired = list(
        Clearance.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("item")
        .filter(is_granted=True, valid_until__lt=now)[:limit]
    )
    for clearance in expired:
        clearance.is_granted = False
        clearance.save(update_fields=["is_granted"])
        message_add(topic=TOPIC_RENEW, item=clearance.item, rank_at=now)
    if expired:
        _audit(expired)
        log.info("clearances_expired", n=len(expired))
    return len(expired)


def _audit(expired: Sequence[Clearance]) -> None:
    """Write one row of a batch, and of each restricted item one of its own, which only that partition's holders see."""
    restricted = [clearance.item.external_id for clearance in expired if clearance.item.is_restricted]
    for external_id in restricted:
        audit_write(actor="system", action="clearance.expired", object_type="item", object_key=external_id)
    n = len(expired) - len(restricted)
    if n:
        audit_write(
            actor="system",
            action="clearances.expired",
            object_type="clearances",
            object_key=expired[0].valid_until.date(),
            n=n,
        )
