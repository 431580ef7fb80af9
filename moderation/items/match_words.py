"""What one person said of the bank matches of an item, as a column of the item's pages."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.db.models.functions import JSONObject

from moderation.models import MatchFeedback


def own_words_column(person_id: int, item: str = "pk") -> ArraySubquery:
    """Return what one person said of an item's matches as a column, for pages whose queries are counted; `words_in` reads it.

    Args:
        item: where the row has its item's primary key, if it is a row of something else.
    """
    said = MatchFeedback.objects.filter(person_id=person_id, item_id=OuterRef(item))
    return ArraySubquery(said.values_list(JSONObject(entry="entry__key", is_right="is_right")))


def words_in(column: Iterable[Mapping[str, Any]]) -> dict[str, bool]:
    """Return what `own_words_column` found: key of the entry -> whether it is right."""
    return {str(word["entry"]): bool(word["is_right"]) for word in column}
