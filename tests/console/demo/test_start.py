"""`make demo`: it says in a sentence why it cannot start, and starts and stops everything when it can."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import urllib.request
from collections import namedtuple
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from console.demo import start
from console.demo.embedded import servers_in
from console.demo.supervisor import Program, Supervisor
from tests.support.places import ROOT

_OURS = (
    "DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "CELERY_BROKER_URL", "MEDIA_ROOT", "ENVIRONMENT", "SECRET_KEY", "PORT",
    "HOST",
)  # fmt: skip


@pytest.fixture
def var(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield an empty data directory with a short path, and an environment that names no servers."""
    root = Path(tempfile.mkdtemp(prefix="gh-demo-"))
    for name in _OURS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAR_DIR", str(root / "var"))
    yield root / "var"
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "console.demo.start", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_a_taken_port_is_named_with_what_to_do(var: Path, taken_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", str(taken_port))
    done = run("--check")
    assert done.returncode == 1
    assert done.stderr.strip().startswith(f"Port {taken_port} is in use. Stop what uses it, or choose another: PORT=")


@pytest.mark.parametrize("port", ["0", "70000", "web", "-1", ""])
def test_a_port_that_is_none_is_refused(var: Path, port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(start.StartError, match="is not a port"):
        start._port()


def test_the_next_free_port_is_taken_where_none_was_asked_for(
    var: Path, taken_port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(start, "_FIRST_PORT", taken_port)
    assert start._port() > taken_port
    assert f"Port {taken_port} is in use; Gatehouse takes" in capsys.readouterr().out


def test_a_full_disk_is_noticed_before_anything_starts(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 5 * 2**20))
    with pytest.raises(start.StartError, match="Only 5 MB are free"):
        start._check_disk(var)


def test_a_second_start_of_the_same_data_is_told_about_the_first(var: Path) -> None:
    var.mkdir(parents=True)
    with start._only_one(var):
        done = run("--check")
    assert done.returncode == 1
    assert f"runs already (process {os.getpid()})" in done.stderr
    assert run("--check").returncode == 0


def test_the_secret_is_made_once_and_for_its_owner_only(var: Path) -> None:
    var.mkdir(parents=True)
    assert start._secret_key(var) == start._secret_key(var)
    assert len(start._secret_key(var)) >= 32
    assert stat.S_IMODE((var / "secret_key").stat().st_mode) == 0o600


def test_servers_of_ones_own_are_used_and_none_started(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example.org/x")
    monkeypatch.setenv("REDIS_URL", "redis://cache.example.org/0")
    var.mkdir(parents=True)
    place = start.Place("127.0.0.1", 8000, var)
    assert start._servers(var) is None
    environment = start._environment(place, None)
    assert environment["DATABASE_URL"] == "postgresql://db.example.org/x"
    beside_redis = start._environment(place, servers_in(var))
    assert "DATABASE_OWNER_URL" not in beside_redis, "the embedded server's owner owns nothing of another server"
    assert "CELERY_BROKER_URL" not in environment


def test_a_reset_without_data_is_fine(var: Path) -> None:
    done = run("--reset")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_the_demo_starts_answers_and_stops_without_a_trace(var: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with out.open("w") as stdout:
        command = [sys.executable, "-m", "console.demo.start", "--no-fill"]
        # Where the tests run in a shell's background, Ctrl-C is ignored, and what is ignored is inherited.
        heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        demo = psutil.Popen(command, cwd=ROOT, stdout=stdout, stderr=stdout, preexec_fn=heed)
    try:
        url = _url_on_screen(demo, out)
        with urllib.request.urlopen(f"{url}/readyz", timeout=10) as answer:
            assert json.load(answer)["status"] == "ready"
        everyone = [demo, *demo.children(recursive=True), *_servers_of(var)]
        assert len(everyone) >= 11
        assert list(readable_by_others(var)) == []
        beside = subprocess.run(
            [sys.executable, "manage.py", "roles_sync"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (beside.returncode, beside.stderr.strip()) == (0, f"This works on the demo of {var.resolve()}.")
        demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=180) == 0  # five groups, each with its own patience, on a machine that is busy
    finally:
        if demo.is_running():
            demo.terminate()
            demo.wait(timeout=180)
    assert "environment    demo" in out.read_text()
    assert "decoders       files:" in out.read_text()
    assert [p for p in everyone if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
    assert run("--reset").returncode == 0
    assert not var.exists()


def readable_by_others(folder: Path) -> Iterator[str]:
    """Yield what others than the owners can read or write below a folder, or of it list."""
    for path in (folder, *folder.rglob("*")):
        mode = path.lstat().st_mode
        passed = all(above.stat().st_mode & 0o001 for above in path.parents if above.is_relative_to(folder))
        if passed and mode & 0o006 and not stat.S_ISLNK(mode):
            yield f"{path} {stat.filemode(mode)}"


def test_logs_are_for_their_owner_only_those_of_earlier_starts_included(tmp_path: Path) -> None:
    (tmp_path / "web.log").touch(mode=0o644)
    (tmp_path / "web.log").chmod(0o644)
    before = os.umask(0o022)
    try:
        supervisor = Supervisor(
            [Program("web", ["true"]), Program("beat", ["true"])], dict(os.environ), tmp_path, print
        )
        supervisor.start()
        supervisor.stop()
    finally:
        os.umask(before)
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_a_data_folder_of_an_earlier_start_is_closed_to_others(var: Path) -> None:
    var.mkdir(parents=True)
    var.chmod(0o755)
    assert run("--check").returncode == 0
    assert stat.S_IMODE(var.stat().st_mode) == 0o711


def _url_on_screen(demo: psutil.Popen, out: Path) -> str:
    for _ in range(3000):
        if "Ctrl-C stops all" in out.read_text():
            url: str = re.findall(r"Console +(\S+)/", out.read_text())[0]
            return url
        try:
            demo.wait(timeout=0.1)
        except psutil.TimeoutExpired:
            continue
        break
    raise AssertionError(out.read_text())


def _servers_of(var: Path) -> list[psutil.Process]:
    pids = servers_in(var).pids().values()
    return [psutil.Process(pid) for pid in pids]
