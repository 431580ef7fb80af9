"""Writing the audit log: called inside the transaction of the change it records."""

from typing import Any

import structlog
from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone

from moderation.models import AuditEvent
from moderation.services.rows import row_add

Actor = AbstractBaseUser | str


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
