"""The decision in force of an item that has one."""

from __future__ import annotations

from moderation.models import Decision, Item


def decision_of(item: Item) -> Decision:
    """Return the item's decision; an item without one fails the test."""
    decision = item.current_decision
    assert decision is not None, f"{item.external_id} has no decision"
    return decision
