"""Confines a decoder, which a hostile file may have taken over: no files but its own, no sockets, no other processes, no new rights.

Landlock keeps files away, a seccomp filter (seccomp.py) sockets and processes. A process of root gives up its capabilities, and
where there is no Landlock it becomes a user of its own. `tried` finds out in a process of its own what really holds. No Django here,
and nothing that holds a secret.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from pathlib import Path

from moderation.detection.media.seccomp import (
    deny_syscalls,
    give_up_capabilities,
    give_up_new_privileges,
    has_no_new_privileges,
)

#: What can be used; each is used where the kernel and the process's rights allow it.
MEANS = ("landlock", "seccomp", "uid", "namespace")
#: The user that root's decoders become without Landlock; nobody else's number. Nothing belongs to it but what a decoder writes.
DEFAULT_UID = 64_117
_PROJECT = Path(__file__).resolve().parents[3]
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on every machine
_VERSION_QUESTION, _RULE_PATH_BENEATH = 1, 1
#: Rights over files by the Landlock version that knows them; what a kernel does not know it refuses to be asked.
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_NET_RIGHTS, _SCOPES = 0b11, 0b11  # TCP bind and connect (4); abstract sockets and signals (6)
_WRITE, _READ, _READ_DIR, _REMOVE, _MAKE, _TRUNCATE = 1 << 1, 1 << 2, 1 << 3, 1 << 5, 1 << 8, 1 << 14
#: Where the interpreter imports from: modules that are loaded late must be found.
_LIBRARIES = {sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
_TRIAL_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Confinement:
    """What holds, as tried: by which means files and sockets are out of reach ("" where they are not), and what got through."""

    files: str = ""
    sockets: str = ""
    has_no_new_rights: bool = False
    got_through: tuple[str, ...] = field(default=())

    @property
    def is_whole(self) -> bool:
        """Whether a decoder reaches nothing but its file and its folder."""
        return bool(self.files and self.sockets and self.has_no_new_rights and not self.got_through)

    def __str__(self) -> str:
        """One line for a log or a screen."""
        rights = "no new privileges" if self.has_no_new_rights else "privileges NOT held"
        held = f"files: {self.files or 'NOT HELD'}; sockets: {self.sockets or 'NOT HELD'}; {rights}"
        return f"{held}; got through: {', '.join(self.got_through)}" if self.got_through else held


def confine(
    *, files: Sequence[int], folder: int | None, means: Iterable[str] = MEANS, uid: int = DEFAULT_UID
) -> Confinement:
    """Confine this process for good; return what was applied.

    Args:
        files: descriptors of the files that may be read, besides the interpreter's own.
        folder: descriptor of the folder that may be written; it is given to the user that this process becomes.
        means: of MEANS, what may be used.
        uid: whom a process of root becomes.
    """
    means = frozenset(means)
    give_up_new_privileges()
    network = _leave_network() if "namespace" in means else ""
    held = _landlock(files, folder) if "landlock" in means else ""
    if held:
        give_up_capabilities()  # and stays who it is: another user might not be let through to the interpreter's own files
    elif "uid" in means and os.geteuid() == 0:
        held = _become(uid, folder)
    filtered = "seccomp" if "seccomp" in means and deny_syscalls() else ""
    # A network of one's own keeps from addresses, not from sockets in the file system.
    return Confinement(held, _join(filtered, network) if filtered else "", has_no_new_privileges())


def _join(*parts: str) -> str:
    return " and ".join(part for part in parts if part)


def _leave_network() -> str:
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        if libc.unshare(_CLONE_NEWNET) == 0 or libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
            return "a network of its own"
    return ""


def _become(uid: int, folder: int | None) -> str:
    """Give up root for good: with it go all capabilities."""
    with suppress(OSError):
        if folder is not None:
            os.fchown(folder, uid, uid)
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        return f"user {uid}"
    return ""


# --- Landlock ------------------------------------------------------------------------------------------------------


@cache
def landlock_version() -> int:
    """Return the kernel's Landlock version; 0 where it has none or it is switched off."""
    with suppress(OSError, AttributeError):
        return max(0, int(ctypes.CDLL(None).syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_QUESTION)))
    return 0


