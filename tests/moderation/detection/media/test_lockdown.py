"""What holds a decoder that is in a stranger's hands: its own file and folder, no sockets, no endless time, memory or output."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from console import checks
from moderation.detection.media import sandbox, sandbox_settings
from moderation.detection.media.limits import DEFAULT_LIMITS, MediaExaminationFailed
from moderation.detection.media.lockdown import DEFAULT_UID, MEANS, Confinement, landlock_version, try_out
from tests.support.forms import mp4

#: Confines itself as a worker does and then tries things; what it finds goes into its folder, all else is out of its reach.
_CONFINED = """
import encodings.idna, json, os, socket, sys
from pathlib import Path
from moderation.detection.media import sandbox_worker

request = {
    "limits": {"memory": %(memory)d, "output": %(output)d}, "seconds": %(seconds)d,
    "file": os.open(sys.argv[1], os.O_RDONLY), "folder": os.open(sys.argv[2], os.O_RDONLY),
}
terms = {"means": %(means)r, "uid": %(uid)d, "is_required": False}
sandbox_worker._confine(request, terms, {request["file"], request["folder"]})

def can(act):
    try:
        act()
    except OSError:
        return False
    return True

def say(found):
    Path("said").write_text(json.dumps(found))

%(attempt)s
"""
without_landlock = pytest.mark.parametrize(
    "means",
    [
        pytest.param(
            ("landlock", "seccomp"), marks=pytest.mark.skipif(not landlock_version(), reason="no Landlock here")
        ),
        pytest.param(
            ("uid", "seccomp"), marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
        ),
    ],
)


def confined_run(
    folder: Path, attempt: str, *, seconds: int = 20, output: int = 2**20, means: tuple[str, ...] = MEANS
) -> subprocess.CompletedProcess[str]:
    """Run a few lines in a process that is confined like a decoder; `said` in the folder is what they say."""
    given, own = folder / "given", folder / "own"
    given.write_text("given")
    own.mkdir(exist_ok=True)
    code = _CONFINED % {
        "memory": DEFAULT_LIMITS.child_memory_bytes, "output": output, "seconds": seconds, "means": list(means),
        "uid": DEFAULT_UID, "attempt": textwrap.dedent(attempt),
    }  # fmt: skip
    command = [sys.executable, "-c", code, str(given), str(own)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def said(folder: Path) -> Any:
    return json.loads((folder / "own" / "said").read_text())


@without_landlock
def test_it_reads_its_file_and_writes_its_folder_and_nothing_of_ours(tmp_path: Path, means: tuple[str, ...]) -> None:
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("secret")
    kept = tmp_path / "var"
    kept.mkdir(mode=0o700)
    confined_run(
        tmp_path,
        f"""
        say([
            os.read(request["file"], 10).decode(),
            can(lambda: open({str(secret)!r}).read()),
            can(lambda: os.listdir({str(kept)!r})),
            can(lambda: open("/proc/{os.getpid()}/environ", "rb").read()),
            can(lambda: open({str(tmp_path / "new")!r}, "w")),
            can(lambda: os.chmod({str(secret)!r}, 0o644)),
            can(lambda: os.open({str(tmp_path / "own" / "x")!r}, os.O_CREAT | os.O_WRONLY)) or can(lambda: open("x", "w")),
        ])
        """,
        means=means,
    )
    assert said(tmp_path) == ["given", False, False, False, False, False, True]


@pytest.mark.skipif(not landlock_version(), reason="no Landlock here")
def test_what_everybody_may_read_is_out_of_reach_too(tmp_path: Path) -> None:
    readable = tmp_path / "everybodys"
    readable.write_text("x")
    readable.chmod(0o644)
    confined_run(
        tmp_path, f"say([can(lambda: open(p).read()) for p in ({str(readable)!r}, '/etc/passwd', {__file__!r})])"
    )
    assert said(tmp_path) == [False, False, False]


@without_landlock
def test_it_reaches_no_socket_of_this_machine_and_no_network(tmp_path: Path, means: tuple[str, ...]) -> None:
    path = tmp_path / "redis.sock"
    with socket.socket(socket.AF_UNIX) as server, socket.create_server(("127.0.0.1", 0)) as network:
        server.bind(str(path))
        path.chmod(0o777)
        server.listen()
        port = network.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        confined_run(
            tmp_path,
            f"""
            say([
                can(lambda: socket.socket(socket.AF_UNIX).connect({str(path)!r})),
                can(lambda: socket.create_connection(("127.0.0.1", {port}), timeout=5)),
                can(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
                can(socket.socketpair),
            ])
            """,
            means=means,
        )
    assert said(tmp_path) == [False, False, False, False]


@without_landlock
def test_it_starts_nothing_and_touches_no_other_process(tmp_path: Path, means: tuple[str, ...]) -> None:
    confined_run(
        tmp_path,
        f"""
        import signal
        say([
            can(os.fork),
            can(lambda: os.execv({sys.executable!r}, ["python", "-c", ""])),
            can(lambda: os.kill({os.getpid()}, signal.SIGCONT)),
            can(lambda: os.pidfd_open({os.getpid()})),
            can(lambda: os.setresuid(0, 0, 0) or os.chown("said", 1, 1)),
        ])
        """,
        means=means,
    )
    assert said(tmp_path) == [False] * 5


def test_it_inherits_no_file_and_no_variable_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "a secret of the owner's")
    (tmp_path / "clip.mp4").write_bytes(mp4())
    sandbox.probe(tmp_path / "clip.mp4")
    assert sandbox._server is not None
    environment = Path(f"/proc/{sandbox._server.process.pid}/environ").read_bytes()
    assert not {b"SECRET_KEY", b"DATABASE_URL", b"REDIS_URL"} & {
        pair.split(b"=")[0] for pair in environment.split(b"\0")
    }
    confined_run(tmp_path, "say([can(lambda n=n: os.fstat(n)) for n in range(3, 32) if n not in request.values()])")
    assert not any(said(tmp_path))


@pytest.mark.skipif(not landlock_version(), reason="no Landlock here")
def test_what_holds_is_found_by_trying(tmp_path: Path) -> None:
    (tmp_path / "private").touch()
    held = try_out(private=[tmp_path / "private", tmp_path])
    assert held.is_whole
    assert "landlock" in str(held)
    assert "seccomp" in str(held)
    bare = try_out(private=[tmp_path / "private", tmp_path], means=())
    assert not bare.is_whole
    assert set(bare.got_through) >= {"a private file", "the owner's environment", "the network", str(tmp_path)}
    assert "NOT HELD" in str(bare)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_without_landlock_a_user_of_its_own_holds_what_others_may_not_read(tmp_path: Path) -> None:
    private, open_to_all = tmp_path / "private", tmp_path / "open"
    for folder, mode in ((private, 0o700), (open_to_all, 0o755)):
        folder.mkdir()
        folder.chmod(mode)
    for above in (tmp_path, *tmp_path.parents):
        if above.stat().st_uid == os.geteuid() and Path(tempfile.gettempdir()) in above.parents:
            above.chmod(above.stat().st_mode | 0o011)
    held = try_out(private=[private], means=("uid", "seccomp"))
    assert held.is_whole, str(held)
    assert f"user {DEFAULT_UID}" in held.files
    assert try_out(private=[private, open_to_all], means=("uid", "seccomp")).got_through == (str(open_to_all),)


@without_landlock
def test_clips_are_taken_apart_whichever_way_it_is_held(
    tmp_path: Path, means: tuple[str, ...], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MEDIA_CONFINEMENT, settings.MEDIA_CONFINEMENT_REQUIRED = list(means), True
    monkeypatch.setattr(sandbox, "_server", None)
    (tmp_path / "clip.mp4").write_bytes(mp4())
    taken = sandbox.examine(tmp_path / "clip.mp4", tmp_path, want_audio=True)
    assert taken.frames[0].path.read_bytes().startswith(b"\xff\xd8")
    assert sandbox.preview(tmp_path / "clip.mp4", tmp_path).path.exists()


def test_where_it_must_hold_and_does_not_nothing_is_decoded(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MEDIA_CONFINEMENT, settings.MEDIA_CONFINEMENT_REQUIRED = ["seccomp"], True
    monkeypatch.setattr(sandbox, "_server", None)
    (tmp_path / "clip.mp4").write_bytes(mp4())
    with pytest.raises(MediaExaminationFailed, match="not confined") as failed:
        sandbox.probe(tmp_path / "clip.mp4")
    assert failed.value.reason == "unavailable"  # which says nothing about the file


def test_where_it_must_hold_and_does_not_nothing_starts(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MEDIA_CONFINEMENT_REQUIRED = True
    monkeypatch.setattr(checks, "confinement", lambda: Confinement(got_through=("the network",)))
    assert [message.id for message in checks._check_confinement()] == ["gatehouse.E019"]
    monkeypatch.setattr(checks, "confinement", sandbox_settings.confinement)


def test_memory_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    confined_run(
        tmp_path,
        """
        try:
            bytearray(8 * 2**30)
        except MemoryError:
            say("refused")
        """,
    )
    assert said(tmp_path) == "refused"


def test_a_file_beyond_the_limit_cannot_be_written(tmp_path: Path) -> None:
    confined_run(
        tmp_path,
        """
        import signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with open("large", "wb") as file:
            try:
                file.write(bytes(2**20))
                file.flush()
            except OSError as error:
                number = error.errno
                file.truncate(0)
                say(number)
                os._exit(0)
        """,
        output=2**16,
    )
    assert said(tmp_path) == 27  # EFBIG


def test_computing_for_too_long_ends_the_process(tmp_path: Path) -> None:
    done = confined_run(tmp_path, "while True: pass", seconds=1)
    assert done.returncode in {-24, -9}  # SIGXCPU, and SIGKILL where that was not enough


def test_it_can_gain_no_rights_and_leaves_no_core(tmp_path: Path) -> None:
    confined_run(
        tmp_path,
        """
        import resource
        from moderation.detection.media.seccomp import has_no_new_privileges
        say([has_no_new_privileges(), resource.getrlimit(resource.RLIMIT_CORE)])
        """,
    )
    assert said(tmp_path) == [True, [0, 0]]
