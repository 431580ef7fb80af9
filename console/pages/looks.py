"""Audits access to the restricted partition: who opens what of it is in the log before it is shown.

Only holders of the partition's permission can look, so only of them is asked whether what they look at belongs to it.
"""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.utils import timezone

from moderation.audit.log import audit_counted
from moderation.items.visibility import job_hides_media, may_know
from moderation.models import Item, Job

#: A page that asks again, a player that asks for ranges: within so many seconds of the clock they are one look.
LOOK_SECONDS = 300


def item_looked(user: User, item: Item) -> None:
    """Record that somebody opens the page of an item, if it is restricted."""
    if item.is_restricted and may_know(user):
        _look(user, "item.looked_at", "item", item.external_id)


def job_looked(user: User, job: Job) -> None:
    """Record that somebody opens a job, if it or its item is restricted."""
    if job_hides_media(job) and may_know(user):
        _look(user, "job.looked_at", "job", job.key)


def media_looked(user: User, item: Item) -> None:
    """Record that somebody is given bytes of an item, if it is restricted."""
    if item.is_restricted and may_know(user):
        _look(user, "media.looked_at", "item", item.external_id)


def items_looked(user: User, items: Iterable[Item | None]) -> None:
    """Record that somebody is shown items in a list, for each that is restricted."""
    if not may_know(user):
        return
    for external_id in {item.external_id for item in items if item is not None and item.is_restricted}:
        _look(user, "item.listed", "item", external_id)


def _look(user: User, action: str, object_type: str, object_key: object) -> None:
    now = timezone.now()
    audit_counted(
        actor=user, action=action, object_type=object_type, object_key=object_key, seconds=LOOK_SECONDS, now=now
    )
