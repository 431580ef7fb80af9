"""`python -m console.demo.start`: the whole of Gatehouse on one machine, filled with demo content. `make demo` calls it.

It needs no settings: servers, secrets and data live in var/. No Django here; management commands run in processes of their own.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from console.command_line import DEMO_SETTINGS
from console.demo.embedded import EmbeddedError, Servers, servers_in
from console.demo.progress import stage
from console.demo.screen import RUNS_AS, screen
from console.demo.supervisor import Program, Supervisor, die_with_parent, end_process, private_file

ROOT = Path(__file__).resolve().parents[2]
#: Worker -> the queues it reads, the first ones first.
WORKERS = {
    "intake": "intake",
    "deep": "deep.io,deep.cpu,deep.gpu,deep.rerun",
    "housekeeping": "housekeeping",
}
#: Folder of the demo's files, below the data directory.
CONTENT = "demo-content"
#: File there that says that the demo was filled, and with what.
FILLED = "demo-filled.json"
#: Processes that draw or examine at once, whatever the machine has.
_MOST_AT_ONCE = 4
#: While the demo is filled nobody waits for an upload, so that what is late on a busy machine is waited for.
_UNHURRIED = {"ONPATH_DEADLINE_MS": "5000", "LOG_LEVEL": "WARNING"}
_DISK_MB = 1024
_FIRST_PORT = 8000
_N_PORTS = 20
_READY_SECONDS = 90
#: How often the processes are looked at; a look costs microseconds.
_LOOK_SECONDS = 0.5


class StartError(RuntimeError):
    """The demo cannot start; the message says what to do."""


@dataclass(frozen=True)
class Place:
    """Where the demo answers and where its data lies."""

    host: str
    port: int
    var: Path

    @property
    def url(self) -> str:
        """The address for a browser on this machine."""
        return f"http://{'127.0.0.1' if self.host in {'0.0.0.0', '::'} else self.host}:{self.port}"  # noqa: S104


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo until it is told to stop; return the exit status."""
    os.umask(0o077)  # passwords, uploads and logs are written below var/: nobody else reads them
    options = _options(arguments)
    for signum in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, _interrupt)
    var = Path(os.environ.get("VAR_DIR") or ROOT / "var").resolve()
    try:
        if options.reset:
            return _reset(var)
        return _run(options, var)
    except (StartError, EmbeddedError) as error:
        sys.stderr.write(f"\n{error}\n")
    except OSError as error:
        sys.stderr.write(f"\n{_explain(error, var)}\n")
    except KeyboardInterrupt:
        return 0
    return 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m console.demo.start", description="Start Gatehouse with demo content."
    )
    parser.add_argument("--check", action="store_true", help="say whether it could start here, and stop")
    parser.add_argument("--no-fill", action="store_true", help="start without submitting demo content")
    parser.add_argument("--exit-after-fill", action="store_true", help="stop as soon as the demo stands")
    parser.add_argument("--reset", action="store_true", help="stop a running demo and remove its data")
    return parser.parse_args(arguments)


def _interrupt(*_: Any) -> NoReturn:
    raise KeyboardInterrupt


def _say(text: str = "") -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _explain(error: OSError, var: Path) -> str:
    if "No space left" in str(error):
        return f"The disk of {var} is full. Free some space and start again; nothing committed is lost."
    return f"{error.filename or var}: {error.strerror}."


# --- before anything starts ----------------------------------------------------------------------------------------


def _run(options: argparse.Namespace, var: Path) -> int:
    var.mkdir(parents=True, exist_ok=True)
    var.chmod(var.stat().st_mode & 0o711)  # PostgreSQL's account may have to pass through, and no more
    with _only_one(var):
        _check_disk(var)
        place = Place(os.environ.get("HOST") or "127.0.0.1", _port(), var)
        if options.check:
            _say(f"Gatehouse can start here: {place.url}, data in {var}.")
            return 0
        return _serve(options, place)


