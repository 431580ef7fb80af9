"""What is known when an upload arrives, read in the one round trip that every upload waits for."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from moderation.db.statements import columns_of, row_of, run
from moderation.detection.types import CreatorHistory
from moderation.items.queries import LATELY, history_of
from moderation.models import Creator

#: Nothing is known of somebody who uploads for the first time.
_NO_HISTORY = CreatorHistory(0, 0, 0, 0, 0.0)


@dataclass(frozen=True, slots=True)
class Before:
    """What is there before an upload is judged: whether its id is taken, its creator (None: new), what they did lately.

    And the primary keys that the item and its first decision will have: each row names the other, and so is written once.
    """

    is_taken: bool
    creator: Creator | None
    history: CreatorHistory
    item_pk: int
    decision_pk: int


def before_upload(*, external_id: str, creator: str, now: datetime) -> Before:
    """Return what is known before an upload, with keys drawn for it; keys that nobody uses are no loss."""
    values = {"item": external_id, "external_id": creator, "now": now}
    is_taken, item_pk, decision_pk, n_1h, n_24h, n_blocked, *columns = run(_before(), values).fetchone()
    row = row_of(Creator, columns) if columns[0] is not None else None
    history = history_of(now, row.created_at, n_1h, n_24h, n_blocked) if row else _NO_HISTORY
    return Before(is_taken, row, history, item_pk, decision_pk)


@lru_cache(maxsize=1)
def _before() -> str:
    return f"""
        SELECT EXISTS (SELECT FROM moderation_item WHERE external_id = %(item)s),
               nextval('moderation_item_id_seq'), nextval('moderation_decision_id_seq'),
               {LATELY}, {columns_of(Creator, "c")}
        FROM (VALUES (1)) always LEFT JOIN moderation_creator c ON c.external_id = %(external_id)s
    """  # noqa: S608 # columns of our own
