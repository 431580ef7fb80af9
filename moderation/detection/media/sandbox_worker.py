"""The sandbox that decodes: a small server that forks per request.

Run as `python -m moderation.detection.media.sandbox_worker SOCKET TERMS`.

The server has its libraries loaded and never opens a file. Each request brings its file, and the folder for what is made of
it, as descriptors, and gets two forks: a worker that confines itself to those (lockdown.py) and answers with one line of JSON;
and a keeper that ends the worker when its time is up and says how it ended. Nothing here imports Django or anything that holds
a secret. TERMS is a JSON object: `means` and `uid` as `confine` takes them, `is_required`: without all of it nothing is decoded.
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
import cv2
from PIL import Image

from moderation.detection.media.decode import OutputFull, Refused, inspect, make_preview, take_apart
from moderation.detection.media.lockdown import Confinement, confine

_PR_SET_PDEATHSIG = 1
#: A request is one line: some hundreds of bytes.
_MAX_REQUEST = 16_384
#: A worker that got less than this share of a core had no chance: that says nothing about the file.
_STARVED_SHARE = 0.25
_REQUEST_SECONDS = 5.0
_VERBS = {"probe": inspect, "examine": take_apart, "preview": make_preview}


def serve(path: str, terms: dict[str, Any]) -> None:
    """Accept requests until the owner has died."""
    cv2.setNumThreads(1)  # a worker may start none
    Image.init()  # all of Pillow's formats: a worker that is another user may not get at the interpreter's files any more
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
            _in_fork(partial(_keep, connection, terms))
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


def _keep(connection: socket.socket, terms: dict[str, Any]) -> None:
    """Start the worker of one request, end it when its time is up, and say so where it could not say anything itself."""
    connection.settimeout(_REQUEST_SECONDS)
    request = _receive(connection)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    worker = os.fork()
    if worker == 0:
        _in_fork(partial(_work, connection, request, terms))
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


def _receive(connection: socket.socket) -> dict[str, Any]:
    """Return a request with the descriptors that came with it: `file`, and `folder` where something is to be written."""
    line, descriptors = b"", list[int]()
    while not line.endswith(b"\n") and len(line) < _MAX_REQUEST:
        part, found, _, _ = socket.recv_fds(connection, _MAX_REQUEST, 2)
        if not part:
            raise ValueError("the request was cut off")
        line, descriptors = line + part, descriptors + found
    return {**json.loads(line), **dict(zip(("file", "folder"), descriptors, strict=False))}


def _work(connection: socket.socket, request: dict[str, Any], terms: dict[str, Any]) -> None:
    kept = {connection.fileno(), request["file"], request.get("folder", request["file"])}
    try:
        held = _confine(request, terms, kept)
        if terms["is_required"] and not held.is_whole:
            answer = {"failed": "unavailable", "detail": f"not confined: {held}"}
        else:
            answer = _act(request)
    except MemoryError:
        answer = {"failed": "memory"}
    except OutputFull:
        answer = {"failed": "output"}
    except BaseException as error:
        answer = {"failed": "crashed", "detail": type(error).__name__}
    _say(connection, answer)


def _say(connection: socket.socket, answer: dict[str, Any]) -> None:
    """Write the answer: not send it, which is what a worker may not do any more."""
    left = memoryview(json.dumps(answer).encode() + b"\n")
    with suppress(OSError):
        while left:
            left = left[os.write(connection.fileno(), left) :]


def _confine(request: dict[str, Any], terms: dict[str, Any], kept: set[int]) -> Confinement:
    """Give this fork its limits, which the kernel enforces however the decoder misbehaves, and leave it its descriptors only."""
    _leave_descriptors(kept)
    limits, seconds, folder = request["limits"], request["seconds"], request.get("folder")
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory"], limits["memory"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits["output"], limits["output"]))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))  # no further process or thread; root is exempt from this one
    if folder is not None:
        os.fchdir(folder)
    av.logging.set_level(av.logging.PANIC)
    return confine(files=[request["file"]], folder=folder, means=terms["means"], uid=terms["uid"])


def _leave_descriptors(kept: set[int]) -> None:
    """Close what was inherited; what is printed goes nowhere, so that nobody writes into our log."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    edges = sorted(kept | {2})
    for low, high in zip(edges, [*edges[1:], resource.getrlimit(resource.RLIMIT_NOFILE)[0]], strict=True):
        os.closerange(low + 1, high)


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
    serve(sys.argv[1], json.loads(sys.argv[2]))