def _landlock(files: Sequence[int], folder: int | None) -> str:
    version = landlock_version()
    if version < 1:
        return ""
    handled = sum(bits for since, bits in _FILE_RIGHTS.items() if since <= version)
    libc = ctypes.CDLL(None, use_errno=True)
    rules = libc.syscall(_CREATE_RULESET, *_ruleset(handled, version), 0)
    if rules < 0:
        return ""
    for file in files:
        _allow(libc, rules, file, _READ)
    if folder is not None:
        _allow(libc, rules, folder, (_WRITE | _READ | _READ_DIR | _REMOVE | _MAKE | _TRUNCATE) & handled)
    for path in _LIBRARIES:
        with suppress(OSError):
            library = os.open(path, os.O_PATH | os.O_CLOEXEC)
            _allow(libc, rules, library, _READ | _READ_DIR)
            os.close(library)
    is_held = libc.syscall(_RESTRICT_SELF, rules, 0) == 0
    os.close(rules)
    return f"landlock {version}" if is_held else ""


def _ruleset(handled: int, version: int) -> tuple[ctypes.Array[ctypes.c_char], ctypes.c_size_t]:
    fields = [handled, *([_NET_RIGHTS] if version >= 4 else []), *([_SCOPES] if version >= 6 else [])]
    packed = struct.pack(f"={len(fields)}Q", *fields)
    return ctypes.create_string_buffer(packed, len(packed)), ctypes.c_size_t(len(packed))


def _allow(libc: ctypes.CDLL, rules: int, descriptor: int, rights: int) -> None:
    """Add a rule; one that is refused leaves the file out of reach."""
    rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, descriptor), 12)
    libc.syscall(_ADD_RULE, rules, _RULE_PATH_BENEATH, rule, 0)


# --- trying it -----------------------------------------------------------------------------------------------------


def try_out(*, private: Iterable[Path] = (), means: Iterable[str] = MEANS, uid: int = DEFAULT_UID) -> Confinement:
    """Return what holds here, having tried it in a process of its own (about 50 ms).

    Args:
        private: files and folders that must be out of reach; those that do not exist are left out.
        means, uid: as `confine`.
    """
    with tempfile.TemporaryDirectory(prefix="gh-confined-") as folder:
        (Path(folder) / "own").mkdir()
        for name in ("secret", "given"):
            file = Path(folder) / name
            file.touch(mode=0o600)
            file.write_text("x")
        question = {"folder": folder, "private": [str(p) for p in private], "means": [*means], "uid": uid}
        command = [sys.executable, "-m", "moderation.detection.media.lockdown", json.dumps(question)]
        try:
            done = subprocess.run(  # noqa: S603 - our own module
                command, cwd=_PROJECT, env=child_environment(), stdin=subprocess.DEVNULL, capture_output=True,
                timeout=_TRIAL_SECONDS, check=True,
            )  # fmt: skip
            answer = json.loads(done.stdout)
        except (OSError, ValueError, subprocess.SubprocessError):
            return Confinement(got_through=("it could not be tried",))
    return Confinement(**{**answer, "got_through": tuple(answer["got_through"])})


def child_environment() -> dict[str, str]:
    """Return all of the environment that a decoder gets: nothing of ours. Its libraries are told to start no threads."""
    alone = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(_PROJECT), "LANG": "C.UTF-8", **alone}


def _attempt(question: dict[str, object]) -> None:
    """Confine this process, then try what must fail; print what was applied and what got through all the same."""
    folder, private = Path(str(question["folder"])), question["private"]
    assert isinstance(private, list)  # noqa: S101 - for the type checker
    given, own = os.open(folder / "given", os.O_RDONLY), os.open(folder / "own", os.O_RDONLY)
    applied = confine(files=[given], folder=own, means=question["means"], uid=question["uid"])  # type: ignore[arg-type]
    attempts: dict[str, Callable[[], object]] = {
        "a private file": lambda: (folder / "secret").read_text(),
        "the owner's environment": lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
        "a socket of this machine": lambda: socket.socket(socket.AF_UNIX),
        "the network": lambda: socket.socket(socket.AF_INET),
        "another process": _fork,
        **{str(path): partial(_look, Path(path)) for path in private},
    }
    through = [name for name, attempt in attempts.items() if _succeeds(attempt)]
    sys.stdout.write(json.dumps({**asdict(applied), "got_through": through}))


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _look(path: Path) -> None:
    """Read of a file or a folder what there is."""
    if path.is_dir():
        os.listdir(path)
    else:
        path.open("rb").close()


def _succeeds(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    _attempt(json.loads(sys.argv[1]))
