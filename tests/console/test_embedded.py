"""The embedded servers: started, stopped, killed and found again."""

import stat
from pathlib import Path

import psycopg
import redis

from console.embedded import Servers, servers_in


def _table(servers: Servers) -> psycopg.Connection:
    return psycopg.connect(servers.postgres.url, autocommit=True)


def test_committed_rows_survive_a_killed_server(servers: Servers) -> None:
    with _table(servers) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    servers.postgres.kill()
    servers.postgres.start()
    with _table(servers) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def test_a_second_start_finds_the_running_servers(servers: Servers) -> None:
    pids = (servers.postgres.pid, servers.redis.pid)
    again = servers_in(servers.postgres.data_dir.parent)
    again.start()
    assert (again.postgres.pid, again.redis.pid) == pids


def test_redis_asks_for_its_password_and_can_be_stopped_and_started(servers: Servers) -> None:
    client = redis.Redis.from_url(servers.redis.url)
    client.set("a", "1")
    servers.redis.restart()
    assert client.get("a") is None
    wrong = redis.Redis(unix_socket_path=str(servers.redis.socket_dir / "redis.sock"))
    try:
        wrong.ping()
    except redis.AuthenticationError:
        return
    raise AssertionError("Redis let a caller in without the password")


def test_the_file_of_passwords_is_for_its_owner_only(servers: Servers) -> None:
    file = Path(servers.postgres.data_dir).parent / "embedded.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_nothing_listens_on_the_network(servers: Servers) -> None:
    with _table(servers) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
