"""Keeps the demo's processes running: starts them, starts again what died, stops all in order. No Django here.

For one machine and one person; a deployment uses its own process manager (see deploy/).
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from console.demo.embedded import wait_gone

#: Waits before a dead process is started again; the last one repeats.
BACKOFF_SECONDS = (1, 2, 5, 10, 30)
#: A process that lived this long is well again: its next death starts at the first wait.
WELL_AFTER_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Program:
    """One process to keep running.

    Args:
        group: groups are stopped one after the other in ascending order, the programs of one together.
        grace_seconds: between the request to stop and the end of patience.
    """

    name: str
    argv: Sequence[str]
    group: int = 0
    grace_seconds: float = 10.0


@dataclass
class _Child:
    """A program with the process that is it now."""

    program: Program
    log: Path
    process: subprocess.Popen[bytes]
    started: float
    n_deaths: int = 0
    #: Monotonic time of the next start; None while the process lives.
    due: float | None = None


@dataclass
class Supervisor:
    """Runs programs with their output in one log file each.

    Args:
        say: takes one sentence for the person who watches.
    """

    programs: Sequence[Program]
    environment: dict[str, str]
    log_dir: Path
    say: Callable[[str], None]
    _children: list[_Child] = field(default_factory=list)

    def start(self) -> None:
        """Start every program."""
        self.log_dir.mkdir(parents=True, exist_ok=True)
        for program in self.programs:
            log = self.log_dir / f"{program.name}.log"
            self._children.append(_Child(program, log, self._spawn(program, log), time.monotonic()))

    def tick(self) -> None:
        """Look once at every process; start again what died and has waited long enough. Takes no time when all is well."""
        for child in self._children:
            if child.due is not None:
                self._revive(child)
            elif child.process.poll() is not None:
                self._bury(child)

    def pids(self) -> dict[str, int]:
        """Return the process id by name of what lives."""
        return {c.program.name: c.process.pid for c in self._children if c.process.poll() is None}

    def n_deaths(self, name: str) -> int:
        """Return how often in a row a program has died young."""
        return next(c.n_deaths for c in self._children if c.program.name == name)

    def log_of(self, name: str) -> Path:
        """Return a program's log file."""
        return self.log_dir / f"{name}.log"

    def stop(self) -> None:
        """Stop all, group by group: ask, wait, and at the end of a program's patience kill it with all it started."""
        for group in sorted({c.program.group for c in self._children}):
            members = [c for c in self._children if c.program.group == group]
            families = [_family(c.process) for c in members]
            for child in members:
                with suppress(ProcessLookupError):
                    child.process.terminate()
            for child in members:
                self._await(child)
            _end(process for family in families for process in family)
        self._children.clear()

    def _spawn(self, program: Program, log: Path) -> subprocess.Popen[bytes]:
        with private_file(log, "ab") as out:
            # A session of its own: Ctrl-C in the terminal reaches the supervisor alone, which stops in order.
            return subprocess.Popen(  # noqa: S603 - our own command lines
                program.argv, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True, preexec_fn=die_with_parent,
            )  # fmt: skip

    def _bury(self, child: _Child) -> None:
        now = time.monotonic()
        child.n_deaths = 1 if now - child.started > WELL_AFTER_SECONDS else child.n_deaths + 1
        wait = BACKOFF_SECONDS[min(child.n_deaths, len(BACKOFF_SECONDS)) - 1]
        child.due = now + wait
        how = _how_it_ended(child.process.returncode)
        self.say(f"{child.program.name} {how}; it is started again in {wait} s. Its log: {child.log}")

    def _revive(self, child: _Child) -> None:
        if child.due is not None and time.monotonic() >= child.due:
            child.process = self._spawn(child.program, child.log)
            child.started, child.due = time.monotonic(), None

    def _await(self, child: _Child) -> None:
        try:
            child.process.wait(child.program.grace_seconds)
        except subprocess.TimeoutExpired:
            self.say(f"{child.program.name} did not stop in {child.program.grace_seconds:.0f} s and is killed.")
            child.process.kill()
            child.process.wait()


def private_file(path: Path, mode: str) -> IO[Any]:
    """Open a file for writing that its owner alone may read, one that was there before included."""

    def opener(name: str, flags: int) -> int:
        descriptor = os.open(name, flags, 0o600)
        os.fchmod(descriptor, 0o600)
        return descriptor

    return open(path, mode, opener=opener)


def die_with_parent() -> None:
    """Ask the kernel to stop this process when its parent is gone, however that happened. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"


def _family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    family: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
    return family


def _end(processes: Iterable[psutil.Process]) -> None:
    """Kill what outlived the process that started it. psutil compares start times, so a reused id is left alone."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def end_process(pid: int, *, timeout_seconds: float) -> bool:
    """Ask a process that is not our child to stop, and wait.

    Returns:
        False where it still runs after the time.
    """
    try:
        process = psutil.Process(pid)
        process.terminate()
    except psutil.NoSuchProcess:
        return True
    return wait_gone(process, timeout_seconds)
