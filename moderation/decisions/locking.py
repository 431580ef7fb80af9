"""Locking items before they are decided on: the lock first, the reading after it."""

from collections.abc import Sequence

from moderation.models import Item


def item_locked(**key: object) -> Item:
    """Lock an item until the end of the transaction; return it as it is then, with its decision and its creator.

    In two statements. One that locked and joined would wait for whoever holds the item, then read its row as they left it and,
    since PostgreSQL looks at the locked table alone once more, no decision at all: as if none had ever been made.

    Args:
        key: what the item is looked up by, such as `pk` or `key`.

    Raises:
        Item.DoesNotExist: there is none.
    """
    pk = Item.objects.select_for_update(of=("self",)).values_list("pk", flat=True).get(**key)
    return Item.objects.select_related("current_decision", "creator").get(pk=pk)


def items_locked(pks: Sequence[int]) -> list[Item]:
    """Lock items as `item_locked` does; return those that there are, in the order of their keys.

    In that order they are locked, too: two who lock many wait for each other, and never in a circle.
    """
    list(Item.objects.select_for_update(of=("self",)).filter(pk__in=pks).order_by("pk").values_list("pk"))
    return list(Item.objects.select_related("current_decision", "creator").filter(pk__in=pks).order_by("pk"))
