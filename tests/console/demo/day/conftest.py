"""The demo's people, in the roles that the day knows them by."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from console.demo.accounts import accounts_make


@pytest.fixture
def people(ready: None, settings: Settings, tmp_path: Path) -> None:
    """Make the demo's people; the detectors get all the time that a busy machine may need."""
    settings.ONPATH_DEADLINE_MS = 5_000
    accounts_make(url="http://here", path=tmp_path / "demo.json")
