"""What keys a person has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from django.contrib.auth.models import AnonymousUser, User

from console.models import Shortcuts
from console.shortcuts.actions import ACTIONS, Action, keys_of


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """A person's keys: `chosen` is slug -> key where it is not the first one."""

    chosen: Mapping[str, str]
    is_off: bool

    @property
    def remap(self) -> str:
        """First key -> own key, as JSON for the script."""
        return json.dumps({action.key: self.chosen[action.slug] for action in ACTIONS if action.slug in self.chosen})

    @property
    def groups(self) -> list[tuple[str, list[tuple[Action, str]]]]:
        """All actions with their keys, group by group."""
        keys = keys_of(self.chosen)
        grouped = groupby(ACTIONS, key=lambda action: action.group)
        return [(name, [(action, keys[action.slug]) for action in actions]) for name, actions in grouped]


def own_keys(user: User | AnonymousUser) -> OwnKeys:
    """Return a person's keys. `console.backends` reads them with the person, so this costs no query in a request."""
    if isinstance(user, AnonymousUser) or not user.is_authenticated:
        return OwnKeys({}, is_off=False)
    try:
        row: Shortcuts = user.shortcuts
    except Shortcuts.DoesNotExist:
        return OwnKeys({}, is_off=False)
    return OwnKeys(row.keys, row.is_off)
