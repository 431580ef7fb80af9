"""Fixtures for every test. The servers themselves are started by tests/support/embedded_servers.py."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from console.demo.embedded import Servers, servers_in
from tests.support.migrated import restore_schema
from tests.support.owner import flush_as_owner
from tests.support.places import DATA


@pytest.fixture(scope="session")
def test_dir() -> Path:
    """Return the folder of this run; it is removed at the end."""
    return Path(os.environ["GATEHOUSE_TEST_DIR"])


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> Iterator[ExitStack]:
    """Make and remove the test database as its owner; in between, tests run as the application's role."""
    from django.db.backends.postgresql.creation import DatabaseCreation
    from django.db.backends.postgresql.operations import DatabaseOperations

    from moderation.db.owner import as_owner

    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr(DatabaseOperations, "execute_sql_flush", flush_as_owner)
        create = DatabaseCreation._create_test_db  # type: ignore[attr-defined]  # private, and so not in the stubs
        patch.setattr(DatabaseCreation, "_create_test_db", _with_schema(create))
        stack.enter_context(as_owner())
        yield stack


def _with_schema(create: Callable[..., str]) -> Callable[..., str]:
    """Let a test database begin as the migrated schema; what is left to migrate, and to grant, is migrated after it."""

    def create_filled(*arguments: object, **options: object) -> str:
        name = create(*arguments, **options)
        if owner_url := os.environ.get("DATABASE_OWNER_URL"):
            restore_schema(owner_url, name)
        return name

    return create_filled


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_modify_db_settings: ExitStack) -> Iterator[None]:
    """Leave the owner's role once the database stands, and take it again to remove it."""
    from moderation.db.owner import as_owner

    django_db_modify_db_settings.close()
    yield
    django_db_modify_db_settings.enter_context(as_owner())
    _end_sessions()


def _end_sessions() -> None:
    """End the sessions of threads that a test left: the database cannot be removed while one is open."""
    import psycopg
    from django.db import connection

    if owner_url := os.environ.get("DATABASE_OWNER_URL"):
        left = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        with psycopg.connect(owner_url, autocommit=True) as other:
            other.execute(left, [connection.settings_dict["NAME"]])


@pytest.fixture(autouse=True)
def _fresh_category_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the numbers of categories: in the product they never change, here each test has rows of its own."""
    from moderation.decisions import evidence

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
    if not DATA.is_dir():
        pytest.skip("the public data sets are not here")
    return DATA
