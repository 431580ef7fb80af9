"""Taking the role of the database's owner for what the application may not: migrations, grants, indexes made by hand."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper


class RolesInvalid(RuntimeError):
    """The two roles of the database are not what they should be; the message says what to do."""


@contextmanager
def as_owner(alias: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Run the block over a connection of DATABASE_OWNER_URL's role; over the usual one where that is not set.

    The database's name stays the connection's own: tests have others than the address says.

    Raises:
        RolesInvalid: a transaction is open, which would be lost with its connection.
    """
    ours = connections[alias]
    if not settings.DATABASE_OWNER or _is_owner(ours):
        yield
        return
    if ours.in_atomic_block:
        raise RolesInvalid("Another role needs another connection, and a transaction is open on this one.")
    ours.close()
    before = ours.settings_dict
    ours.settings_dict = {**before, **settings.DATABASE_OWNER}  # this thread's alone: others go on as the application
    try:
        yield
    finally:
        ours.close()
        ours.settings_dict = before


def _is_owner(ours: BaseDatabaseWrapper) -> bool:
    return bool(ours.settings_dict["USER"] == settings.DATABASE_OWNER["USER"])
