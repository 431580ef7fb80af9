"""Reads the lists in force beside policy versions (terms, banks, domains), and the mark that says which changes were seen.

Terms, banks and domains are held in memory by every process, at most LISTS_MAX_AGE_SECONDS old (ADR 25).
"""

import time

from django.db import connection

from moderation.exceptions import ModerationError
from moderation.live import banks as live_banks
from moderation.live import domains as live_domains
from moderation.live import emergency_terms
from moderation.verdict.lists_mark import ListsMark

_MARK = "SELECT count(*), coalesce(max(id), 0) FROM moderation_listchange"


class ListsUnavailable(ModerationError):
    """What is in force could not be read: nothing stored can be judged now, and stays as it is."""


class ListsChanged(ModerationError):
    """A list changed while something was judged with the old one; judge it again."""


def lists_mark() -> ListsMark:
    """Return the mark of now, as the caller's transaction sees it."""
    read_at = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(_MARK)
        n, newest = cursor.fetchone()
    return ListsMark(n, newest, read_at)


def lists_refresh() -> ListsMark:
    """Read all lists anew on the calling thread; return a mark of no later than what was read.

    Raises:
        ListsUnavailable: one of them could not be read.
    """
    mark = lists_mark()
    if not emergency_terms.read_again():
        raise ListsUnavailable("The emergency terms could not be read.")
    if not live_domains.read_again():
        raise ListsUnavailable("The lists of domains could not be read.")
    if not live_banks.current().try_refresh():
        raise ListsUnavailable("The hash banks could not be read.")
    return mark
