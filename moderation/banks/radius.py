"""What a bank matches of what is stored, before it is switched. Reads only."""

from moderation.banks.queries import entry_newest
from moderation.detection.hashes.pdq import PDQ_MAX_DISTANCE
from moderation.live import banks as live_banks
from moderation.models import HashBank, HashEntry, Item, ListChange
from moderation.models.lists import ListKind
from moderation.rejudge.list_subjects import select_concerned
from moderation.rejudge.look_ahead import look_ahead
from moderation.wide.radius import ListRadius

#: A picture that is so many bits farther from a hash than a match may be is a near miss.
_NEAR_BITS = 8


def bank_radius(bank: HashBank, *, after: int | None = None) -> ListRadius:
    """Return which stored items a bank would match, all of it in force, and which are only a few bits too far.

    Args:
        after: only the entries that came after this one, by primary key; near misses are not looked for then.

    Raises:
        ListsUnavailable: the banks are not loaded.
    """
    index, only = live_banks.current().view.index, frozenset({bank.slug})

    def is_near(item: Item) -> bool:
        file = item.media if item.media and item.media.pdq else item.cover
        if after is not None or index is None or file is None or not file.pdq:
            return False
        return bool(index.nearest(file.pdq, max_distance=PDQ_MAX_DISTANCE + _NEAR_BITS, n=1, slugs=only))

    subject = {"bank": bank.pk}
    if after is not None:
        subject |= {"after": after, "until": entry_newest(HashEntry.objects.all())}
    found = look_ahead(select_concerned(ListChange(kind=ListKind.BANKS, subject=subject)), is_near)
    return ListRadius.of(found.hits, found.near, found.n_looked_at, is_whole=found.is_whole)