@contextmanager
def _only_one(var: Path) -> Iterator[None]:
    """Hold the lock of a data directory; the file names the holder.

    Raises:
        StartError: another start holds it.
    """
    with (var / "start.pid").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(
                f"The demo of {var} runs already (process {_holder(var)}). Open it, or stop it there with Ctrl-C."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _holder(var: Path) -> int | None:
    """Return the process that holds the lock, None where nobody does."""
    try:
        with (var / "start.pid").open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return int((var / "start.pid").read_text() or 0) or None
    except OSError:
        pass
    return None


def _check_disk(var: Path) -> None:
    free_mb = shutil.disk_usage(var).free // 2**20
    if free_mb < _DISK_MB:
        raise StartError(
            f"Only {free_mb} MB are free on the disk of {var}; the demo needs {_DISK_MB} MB. Free some space."
        )


def _port() -> int:
    """Return the port to answer on: PORT if set, else the first free one from 8000.

    Raises:
        StartError: PORT is no port or is taken, or none is free.
    """
    wanted = os.environ.get("PORT")
    if wanted is None:
        return _first_free()
    if not wanted.isdigit() or not 0 < int(wanted) < 65536:
        raise StartError(f"PORT={wanted} is not a port; use a number from 1 to 65535.")
    if not _is_free(int(wanted)):
        raise StartError(
            f"Port {wanted} is in use. Stop what uses it, or choose another: PORT={int(wanted) + 1} make demo"
        )
    return int(wanted)


def _first_free() -> int:
    for port in range(_FIRST_PORT, _FIRST_PORT + _N_PORTS):
        if _is_free(port):
            if port != _FIRST_PORT:
                _say(f"Port {_FIRST_PORT} is in use; Gatehouse takes {port}.")
            return port
    raise StartError(
        f"No port from {_FIRST_PORT} to {_FIRST_PORT + _N_PORTS - 1} is free. Choose one: PORT=9000 make demo"
    )


def _is_free(port: int) -> bool:
    host = os.environ.get("HOST") or "127.0.0.1"
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise StartError(f"Port {port} is for root only. Choose one above 1023: PORT=8080 make demo") from None
        except OSError:
            return False
    return True


# --- the run -------------------------------------------------------------------------------------------------------


def _serve(options: argparse.Namespace, place: Place) -> int:
    """Start everything, wait, stop everything; the order of stopping is the reverse of need."""
    drawing = [] if options.no_fill or _is_filled(place) else _draw(place)
    servers: Servers | None = None
    supervisor: Supervisor | None = None
    try:
        servers = _servers(place.var)
        environment = _environment(place, servers)
        _leave_settings(place.var, environment)
        _prepare(place, environment)
        # Preparing took the owner's role; what runs from now on does not even know its password.
        running = {name: value for name, value in environment.items() if name != "DATABASE_OWNER_URL"}
        supervisor = Supervisor(programs(place), running, place.var / "log", _say)
        supervisor.start()
        _wait_ready(place, supervisor)
        status = 0 if options.no_fill else _fill(place, supervisor, running)
        if not options.exit_after_fill:
            _say(_screen(place, supervisor, servers))
            _watch(supervisor)
        return status
    except KeyboardInterrupt:
        return 0
    finally:
        for process in drawing:
            process.terminate()
        _stop(supervisor, servers)


def _screen(place: Place, supervisor: Supervisor, servers: Servers | None) -> str:
    return screen(
        url=place.url,
        var=place.var,
        log_dir=supervisor.log_dir,
        pids=supervisor.pids(),
        server_pids=servers.pids() if servers else {},
    )


def _watch(supervisor: Supervisor) -> NoReturn:
    while True:
        time.sleep(_LOOK_SECONDS)
        supervisor.tick()


def _stop(supervisor: Supervisor | None, servers: Servers | None) -> None:
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)  # a second Ctrl-C must not leave half of it running
    _say("\nStopping ...")
    if supervisor:
        supervisor.stop()
    if servers:
        servers.stop()
    _say("Stopped. Your data is kept; `make demo` goes on from here.")


def _servers(var: Path) -> Servers | None:
    """Start the embedded servers, unless the environment names others for both."""
    if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        return None
    servers = servers_in(var)
    with stage("Starting PostgreSQL and Redis"), _defer_interrupts():
        servers.start(postgres="DATABASE_URL" not in os.environ, redis="REDIS_URL" not in os.environ)
    return servers


@contextmanager
def _defer_interrupts() -> Iterator[None]:
    """Put off Ctrl-C until the block is done: a server caught in mid-start would be nobody's."""
    asked: list[int] = []
    signums = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {signum: signal.signal(signum, lambda signum, _: asked.append(signum)) for signum in signums}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
    if asked:
        raise KeyboardInterrupt


def _is_filled(place: Place) -> bool:
    """Return whether an earlier start says so; demo_fill looks whether it is true of this database."""
    return (place.var / FILLED).exists()


def _draw(place: Place) -> list[subprocess.Popen[bytes]]:
    """Begin to make the demo's files, beside all that starts meanwhile; what is there already is made by nobody again."""
    return [
        subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "console.demo.content", str(place.var / CONTENT)],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=die_with_parent,
        )
        for _ in range(_n_cpus())
    ]  # fmt: skip


