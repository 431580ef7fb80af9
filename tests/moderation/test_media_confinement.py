"""What holds a decoder that is in a stranger's hands: no network, no endless time, memory or output."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import textwrap

import pytest

from moderation.media.limits import DEFAULT_LIMITS

#: Confines itself as a worker does and then tries things; root keeps its rights in the test, as in a container.
_CONFINED = """
import json, os, socket, sys
from moderation.media import child

limits = {"memory": %(memory)d, "output": %(output)d}
child._confine(limits, %(seconds)d)
%(attempt)s
"""


def confined(attempt: str, *, seconds: int = 20, output: int = 2**20) -> subprocess.CompletedProcess[str]:
    """Run a few lines in a process that is confined like a decoder."""
    code = _CONFINED % {
        "memory": DEFAULT_LIMITS.child_memory_bytes, "output": output, "seconds": seconds, "attempt": textwrap.dedent(attempt),
    }  # fmt: skip
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


def can_leave_the_network() -> bool:
    code = "import ctypes; libc = ctypes.CDLL(None); raise SystemExit(libc.unshare(0x40000000) and libc.unshare(0x50000000))"
    return subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not can_leave_the_network(), reason="the kernel gives no network namespace here")
def test_it_reaches_nobody_not_even_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        done = confined(f"""
            try:
                socket.create_connection(("127.0.0.1", {port}), timeout=5)
                print("connected")
            except OSError as error:
                print(type(error).__name__)
        """)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "OSError"


def test_memory_beyond_the_limit_is_refused() -> None:
    done = confined("""
        try:
            bytearray(8 * 2**30)
        except MemoryError:
            print("refused")
    """)
    assert done.stdout.strip() == "refused", done.stderr


def test_a_file_beyond_the_limit_cannot_be_written() -> None:
    done = confined(
        """
        import signal, tempfile
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with tempfile.TemporaryFile() as file:
            try:
                file.write(bytes(2**20))
                file.flush()
            except OSError as error:
                print(error.errno)
        """,
        output=2**16,
    )
    assert done.stdout.strip() == "27", done.stderr  # EFBIG


def test_computing_for_too_long_ends_the_process() -> None:
    done = confined("while True: pass", seconds=1)
    assert done.returncode in {-24, -9}  # SIGXCPU, and SIGKILL where that was not enough


def test_it_can_gain_no_rights_and_leaves_no_core() -> None:
    done = confined("""
        import resource
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
        print(json.dumps([status["NoNewPrivs"].strip(), resource.getrlimit(resource.RLIMIT_CORE)]))
    """)
    assert json.loads(done.stdout) == ["1", [0, 0]], done.stderr
