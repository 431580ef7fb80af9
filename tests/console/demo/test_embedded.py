"""The embedded servers: started, stopped, killed and found again."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from console.demo import embedded
from console.demo.embedded import EmbeddedError, Servers, servers_in

NOBODY = 65534


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """Yield a data directory for all tests here: making a cluster is what takes long."""
    root = Path(tempfile.mkdtemp(prefix="gh-own-"))
    yield root
    servers_in(root).stop()
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def servers(cluster: Path) -> Servers:
    servers = servers_in(cluster)
    servers.start()
    return servers


def _connect(servers: Servers) -> psycopg.Connection:
    return psycopg.connect(servers.postgres.owner_url, autocommit=True)


def test_committed_rows_survive_a_killed_server(servers: Servers) -> None:
    with _connect(servers) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    servers.postgres.kill()
    servers.postgres.start()
    with _connect(servers) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def test_a_second_start_finds_the_running_servers(servers: Servers) -> None:
    again = servers_in(servers.postgres.data_dir.parent)
    again.start()
    assert again.pids() == servers.pids()
    assert set(again.pids()) == {"postgresql", "redis"}


def test_a_stop_stops_and_a_second_one_is_fine(servers: Servers) -> None:
    processes = [psutil.Process(pid) for pid in servers.pids().values()]
    servers.stop()
    servers.stop()
    assert servers.pids() == {}
    assert not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


def test_pid_files_that_name_another_process_stop_no_start_and_harm_nobody(servers: Servers) -> None:
    servers.stop()
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (servers.postgres.data_dir / "cluster" / "postmaster.pid").write_text(f"{bystander.pid}\n")
        (servers.redis.data_dir / "redis.pid").write_text(f"{bystander.pid}\n")
        servers.start()
        assert bystander.pid not in servers.pids().values()
        servers.stop()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_redis_asks_for_its_password_and_forgets_when_restarted(servers: Servers) -> None:
    client = redis.Redis.from_url(servers.redis.url)
    client.set("a", "1")
    servers.redis.restart()
    assert client.get("a") is None
    client.close()
    stranger = redis.Redis(unix_socket_path=str(servers.redis.socket_dir / "redis.sock"))
    with stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_postgresql_asks_for_its_password(servers: Servers) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(servers.postgres.url.replace(servers.postgres.app_password, "wrong"))


def test_the_passwords_and_the_sockets_are_for_their_owner_only(servers: Servers) -> None:
    file = servers.postgres.data_dir.parent / "embedded.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for folder in (servers.postgres.socket_dir, servers.redis.socket_dir, servers.postgres.data_dir):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_nothing_listens_on_the_network_and_commits_are_durable(servers: Servers) -> None:
    with _connect(servers) as connection:
        for name, value in {"listen_addresses": "", "fsync": "on", "synchronous_commit": "on"}.items():
            assert connection.execute(f"SHOW {name}").fetchone() == (value,)
    assert all(psutil.Process(pid).net_connections("inet") == [] for pid in servers.pids().values())


def test_a_path_with_blanks_that_is_too_long_for_sockets_gets_short_ones_elsewhere() -> None:
    root = Path(tempfile.mkdtemp(prefix="gh-long-"))
    servers = servers_in(root / ("a long name " * 8))
    try:
        servers.redis.start()
        assert len(str(servers.redis.socket_dir)) < 60
        assert redis.Redis.from_url(servers.redis.url).ping()
        assert servers_in(servers.redis.data_dir.parent).redis.pid == servers.redis.pid
    finally:
        servers.redis.stop()
        shutil.rmtree(servers.redis.socket_dir.parent)
        shutil.rmtree(root)


def test_a_full_disk_is_named_with_what_to_do(servers: Servers) -> None:
    sentence = servers.postgres._explain("pg_ctl", "FATAL: could not write: No space left on device")
    assert sentence.startswith("The disk of")
    assert "Free some space" in sentence


def test_a_server_that_cannot_start_says_what_its_log_says(servers: Servers) -> None:
    servers.postgres.stop()
    conf = servers.postgres.data_dir / "cluster" / "postgresql.conf"
    before = conf.read_text()
    conf.write_text(before + "\nno_such_setting_at_all = 1\n")
    try:
        with pytest.raises(EmbeddedError, match="no_such_setting_at_all"):
            servers.postgres.start()
    finally:
        conf.write_text(before)


def test_a_missing_package_is_named_with_what_to_do() -> None:
    with pytest.raises(EmbeddedError, match="make setup"):
        embedded._package("no_such_package_at_all")


@pytest.mark.skipif(os.geteuid() != 0, reason="without root there is no second account; the other tests ran as one")
def test_it_runs_as_an_ordinary_user_too(servers: Servers) -> None:
    # A fork, not a new interpreter: root's own may lie where nobody else can read it. All modules are loaded by now.
    root = Path(tempfile.mkdtemp(prefix="gh-user-"))
    os.chown(root, NOBODY, NOBODY)
    try:
        child = os.fork()
        if child == 0:
            os._exit(_start_and_ask_as_nobody(root))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, (root / "why").read_text()
    finally:
        shutil.rmtree(root)


def _start_and_ask_as_nobody(root: Path) -> int:
    try:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        own = servers_in(root / "var")
        own.start()
        assert set(own.pids()) == {"postgresql", "redis"}
        with _connect(own) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        own.stop()
    except BaseException:
        (root / "why").write_text(traceback.format_exc())
        return 1
    return 0
