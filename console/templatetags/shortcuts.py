"""The keys of choices whose values only the template knows."""

from django import template

from console.shortcuts.actions import OUTCOME_KEYS

register = template.Library()


@register.filter
def outcome_key(outcome: int) -> str:
    """Return the first key of an outcome; empty for one that people do not choose."""
    return OUTCOME_KEYS.get(int(outcome), "")
