"""A pytest plugin that starts PostgreSQL and Redis. It is named in addopts because pytest-django reads the settings before
any conftest is loaded."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
from pathlib import Path

import psutil

from console.demo.embedded import EmbeddedError, Servers, servers_in

_PREFIX = "gh-test-"
#: Databases of Redis for each worker: cache, broker, and two for services that tests start. A server has sixteen.
_PER_WORKER = 4


def redis_url(database: int) -> str:
    """Return the address of one of this worker's databases of Redis, 0 to 3; the first is its own cache."""
    return re.sub(r"db=\d+", f"db={_first_database() + database}", os.environ["REDIS_URL"])


def _first_database() -> int:
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return number * _PER_WORKER % 16


def _use_own_databases() -> None:
    """Keep what the worker counts, caches and queues from other workers: a test that clears its cache would clear theirs."""
    os.environ["REDIS_URL"] = redis_url(0)
    broker = os.environ.get("CELERY_BROKER_URL", "")
    os.environ["CELERY_BROKER_URL"] = re.sub(r"virtual_host=\d+", f"virtual_host={_first_database() + 1}", broker)


def _start() -> None:
    """Point the environment at fresh servers; xdist workers inherit their controller's, with databases of their own."""
    if os.environ.get("GATEHOUSE_TEST_DIR"):
        if "PYTEST_XDIST_WORKER" in os.environ and "REDIS_URL" in os.environ:
            _use_own_databases()
        return
    _sweep()
    root = Path(tempfile.mkdtemp(prefix=_PREFIX))
    root.chmod(0o711)
    (root / "owner").write_text(str(os.getpid()))
    (root / "var" / "static").mkdir(parents=True)  # whitenoise warns where it is missing, and warnings are errors
    os.environ.update(
        GATEHOUSE_TEST_DIR=str(root), ENVIRONMENT="test", VAR_DIR=str(root / "var"), MEDIA_ROOT=str(root / "media"),
        OUTBOX_RESEND_AFTER_SECONDS="3", OUTBOX_CLAIM_SECONDS="3",
        ONPATH_DEADLINE_MS="5000",  # detectors are late where a test is about that, not where the machine is busy
        # torch takes seconds to load: tests that look or listen ask for the starter models themselves
        VISION_MODEL_PATH="off", WHISPER_MODEL_PATH="off",
    )  # fmt: skip
    if os.environ.get("DATABASE_URL"):
        return
    servers = servers_in(root / "servers", fsync=False)
    servers.start()
    _let_tests_step_up(servers.postgres.owner_url)
    os.environ.update(servers.environment())
    owner = os.getpid()
    atexit.register(_stop, servers, root, owner)


def _let_tests_step_up(owner_url: str) -> None:
    """Let tests, which run as the application, become the owner by a SET ROLE of their own; nothing is inherited."""
    import psycopg

    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("GRANT gatehouse TO gatehouse_app WITH INHERIT FALSE, SET TRUE")


def _sweep() -> None:
    """Stop and remove what runs left behind that were killed and could not do it themselves."""
    for note in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/owner"):
        try:
            if psutil.pid_exists(int(note.read_text())):
                continue
            servers_in(note.parent / "servers").stop()
        except (
            OSError,
            ValueError,
            TypeError,
            EmbeddedError,
        ):  # of another release, somebody else's, or going away just now
            continue
        shutil.rmtree(note.parent, ignore_errors=True)


def _stop(servers: Servers, root: Path, owner: int) -> None:
    if os.getpid() == owner:
        servers.stop()
        shutil.rmtree(root, ignore_errors=True)


_start()
