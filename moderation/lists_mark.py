"""Which changes of lists a verdict knows of. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListsMark:
    """The changes that were committed at a moment. They are never deleted, so other ones have another count."""

    n: int
    newest: int
