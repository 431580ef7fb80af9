"""Looks at the restricted partition: who opened what of it, in the audit log, before it is shown.

Only holders of the partition's permission can look, so only of them is asked whether what they look at belongs to it.
"""

from collections.abc import Iterable

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q
from django.utils import timezone

from console.access import REVIEW_RESTRICTED, is_restricted, may
from moderation import selectors
from moderation.models import Item, Job
from moderation.services.audit import audit_counted

#: A page that asks again, a player that asks for ranges: within so many seconds of the clock they are one look.
LOOK_SECONDS = 300


def item_looked(user: User, item: Item) -> None:
    """Record that somebody opens the page of an item that is restricted."""
    _looked(user, "item.looked_at", "item", item.external_id)


def job_looked(user: User, job: Job, item: Item) -> None:
    """Record that somebody opens a job, if it or its item is restricted."""
    if may(user, REVIEW_RESTRICTED) and (job.queue.is_restricted or is_restricted(item)):
        _looked(user, "job.looked_at", "job", job.key)


def media_looked(user: User | AnonymousUser, storage_key: str) -> None:
    """Record that somebody is given a file, for every restricted item that it belongs to."""
    if not isinstance(user, User) or not may(user, REVIEW_RESTRICTED):
        return
    own = Q(media__storage_key=storage_key) | Q(cover__storage_key=storage_key)
    made = Q(media__derived__storage_key=storage_key)
    for external_id in selectors.items_restricted().filter(own | made).values_list("external_id", flat=True).distinct():
        _looked(user, "media.looked_at", "item", external_id)


def items_looked(user: User, items: Iterable[Item | None]) -> None:
    """Record that somebody is shown items in a list, for each that is restricted."""
    if not may(user, REVIEW_RESTRICTED):
        return
    keys = [item.pk for item in items if item is not None]
    for external_id in selectors.items_restricted().filter(pk__in=keys).values_list("external_id", flat=True):
        _looked(user, "item.listed", "item", external_id)


def _looked(user: User, action: str, object_type: str, object_key: object) -> None:
    now = timezone.now()
    audit_counted(
        actor=user, action=action, object_type=object_type, object_key=object_key, seconds=LOOK_SECONDS, now=now
    )
