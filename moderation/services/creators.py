"""What is noted about creators beside their uploads."""

from collections.abc import Mapping

from django.db import connection, transaction

# Only rows that change: every few minutes most creators are as they were.
_NOTE = """
    UPDATE moderation_creator c SET expected_views = n.views
    FROM (SELECT unnest(%(creators)s::bigint[]) AS id, unnest(%(views)s::int[]) AS views) n
    WHERE c.id = n.id AND c.expected_views IS DISTINCT FROM n.views
"""
_MOST = 2**31 - 1


@transaction.atomic
def creators_reach_note(*, views: Mapping[int, int]) -> int:
    """Note how many views an upload of each creator gets lately; return how many changed. Not audited: it decides nothing.

    Args:
        views: by primary key of the creator; who is not among them keeps what was known.
    """
    with connection.cursor() as cursor:
        creators = sorted(views)
        cursor.execute(_NOTE, {"creators": creators, "views": [min(max(views[c], 0), _MOST) for c in creators]})
        return int(cursor.rowcount)
