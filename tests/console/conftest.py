"""People and policy for the tests of the console."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from moderation.gate import door as gate
from moderation.gate.door import Gate
from tests.support import scenes
from tests.support.sign_in import signed_in


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    """Hash passwords quickly: tests make many people, and the cost of guessing them is not what is tested."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _counts_of_its_own() -> None:
    """Forget how often other tests signed in or called: all come from one address, which may try so often a minute."""
    cache.clear()


@pytest.fixture
def ready(db: None) -> None:
    """Put the seeded policy in force and the roles up."""
    scenes.policy_ready()


@pytest.fixture
def reviewer(ready: None) -> User:
    """Return a reviewer."""
    return scenes.person("reviewer")


@pytest.fixture
def senior(ready: None) -> User:
    """Return a senior."""
    return scenes.person("senior")


@pytest.fixture
def browser(reviewer: User) -> Client:
    """Return the reviewer's browser."""
    return signed_in(reviewer)


@pytest.fixture
def senior_browser(senior: User) -> Client:
    """Return the senior's browser."""
    return signed_in(senior)


@pytest.fixture
def follow(transactional_db: None) -> Iterator[Callable[[], None]]:
    """Yield what brings this process's gate up to date with the database."""
    gate.replace_current(Gate(max_age_seconds=60.0))

    def follow_now() -> None:
        gate.current().refresh()

    follow_now()
    yield follow_now
    gate.replace_current(None)
