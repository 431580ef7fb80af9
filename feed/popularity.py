"""What is liked now, by region: weighted acts of the last days, each losing half its weight every few hours."""

from datetime import datetime

from django.db import connection, transaction

from feed import params

# An arbitrary number of ours: one recomputation at a time, another one leaves at once.
_LOCK = 7_203_118_402
# A viewer counts once per item and kind of act, with the latest; anonymous acts count each, as nobody's.
_RECOMPUTE = """
    WITH weights AS (SELECT unnest(%(types)s::text[]) AS type, unnest(%(weights)s::float8[]) AS weight),
    acts AS (
        SELECT DISTINCT ON (e.item_id, e.type, e.viewer_hash, CASE WHEN e.viewer_hash = '' THEN e.event_id END)
            e.item_id, e.region, w.weight * power(0.5, extract(epoch FROM %(now)s - e.at) / %(half_life)s) AS worth
        FROM feed_event e JOIN weights w USING (type)
        WHERE e.at > %(now)s - make_interval(hours => %(window)s) AND e.at <= %(now)s
        ORDER BY e.item_id, e.type, e.viewer_hash, CASE WHEN e.viewer_hash = '' THEN e.event_id END, e.at DESC
    ),
    places AS (
        SELECT item_id, region, worth FROM acts WHERE region <> ''
        UNION ALL SELECT item_id, '', worth FROM acts
    )
    INSERT INTO feed_popularity (item_id, region, score, as_of)
    SELECT item_id, region, greatest(sum(worth), 0), %(now)s FROM places GROUP BY item_id, region
    ON CONFLICT (item_id, region) DO UPDATE SET score = EXCLUDED.score, as_of = EXCLUDED.as_of
"""
_FORGET = "DELETE FROM feed_popularity WHERE as_of < %s"


@transaction.atomic
def popularity_recompute(*, now: datetime) -> int:
    """Bring the table to what the events say as of `now`; return the number of its rows, 0 where another run is at it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", (_LOCK,))
        if not (row := cursor.fetchone()) or not row[0]:
            return 0
        cursor.execute(
            _RECOMPUTE,
            {
                "types": list(params.EVENT_WEIGHTS),
                "weights": list(params.EVENT_WEIGHTS.values()),
                "now": now,
                "half_life": params.POPULARITY_HALF_LIFE_HOURS * 3600,
                "window": params.POPULARITY_WINDOW_HOURS,
            },
        )
        n_rows = int(cursor.rowcount)
        cursor.execute(_FORGET, (now,))
    return n_rows