def _n_cpus() -> int:
    """Return how many processes may work at once here, a few at most."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, _MOST_AT_ONCE)


def _environment(place: Place, servers: Servers | None) -> dict[str, str]:
    """Return what every process gets; what the caller has set wins."""
    made = servers.environment() if servers else {}
    if "REDIS_URL" in os.environ:
        made.pop("CELERY_BROKER_URL", None)  # the broker follows REDIS_URL
    if "DATABASE_URL" in os.environ:
        made.pop("DATABASE_OWNER_URL", None)  # who owns a server of one's own, its owner says
    defaults = {
        "ENVIRONMENT": "demo",
        "SECRET_KEY": _secret_key(place.var),
        "VAR_DIR": str(place.var),
        "BASE_URL": place.url,
        "PYTHONUNBUFFERED": "1",
    }
    return {**made, **defaults, **os.environ}


def _leave_settings(var: Path, environment: dict[str, str]) -> None:
    """Write down, for its owner only, what `manage.py` needs to work beside this demo."""
    names = re.findall(r"^#?([A-Z][A-Z0-9_]*)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    every = [*names, *(f"{name}_FILE" for name in names), "DATABASE_OWNER_URL"]
    left = {name: environment[name] for name in every if name in environment}
    with private_file(var / DEMO_SETTINGS, "w") as out:
        json.dump(left, out, indent=1)


def _secret_key(var: Path) -> str:
    file = var / "secret_key"
    if not file.exists():
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(48))
    return file.read_text()


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), *arguments]


def _prepare(place: Place, environment: dict[str, str]) -> None:
    log = place.var / "log" / "prepare.log"
    log.parent.mkdir(exist_ok=True)
    with stage("Preparing the database"), private_file(log, "wb") as out:
        done = subprocess.run(  # noqa: S603 - our own command
            _manage("demo_prepare", "--url", place.url, "--runs-as", str(place.var / RUNS_AS)),
            env=environment, cwd=ROOT, stdout=out, stderr=out,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    if done.returncode:
        raise StartError(
            f"Preparing the database failed:\n\n{_tail(log)}\n\nAll of it: {log}. To start over: make demo-reset"
        )


def _tail(log: Path, n_lines: int = 12) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-n_lines:])


def programs(place: Place) -> list[Program]:
    """Return what runs, in the order in which it is stopped: the door first, then what works behind it."""
    web = [sys.executable, "-m", "console.server", "--host", place.host, "--port", str(place.port)]
    workers = [_worker(name, queues) for name, queues in WORKERS.items()]
    schedule = [*_CELERY, "beat", "--scheduler", "django_celery_beat.schedulers:DatabaseScheduler", "--pidfile", ""]
    return [
        Program("web", web, 0),
        Program("outbox", _manage("outbox_relay"), 1),
        Program("beat", schedule, 1),
        *workers,
    ]


def helping() -> list[Program]:
    """Return what helps to examine while the demo is filled, where the machine has room for it."""
    return [_worker(f"deep-{n}", WORKERS["deep"]) for n in range(2, _n_cpus() + 1)]


_CELERY = [sys.executable, "-m", "celery", "-A", "console"]


def _worker(name: str, queues: str) -> Program:
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"]
    command = [*_CELERY, "worker", "-Q", queues, "-n", f"{name}@%h", "--concurrency", "1", *quiet]
    return Program(f"worker-{name}", command, 2)


def _wait_ready(place: Place, supervisor: Supervisor) -> None:
    """Wait until uploads can be judged and feeds served.

    Raises:
        StartError: the web process keeps dying, or says after a long wait that it is not ready.
    """
    with stage("Starting web, workers, schedule and relay"):
        answer = _answer_of(place, supervisor)
    if answer == "ready":
        return
    log = supervisor.log_of("web")
    raise StartError(f"The console does not become ready ({answer}). The end of {log}:\n\n{_tail(log)}")


def _answer_of(place: Place, supervisor: Supervisor) -> str:
    """Ask until the web process is ready, dies again and again, or the time is up; return its last answer."""
    answer = "no answer"
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and supervisor.n_deaths("web") < 3:
        answer = _ready_answer(place)
        if answer == "ready":
            break
        time.sleep(0.2)
        supervisor.tick()
    return answer


def _ready_answer(place: Place) -> str:
    try:
        with urllib.request.urlopen(f"{place.url}/readyz", timeout=5):  # noqa: S310 - our own address
            return "ready"
    except urllib.error.HTTPError as error:
        return error.read(500).decode(errors="replace")
    except OSError as error:
        return str(error)


def _fill(place: Place, supervisor: Supervisor, environment: dict[str, str]) -> int:
    """Run the filling while the processes are looked after; a demo that is filled says so in a moment."""
    helpers = Supervisor([] if _is_filled(place) else helping(), environment, place.var / "log", _say)
    helpers.start()
    filling = subprocess.Popen(  # noqa: S603 - our own command
        _manage("demo_fill", "--url", place.url), env={**environment, **_UNHURRIED}, cwd=ROOT, stdin=subprocess.DEVNULL,
        start_new_session=True, preexec_fn=die_with_parent,
    )  # fmt: skip
    try:
        while filling.poll() is None:
            time.sleep(0.1)
            supervisor.tick()
            helpers.tick()
    finally:
        helpers.stop()
        if filling.poll() is None:
            filling.terminate()
            filling.wait()
    if filling.returncode:
        _say("The demo content is not complete; what went wrong stands above. Gatehouse runs all the same.")
    return filling.returncode


# --- starting over -------------------------------------------------------------------------------------------------


def _reset(var: Path) -> int:
    """Stop what runs in a data directory and remove it."""
    if not var.exists():
        _say("There is no demo data; `make demo` starts fresh.")
        return 0
    holder = _holder(var)
    if holder is not None:
        _say(f"Stopping the demo that runs (process {holder})")
        if not end_process(holder, timeout_seconds=60):
            raise StartError(f"Process {holder} does not stop. End it, then run `make demo-reset` again.")
    if (var / "embedded.json").exists():
        servers_in(var).stop()
    shutil.rmtree(var)
    _say("The demo's data is gone; `make demo` starts fresh.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
