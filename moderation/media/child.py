"""The confined side of decoding. Run as `python -m moderation.media.child SOCKET`: a small server that forks per request.

The server has its libraries loaded and never opens a file. Each request gets two forks: a worker that limits itself, opens
the one file it was asked about and answers with one line of JSON; and a keeper that ends the worker when its time is up
and says how it ended. Nothing here imports Django or anything that holds a secret.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import av

from moderation.media.taking_apart import OutputFull, Refused, inspected, previewed, taken_apart

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
#: A worker that got less than this share of a core had no chance: that says nothing about the file.
_STARVED_SHARE = 0.25
_REQUEST_SECONDS = 5.0
_VERBS = {"probe": inspected, "examine": taken_apart, "preview": previewed}


def serve(path: str) -> None:
    """Accept requests until the owner has died."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the keepers
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path)
    server.listen(64)
    server.settimeout(1.0)
    print("ready", flush=True)  # noqa: T201 - the owner waits for this line
    owner = os.getppid()
    while os.getppid() == owner:
        try:
            connection, _ = server.accept()
        except TimeoutError:
            continue
        if os.fork() == 0:
            server.close()
            _in_fork(partial(_keep, connection))
        connection.close()
    with suppress(OSError):  # the owner did not come to it
        os.unlink(path)
        os.rmdir(os.path.dirname(path))


def _in_fork(act: Callable[[], None]) -> None:
    """Run and end this fork, whatever happens: nothing may return into the server's loop."""
    with suppress(BaseException):
        _end_with_parent()
        act()
    os._exit(0)


def _end_with_parent() -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _keep(connection: socket.socket) -> None:
    """Start the worker of one request, end it when its time is up, and say so where it could not say anything itself."""
    connection.settimeout(_REQUEST_SECONDS)
    request = json.loads(connection.makefile().readline())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    worker = os.fork()
    if worker == 0:
        _in_fork(partial(_work, connection, request))
    is_late = False

    def end(*_: object) -> None:
        nonlocal is_late
        is_late = True
        os.kill(worker, signal.SIGKILL)

    signal.signal(signal.SIGALRM, end)
    signal.alarm(request["seconds"])
    _, status, usage = os.wait4(worker, 0)
    if os.WIFSIGNALED(status):
        cpu_share = (usage.ru_utime + usage.ru_stime) / request["seconds"]
        _say(connection, {"failed": _why(os.WTERMSIG(status), is_late, cpu_share), "detail": _name(status)})


def _why(number: int, is_late: bool, cpu_share: float) -> str:
    if is_late:
        return "unavailable" if cpu_share < _STARVED_SHARE else "timeout"
    return "timeout" if number == signal.SIGXCPU else "crashed"


def _name(status: int) -> str:
    return signal.Signals(os.WTERMSIG(status)).name


def _work(connection: socket.socket, request: dict[str, Any]) -> None:
    try:
        _confine(request["limits"], request["seconds"])
        answer = _act(request)
    except MemoryError:
        answer = {"failed": "memory"}
    except OutputFull:
        answer = {"failed": "output"}
    except BaseException as error:
        answer = {"failed": "crashed", "detail": type(error).__name__}
    _say(connection, answer)


def _say(connection: socket.socket, answer: dict[str, Any]) -> None:
    with suppress(OSError):
        connection.sendall(json.dumps(answer).encode() + b"\n")


def _confine(limits: dict[str, int], seconds: int) -> None:
    """Give this fork its limits; the kernel enforces them however the decoder misbehaves."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory"], limits["memory"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits["output"], limits["output"]))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _give_up_rights()
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))  # no further process or thread; root is exempt from this one
    av.logging.set_level(av.logging.PANIC)


def _give_up_rights() -> None:
    """Gain no rights by starting programs; leave the network, where the kernel lets us, as root or in a namespace."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if libc.unshare(_CLONE_NEWNET) != 0:
            libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def _act(request: dict[str, Any]) -> dict[str, Any]:
    try:
        return _VERBS[request["verb"]](request)
    except Refused as error:
        return {"refused": error.code, "detail": error.detail}
    except MemoryError:
        raise  # libav's own is an FFmpegError too, and says nothing about the file
    except (av.FFmpegError, ArithmeticError, ValueError, IndexError, EOFError) as error:
        return {"refused": "damaged", "detail": f"The clip cannot be decoded: {type(error).__name__}."}


if __name__ == "__main__":
    serve(sys.argv[1])
