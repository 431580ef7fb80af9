"""How many views an upload of each creator gets, from what clients told. A read; who is examined first follows from it."""

from datetime import datetime

from django.db import connection

from moderation.items.queries import UPLOADS_LATELY

#: Views and uploads of so many days count; a creator with older ones only is as unknown as a new one.
WINDOW_DAYS = 7

# Views of an item's own first days, over the items of the window: an upload that nobody has seen counts as one with no views.
_VIEWS = f"""
    WITH uploads AS ({UPLOADS_LATELY}),
    views AS (
        SELECT item_id, count(*) AS n FROM feed_event
        WHERE type = 'impression' AND at > %(now)s - make_interval(days => %(days)s) AND at <= %(now)s GROUP BY item_id
    )
    SELECT u.creator_id, round(sum(coalesce(v.n, 0)) / count(*)) FROM uploads u LEFT JOIN views v ON v.item_id = u.id
    GROUP BY u.creator_id HAVING sum(coalesce(v.n, 0)) > 0
"""  # noqa: S608 # constants, no input


def views_by_creator(*, now: datetime) -> dict[int, int]:
    """Return the mean views of one recent upload by creator (primary key); creators without any are left out."""
    with connection.cursor() as cursor:
        cursor.execute(_VIEWS, {"now": now, "days": WINDOW_DAYS})
        return {creator: int(views) for creator, views in cursor.fetchall()}
