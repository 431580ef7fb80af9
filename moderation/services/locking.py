"""Locking an item before it is decided on: the lock first, the reading after it."""

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
