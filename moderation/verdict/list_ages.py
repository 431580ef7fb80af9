"""How old a list in memory may be, and how long a judgement may take: what bounds when the last old verdict is stored."""

import time

#: No process uses a list (terms, banks, domains) that it could not compare with the database for so long.
LISTS_MAX_AGE_SECONDS = 15.0
#: A verdict that is not stored so long after its lists were read is thrown away, and the item judged again.
JUDGEMENT_MAX_SECONDS = 15.0
#: After a change of a list, and so long, whatever begins to be stored was judged with the new one.
SETTLED_AFTER_SECONDS = LISTS_MAX_AGE_SECONDS + JUDGEMENT_MAX_SECONDS


def is_overdue(read_at: float) -> bool:
    """Whether the lists were read more than JUDGEMENT_MAX_SECONDS ago: the settle pass may be over, so this verdict is not stored.

    To be asked where the transaction that stores the verdict has its id: whoever waits for that then finds the item.
    """
    return time.monotonic() - read_at > JUDGEMENT_MAX_SECONDS
