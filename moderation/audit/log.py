"""Writing the audit log: called inside the transaction of the change it records."""

from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from moderation.audit.actors import Acting
from moderation.db.inserts import row_add
from moderation.models import AuditEvent, AuditTally

Actor = AbstractBaseUser | str

#: Stretches that are over are settled so many at a time, in transactions of their own.
SETTLE_ROWS = 500


def audit_write(*, actor: Actor, action: str, object_type: str, object_key: object, **data: Any) -> None:
    """Record one act.

    Args:
        actor: a user, or the name of a machine actor (`api:<key name>`, `system`).
        action: `<entity>.<verb in the past>`, such as `job.claimed`.
        object_key: the public key or external id of what was changed.
        data: what changed; ids and numbers, never content.
    """
    user = None if isinstance(actor, str) else actor
    context = structlog.contextvars.get_contextvars()
    row_add(
        AuditEvent(
            at=timezone.now(),
            actor_id=user.pk if user else None,
            actor_name=actor if isinstance(actor, str) else actor.get_username(),
            action=action,
            object_type=object_type,
            object_key=str(object_key),
            data=data,
            request_id=context.get("request_id", ""),
        )
    )


def acting_of(actor: Actor) -> Acting:
    """Return an actor as triggers are told of one."""
    return Acting(None, actor) if isinstance(actor, str) else Acting(actor.pk, actor.get_username())


#: Both rows in one statement: no transaction of its own is needed, and a repeat costs one round trip.
_COUNT = """
    WITH counted AS (
        INSERT INTO moderation_audittally AS tally
            (actor_id, actor_name, action, object_type, object_key, begins_at, ends_at, n, tells_total)
        VALUES (%(actor_id)s, %(actor)s, %(action)s, %(type)s, %(key)s, %(begins_at)s, %(ends_at)s, 1, %(tells_total)s)
        ON CONFLICT (action, object_type, object_key, actor_name, begins_at) DO UPDATE SET n = tally.n + 1
        RETURNING n
    )
    INSERT INTO moderation_auditevent (at, actor_id, actor_name, action, object_type, object_key, data, request_id)
    SELECT %(now)s, %(actor_id)s, %(actor)s, %(action)s, %(type)s, %(key)s, %(data)s, %(request_id)s FROM counted WHERE n = 1
"""


def audit_counted(
    *,
    actor: Actor,
    action: str,
    object_type: str,
    object_key: object,
    seconds: int,
    now: datetime,
    tells_total: bool = False,
    **data: Any,
) -> bool:
    """Record an act that may be repeated without end: its first time in each stretch of `seconds`; return whether this is it.

    Stretches are those of the clock, so two acts on both sides of a boundary are two rows, however close they are.

    Args:
        seconds: length of a stretch, 1 or more.
        tells_total: write a second row after the stretch that says how often it was, if it was more than once.
    """
    begins_at = datetime.fromtimestamp(now.timestamp() // seconds * seconds, tz=UTC)
    values = {
        "actor_id": None if isinstance(actor, str) else actor.pk,
        "actor": actor if isinstance(actor, str) else actor.get_username(),
        "action": action,
        "type": object_type,
        "key": str(object_key),
        "begins_at": begins_at,
        "ends_at": begins_at + timedelta(seconds=seconds),
        "tells_total": tells_total,
        "now": now,
        "data": Jsonb(data),
        "request_id": structlog.contextvars.get_contextvars().get("request_id", ""),
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, values)
        return bool(cursor.rowcount == 1)


def audit_settle(*, now: datetime) -> int:
    """Write down the totals of stretches that are over and forget them; return how many there were."""
    n_settled = 0
    while n := _settle_some(now):
        n_settled += n
    return n_settled


@transaction.atomic
def _settle_some(now: datetime) -> int:
    over = AuditTally.objects.select_for_update(of=("self",), skip_locked=True).select_related("actor")
    tallies = list(over.filter(ends_at__lte=now).order_by("ends_at", "pk")[:SETTLE_ROWS])
    for tally in tallies:
        if tally.tells_total and tally.n > 1:
            audit_write(
                actor=tally.actor or tally.actor_name,
                action=tally.action,
                object_type=tally.object_type,
                object_key=tally.object_key,
                n_in_all=tally.n,
                since=tally.begins_at.isoformat(),
                seconds=int((tally.ends_at - tally.begins_at).total_seconds()),
            )
    AuditTally.objects.filter(pk__in=[tally.pk for tally in tallies]).delete()
    return len(tallies)
