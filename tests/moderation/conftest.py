"""A live Gatehouse for tests whose requests must go through real HTTP parsing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.embedded_servers import redis_url
from tests.support.live import Live, live_service
from tests.support.owner import database_made


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Yield the service over a database and a media folder of its own, with small limits and small temporary files."""
    folder = tmp_path_factory.mktemp("live")
    temporary = folder / "tmp"
    temporary.mkdir()
    base = os.environ["DATABASE_URL"]
    environment = {
        "DATABASE_URL": database_made(base.replace("/test_gatehouse?", "/gatehouse?"), f"live_{os.getpid()}"),
        "REDIS_URL": redis_url(2),
        "MEDIA_MAX_IMAGE_BYTES": str(2**20),
        "MEDIA_MAX_VIDEO_BYTES": str(2**22),
        "TMPDIR": str(temporary),
    }
    with live_service(environment, folder) as service:
        yield service


@pytest.fixture(scope="session")
def live_temporary(live: Live) -> Path:
    """Return the folder that the live service keeps temporary files in."""
    return Path(live.environment["TMPDIR"])
