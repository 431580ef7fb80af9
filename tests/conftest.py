"""Fixtures for every test. The servers themselves are started by tests/embedded_servers.py."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.embedded import Servers, servers_in


@pytest.fixture(scope="session")
def test_dir() -> Path:
    """Return the folder of this run; it is removed at the end."""
    return Path(os.environ["GATEHOUSE_TEST_DIR"])


@pytest.fixture(autouse=True)
def _fresh_category_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the numbers of categories: in the product they never change, here each test has rows of its own."""
    from moderation.services import evidence

    monkeypatch.setattr(evidence, "_codes", evidence._Codes())


@pytest.fixture
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Yield servers of one test's own, durable, to be stopped, killed and restarted at will."""
    root = Path(tempfile.mkdtemp(prefix="gh-own-"))
    root.chmod(0o711)
    own = servers_in(root)
    own.start()
    try:
        yield own
    finally:
        own.stop()
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of public data sets, or skip."""
    folder = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the public data sets are not here")
    return folder
