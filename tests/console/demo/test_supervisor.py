"""The demo's supervisor: what dies comes back, what is stopped leaves nothing behind."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from console.demo import supervisor as supervisor_module
from console.demo.supervisor import Program, Supervisor, end_process

SLEEP = "import time; time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
PARENT = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session=True); time.sleep(60)"


def python(name: str, code: str, *, group: int = 0, grace_seconds: float = 10.0) -> Program:
    return Program(name, [sys.executable, "-c", code], group, grace_seconds)


def until(condition: Callable[[], object], *, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


class Watched:
    """A supervisor, with what it said."""

    def __init__(self, log_dir: Path) -> None:
        self.log_dir = log_dir
        self.said: list[str] = []
        self.supervisor = Supervisor([], dict(os.environ), log_dir, self.said.append)

    def start(self, *programs: Program) -> Supervisor:
        self.supervisor = Supervisor(programs, dict(os.environ), self.log_dir, self.said.append)
        self.supervisor.start()
        return self.supervisor


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path / "log")
    yield watched
    watched.supervisor.stop()


def test_a_stop_leaves_no_process_not_even_grandchildren(watched: Watched) -> None:
    running = watched.start(python("parent", PARENT), python("plain", SLEEP, group=1))
    until(lambda: psutil.Process(running.pids()["parent"]).children())
    # Only these: a test before this one may have left a server of its own in this process.
    started = [psutil.Process(pid) for pid in running.pids().values()]
    everyone = [*started, *(child for process in started for child in process.children(recursive=True))]
    running.stop()
    assert running.pids() == {}
    until(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in everyone))


def test_a_process_that_does_not_stop_is_killed_and_said_so(watched: Watched) -> None:
    running = watched.start(python("stubborn", STUBBORN, grace_seconds=0.2))
    until(lambda: running.log_of("stubborn").read_text() == "up\n")
    running.stop()
    assert watched.said == ["stubborn did not stop in 0 s and is killed."]


def test_a_dead_process_is_started_again_and_said_so(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "BACKOFF_SECONDS", (0,))
    running = watched.start(python("worker", SLEEP))
    before = running.pids()["worker"]
    psutil.Process(before).kill()

    def is_another() -> bool:
        running.tick()
        return running.pids().get("worker", before) != before

    until(is_another)
    assert watched.said[0].startswith("worker was ended by SIGKILL; it is started again")


def test_a_process_that_keeps_dying_waits_longer_each_time(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "BACKOFF_SECONDS", (0, 0, 30))
    running = watched.start(python("broken", "raise SystemExit(3)"))

    def has_died_thrice() -> bool:
        running.tick()
        return running.n_deaths("broken") == 3

    until(has_died_thrice)
    for _ in range(5):
        running.tick()
    assert running.n_deaths("broken") == 3
    assert "ended with code 3; it is started again in 30 s" in watched.said[-1]


def test_groups_stop_one_after_the_other(watched: Watched, tmp_path: Path) -> None:
    note = f"import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (open({str(tmp_path / 'order')!r}, 'a').write(sys.argv[1]), sys.exit())); print('up', flush=True); time.sleep(60)"
    programs = [Program(name, [sys.executable, "-c", note, name], int(name)) for name in ("2", "0", "1")]
    running = watched.start(*programs)
    until(lambda: all(running.log_of(p.name).read_text() for p in programs))
    running.stop()
    assert (tmp_path / "order").read_text() == "012"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_the_processes_end_with_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    code = f"""
import os, sys, time
from pathlib import Path
from console.demo.supervisor import Program, Supervisor
s = Supervisor([Program("a", [sys.executable, "-c", {SLEEP!r}])], dict(os.environ), Path({str(tmp_path)!r}), print)
s.start(); print(s.pids()["a"], flush=True); time.sleep(60)
"""
    process = psutil.Popen([sys.executable, "-c", code], stdout=-1)
    child = psutil.Process(int(process.stdout.readline()))
    process.kill()
    process.wait()
    process.stdout.close()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_ending_a_process_that_is_gone_is_fine() -> None:
    process = psutil.Popen([sys.executable, "-c", ""])
    process.wait()
    assert end_process(process.pid, timeout_seconds=1)
