"""Writing a person's own keys."""

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from console.models import Shortcuts
from console.shortcuts.actions import BY_SLUG, clashes_in, fault_of, keys_of
from moderation.audit.log import audit_write


class ShortcutsInvalid(Exception):
    """Some keys cannot be as a person wants them; `faults` says why, by the action's slug."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(faults.values()))
        self.faults = dict(faults)


@transaction.atomic
def shortcuts_save(*, actor: User, keys: Mapping[str, str], is_off: bool, now: datetime) -> Shortcuts:
    """Store the actor's own keys in the place of what they had chosen before.

    Args:
        keys: slug of an action -> one character; an action that is not named keeps its first key.
        is_off: no single character does anything; Enter and what is pressed with Ctrl still do.

    Raises:
        ShortcutsInvalid: an action is unknown, a key is no single character or a digit, or two actions would have the same.
    """
    wanted = {slug: key.strip().lower() for slug, key in keys.items()}
    faults = {slug: "There is no such action." for slug in wanted if slug not in BY_SLUG}
    faults |= {slug: fault for slug, key in wanted.items() if slug in BY_SLUG and (fault := fault_of(key))}
    known = {slug: key for slug, key in wanted.items() if slug not in faults}
    faults = clashes_in(keys_of(known)) | faults
    if faults:
        raise ShortcutsInvalid(faults)
    chosen = {slug: key for slug, key in known.items() if key != BY_SLUG[slug].key}
    values = {"keys": chosen, "is_off": is_off, "updated_at": now}
    saved, _ = Shortcuts.objects.update_or_create(user=actor, defaults=values)
    audit_write(
        actor=actor, action="shortcuts.saved", object_type="user", object_key=actor.get_username(),
        n_chosen=len(chosen), is_off=is_off,
    )  # fmt: skip
    return saved
