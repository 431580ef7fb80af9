"""The life of a policy version as a table. Nothing here reads or writes; `services` and a trigger follow it."""

from policies.errors import PolicyError

#: state -> the states that may follow. A version never goes back to draft: a change is a new version.
TRANSITIONS: dict[str, tuple[str, ...]] = {
    "draft": ("in_review", "retired"),  # a discarded draft is retired: what was done to it stays on record
    "in_review": ("shadow", "canary", "active", "retired"),
    "shadow": ("canary", "active", "retired"),
    "canary": ("shadow", "active", "retired"),
    "active": ("retired",),
    "retired": ("active",),  # rollback in one step
}


def is_allowed(old: str, new: str) -> bool:
    """Tell whether a version in state `old` may go to `new`."""
    return new in TRANSITIONS.get(old, ())


def check_transition(old: str, new: str) -> None:
    """Return quietly where the table allows the move.

    Raises: PolicyError naming both states, where it does not.
    """
    if not is_allowed(old, new):
        raise PolicyError("state", f"a version cannot go from {old} to {new}")
