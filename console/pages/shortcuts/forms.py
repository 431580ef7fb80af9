"""What people may type as their own keys: one field for each action."""

from collections.abc import Mapping
from typing import Any

from django import forms

from console.shortcuts.actions import ACTIONS, keys_of


class ShortcutForm(forms.Form):
    """A person's keys. The service checks them against one another, and says beside which field what is wrong."""

    is_off = forms.BooleanField(required=False)

    def __init__(self, *args: Any, chosen: Mapping[str, str], **kwargs: Any) -> None:
        """Take the keys that the person has chosen before."""
        super().__init__(*args, **kwargs)
        keys = keys_of(chosen)
        for action in ACTIONS:
            self.fields[action.slug] = forms.CharField(
                initial=keys[action.slug],
                max_length=8,  # room for what is refused with a sentence
                label=action.label,
                error_messages={"required": "Every action has a key; write one character."},
                widget=forms.TextInput(
                    {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "size": 3}
                ),
            )

    def rows(self) -> list[tuple[str, list[tuple[forms.BoundField, str]]]]:
        """Return the fields with the first keys, group by group."""
        groups: dict[str, list[tuple[forms.BoundField, str]]] = {}
        for action in ACTIONS:
            groups.setdefault(action.group, []).append((self[action.slug], action.key))
        return list(groups.items())

    def keys(self) -> dict[str, str]:
        """Return slug -> key as typed."""
        return {action.slug: self.cleaned_data[action.slug] for action in ACTIONS}
