"""Which changes of lists a verdict knows of."""

import math
from dataclasses import dataclass, field

from moderation.verdict.list_ages import is_overdue


@dataclass(frozen=True, slots=True)
class ListsMark:
    """The changes that were committed at a moment. They are never deleted, so other ones have another count.

    `read_at` is that moment, or earlier, by the monotonic clock of this process; without it a mark is never overdue.
    """

    n: int
    newest: int
    read_at: float = field(default=math.inf, compare=False)

    @property
    def is_overdue(self) -> bool:
        """Whether a verdict by the lists of then must not be stored any more."""
        return is_overdue(self.read_at)
