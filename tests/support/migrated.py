"""The migrated schema, made once and kept as a dump: migrating from nothing takes half a minute, restoring it two seconds.

The dump lies in pytest's cache under a digest of everything that migrations are made of, so that whoever changes one of
them migrates again. Rows that migrations write are in it; roles, and what is granted on the database itself, are not:
`manage.py migrate` runs after a restore as well, and grants.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from console.demo.embedded import postgres_bin
from tests.support.places import ROOT

_CACHE = ROOT / ".pytest_cache" / "migrated"
_BUILDING = "gatehouse_building"
#: What decides how a migrated database looks, beside the migrations themselves: packages bring migrations of their own.
_ALSO = ("requirements.lock", "console/settings.py", "console/database.py", "console/management/commands/migrate.py")


def restore_schema(owner_url: str, database: str) -> None:
    """Fill an empty database with the migrated schema, as its owner.

    Args:
        owner_url: an address of the owner's role; its database's name is not used.
        database: the name of the database to fill.
    """
    _run(
        "pg_restore",
        "--no-owner",
        "--exit-on-error",
        "--single-transaction",
        "-d",
        _named(owner_url, database),
        _dump(owner_url),
    )


def restore_schema_once(owner_url: str, database: str) -> None:
    """Do so where nothing was migrated yet."""
    with psycopg.connect(_named(owner_url, database)) as connection:
        is_empty = connection.execute("SELECT to_regclass('public.django_migrations') IS NULL").fetchone() == (True,)
    if is_empty:
        restore_schema(owner_url, database)


def _dump(owner_url: str) -> Path:
    """Return the dump, made now where there is none: in one process, while others wait for it."""
    kept = _CACHE / f"{_digest()}.dump"
    with _locked(_CACHE / "lock"):
        if not kept.exists():
            for outdated in _CACHE.glob("*.dump"):
                outdated.unlink()
            _make(owner_url, kept)
    return kept


def _make(owner_url: str, kept: Path) -> None:
    """Migrate a database of its own from nothing, dump it, and drop it.

    Without statistics: they would tell the planner that every table is empty, where it assumes some pages otherwise.
    """
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {_BUILDING}")
    try:
        ours = {name: _named(os.environ[name], _BUILDING) for name in ("DATABASE_URL", "DATABASE_OWNER_URL")}
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "ENVIRONMENT": "test", **ours}, check=True)
        part = kept.with_suffix(f".{os.getpid()}")
        _run("pg_dump", "--format=custom", "--no-statistics", "--no-sync", "-f", part, ours["DATABASE_OWNER_URL"])
        part.replace(kept)
    finally:
        with psycopg.connect(owner_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {_BUILDING} WITH (FORCE)")


def _digest() -> str:
    apps = ("policies", "moderation", "feed", "console")
    migrations = sorted(path.relative_to(ROOT) for app in apps for path in (ROOT / app).glob("migrations/*.py"))
    whole = hashlib.sha256()
    for path in (*migrations, *map(Path, _ALSO)):
        whole.update(f"{path}\0".encode() + (ROOT / path).read_bytes())
    return whole.hexdigest()[:32]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _named(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def _run(binary: str, *arguments: str | Path) -> None:
    subprocess.run([str(postgres_bin() / binary), *map(str, arguments)], check=True)
