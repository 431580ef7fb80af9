"""`python -m console.server`: the web server with the options that its limits need, in a deployment as in the demo.

No Django here; the processes that granian starts load it.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
from collections.abc import Sequence

#: A request's line and headers have to come within this time, and so has the next request of a connection that is kept.
HEADER_MILLISECONDS = 10_000
#: Connections that one process holds; more wait in the kernel. Slow ones cost memory, about 20 kB each, and nothing else.
CONNECTIONS = 1_024
_BACKLOG = 2_048
_FILES = 8_192


def web_command(host: str, port: int, *, workers: int = 2) -> list[str]:
    """Return the command line of the web server.

    Args:
        workers: web processes; each runs WEB_THREADS threads of Django.
    """
    return [
        sys.executable, "-m", "granian", "--interface", "rsgi", "--host", host, "--port", str(port),
        "--workers", str(workers), "--runtime-mode", "st", "--loop", "asyncio", "--task-impl", "asyncio", "--no-ws",
        # One request at a time and connection, read by one parser: no streams to open by the hundred, as in HTTP/2.
        "--http", "1", "--http1-header-read-timeout", str(HEADER_MILLISECONDS), "--http1-buffer-size", "65536",
        "--backlog", str(_BACKLOG), "--backpressure", str(CONNECTIONS),
        "--respawn-failed-workers", "--workers-kill-timeout", "5", "console.rsgi:application",
    ]  # fmt: skip


def files_allow() -> None:
    """Let this process and its children open enough files for every connection that they may hold."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if most == resource.RLIM_INFINITY else min(_FILES, most)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def main(arguments: Sequence[str] | None = None) -> None:
    """Become the web server."""
    parser = argparse.ArgumentParser(prog="python -m console.server", description="Serve Gatehouse.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=2, help="web processes")
    options = parser.parse_args(arguments)
    files_allow()
    command = web_command(options.host, options.port, workers=options.workers)
    os.execv(command[0], command)  # noqa: S606 - our own command line


if __name__ == "__main__":
    main()
