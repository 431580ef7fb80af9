"""Clearances follow decisions; nothing else may change them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction

from moderation.models import Clearance, Decision
from moderation.selectors import items_restricted
from moderation.services.audit import audit_write
from moderation.services.rows import row_add
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
    clearance = current or Clearance(item_id=decision.item_id)
    clearance.decision = decision
    clearance.policy_version_id = decision.policy_version_id
    clearance.is_granted = grants
    clearance.min_age = decision.min_age
    clearance.territories_blocked = decision.territories_blocked
    clearance.valid_until = now + timedelta(days=settings.CLEARANCE_VALID_DAYS)
    clearance.revision = clearance.txid = 0  # the trigger stamps both
    clearance.changed_at = now
    if current:
        clearance.save()
    else:
        row_add(clearance)
    return clearance


@transaction.atomic
def clearances_expire(*, now: datetime, limit: int = 1_000) -> int:
    """Revoke clearances whose time is over, so that the stream tells clients; the gate refused them already."""
    expired = list(
        Clearance.objects.select_for_update(skip_locked=True).filter(is_granted=True, valid_until__lt=now)[:limit]
    )
    for clearance in expired:
        clearance.is_granted = False
        clearance.save(update_fields=["is_granted"])
    if expired:
        _audit(expired)
        log.info("clearances_expired", n=len(expired))
    return len(expired)


def _audit(expired: Sequence[Clearance]) -> None:
    """Write one row of a batch, and of each restricted item one of its own, which only that partition's holders see."""
    keys = items_restricted().filter(pk__in=[clearance.item_id for clearance in expired])
    restricted = list(keys.values_list("external_id", flat=True))
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
