"""Workers of the deep pass killed at random, half of them in mid-task: every clip ends, each decided once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.deep_survival import survive

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.xdist_group("faults")]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a folder with a short name: sockets of servers lie in it."""
    made = Path(tempfile.mkdtemp(prefix="gh-fault-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_every_clip_ends_once_while_workers_are_killed(folder: Path) -> None:
    found = survive(folder, n_clips=12, kill_every=(2.0, 5.0), seconds=400)
    assert found.is_settled, found.logs
    assert (found.n_done, found.n_decided_twice, found.n_dead, found.n_results_twice) == (12, 0, 0, 0)
    assert found.n_kills > 0
