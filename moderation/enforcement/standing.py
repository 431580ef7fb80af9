"""What is noted about creators beside their uploads."""

from collections.abc import Mapping
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from moderation.audit.log import Actor, audit_write
from moderation.jobs.reach import jobs_follow_reach
from moderation.models import Creator
from moderation.models.lists import ListKind
from moderation.rejudge.list_changes import list_changed
from policies.choices import Standing

# Only rows that change: every few minutes most creators are as they were.
_NOTE = """
    UPDATE moderation_creator c SET expected_views = n.views
    FROM (SELECT unnest(%(creators)s::bigint[]) AS id, unnest(%(views)s::int[]) AS views) n
    WHERE c.id = n.id AND c.expected_views IS DISTINCT FROM n.views
    RETURNING c.id
"""
_MOST = 2**31 - 1


@transaction.atomic
def creator_standing_set(*, actor: Actor, creator: Creator, standing: Standing, note: str, now: datetime) -> Creator:
    """Say how far a creator is trusted; what they uploaded is judged again by a task.

    1. lock the creator; a repeat changes nothing,
    2. change, audit, promise.

    Raises:
        ValueError: nothing says why.
    """
    row = Creator.objects.select_for_update().get(pk=creator.pk)
    if row.standing == standing:
        return row
    if not note.strip():
        raise ValueError("Say in a sentence why; the creator may ask.")
    before, row.standing = row.standing, standing
    row.save(update_fields=["standing"])
    list_changed(kind=ListKind.STANDING, subject={"creator": row.pk}, now=now)
    audit_write(
        actor=actor, action="creator.standing_set", object_type="creator", object_key=row.key,
        before=Standing(before).name, after=standing.name, note=note.strip()[:200],
    )  # fmt: skip
    return row


@transaction.atomic
def creators_reach_note(*, views: Mapping[int, int], now: datetime | None = None) -> int:
    """Note how many views an upload of each creator gets lately, and let open jobs follow; return how many creators changed.

    Not audited: it decides nothing. A job that is raised has its own row.

    Args:
        views: by primary key of the creator; who is not among them keeps what was known.
    """
    with connection.cursor() as cursor:
        creators = sorted(views)
        cursor.execute(_NOTE, {"creators": creators, "views": [min(max(views[c], 0), _MOST) for c in creators]})
        changed = [pk for (pk,) in cursor.fetchall()]
    jobs_follow_reach(views={pk: views[pk] for pk in changed}, now=now or timezone.now())
    return len(changed)
