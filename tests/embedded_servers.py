"""A pytest plugin that starts PostgreSQL and Redis. It is named in addopts because pytest-django reads the settings before
any conftest is loaded."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from console.embedded import Servers, servers_in


def _start() -> None:
    """Point the environment at fresh servers; xdist workers inherit their controller's."""
    if os.environ.get("GATEHOUSE_TEST_DIR"):
        return
    root = Path(tempfile.mkdtemp(prefix="gh-test-"))
    root.chmod(0o711)
    (root / "var" / "static").mkdir(parents=True)  # whitenoise warns where it is missing, and warnings are errors
    os.environ.update(
        GATEHOUSE_TEST_DIR=str(root), ENVIRONMENT="test", VAR_DIR=str(root / "var"), MEDIA_ROOT=str(root / "media"),
        OUTBOX_RESEND_AFTER_SECONDS="3", OUTBOX_CLAIM_SECONDS="3",
    )  # fmt: skip
    if os.environ.get("DATABASE_URL"):
        return
    servers = servers_in(root / "servers", fsync=False)
    servers.start()
    os.environ.update(servers.environment())
    owner = os.getpid()
    atexit.register(_stop, servers, root, owner)


def _stop(servers: Servers, root: Path, owner: int) -> None:
    if os.getpid() == owner:
        servers.stop()
        shutil.rmtree(root, ignore_errors=True)


_start()
