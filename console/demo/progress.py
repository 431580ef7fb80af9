"""Says what the start of the demo does while it does it: a line for each stage with its counts and seconds. No Django here."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

#: Where nobody watches a terminal, a stage that goes on says so this often.
SIGN_OF_LIFE_SECONDS = 5.0
_TERMINAL_SECONDS = 0.5


@dataclass
class Stage:
    """One thing that takes its time. `result` stands on its last line, in place of the counts."""

    what: str
    n: int = 0
    of: int = 0
    result: str = ""
    began: float = field(default_factory=time.monotonic)

    def at(self, n: int, of: int) -> None:
        """Take how far it has come."""
        self.n, self.of = n, of

    def line(self, now: float) -> str:
        """Return what is said of it while it goes on."""
        far = f"{self.n} of {self.of}, " if self.of else ""
        return f"{self.what} ... {far}{now - self.began:.0f} s"

    def last_line(self, now: float) -> str:
        """Return what is said of it at its end."""
        far = f"{self.result}, " if self.result else f"{self.n} of {self.of}, " if self.n < self.of else ""
        return f"{self.what} ... {far}{now - self.began:.1f} s"


@contextmanager
def stage(what: str, *, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> Iterator[Stage]:
    """Say what goes on inside the block: on a terminal in one line that changes, elsewhere in a line every few seconds.

    Whatever else is printed inside the block begins on a line of its own only where `out` is no terminal.
    """
    out = out or sys.stdout
    is_terminal = out.isatty()
    told = Stage(what, began=clock())
    over = threading.Event()
    teller = threading.Thread(target=_tell, args=(told, over, out, is_terminal, clock), daemon=True)
    teller.start()
    try:
        yield told
    finally:
        over.set()
        teller.join()
        out.write(f"{_CLEAR if is_terminal else ''}{told.last_line(clock())}\n")
        out.flush()


_CLEAR = "\r\033[K"


def _tell(told: Stage, over: threading.Event, out: TextIO, is_terminal: bool, clock: Callable[[], float]) -> None:
    if is_terminal:
        out.write(f"{_CLEAR}{told.what} ...")
        out.flush()
    while not over.wait(_TERMINAL_SECONDS if is_terminal else SIGN_OF_LIFE_SECONDS):
        line = told.line(clock())
        out.write(f"{_CLEAR}{line}" if is_terminal else f"{line}\n")
        out.flush()
