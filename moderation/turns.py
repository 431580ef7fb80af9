"""Who may wait lets others go first: uploads that a campaign holds are judged one at a time in a process.

A wave brings more uploads in a second than all other people together. Nothing of it is served, and nobody of it is in a hurry.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Whoever has waited so long goes on without a turn: a request that hangs must not keep the others.
_PATIENCE_SECONDS = 0.25

_turn = threading.Semaphore(1)


@contextmanager
def turn_taken() -> Iterator[None]:
    """Run the body when no other thread of the process runs such a body, or after a quarter of a second."""
    is_taken = _turn.acquire(timeout=_PATIENCE_SECONDS)
    try:
        yield
    finally:
        if is_taken:
            _turn.release()
