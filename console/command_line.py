"""What `manage.py` does around a command: beside a demo it takes the demo's settings, and what stops it is one sentence."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path

from console.env import EnvError

ROOT = Path(__file__).resolve().parent.parent
#: Written by `make demo` into its data directory.
DEMO_SETTINGS = "settings.json"
#: Whoever set one of these, and no environment, means another instance than the demo.
_TELLING = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL")


def main(argv: Sequence[str]) -> int:
    """Run one management command; return its exit status."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    var = Path(os.environ.get("VAR_DIR") or ROOT / "var").resolve()
    is_demo = take_demo_settings(os.environ, var)
    if is_demo:
        sys.stderr.write(f"This works on the demo of {var}.\n")
    try:
        return _run(argv)
    except EnvError as error:
        return _stop(str(error))
    except Exception as error:
        if not _is_database_away(error):
            raise
        return _stop(
            f"The demo of {var} is not running, so its database cannot be asked. Start it with `make demo`."
            if is_demo
            else "The database of DATABASE_URL cannot be reached. Does it run, and is the address right?"
        )


def _run(argv: Sequence[str]) -> int:
    from django.core.management import execute_from_command_line

    execute_from_command_line(list(argv))
    return 0


def _stop(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return 1


def _is_database_away(error: BaseException) -> bool:
    from django.db.utils import OperationalError

    # What the server answered has a code; a server that could not be reached has answered nothing.
    return isinstance(error, OperationalError) and getattr(error.__cause__, "sqlstate", "") is None


def take_demo_settings(environment: MutableMapping[str, str], var: Path) -> bool:
    """Add a demo's settings to an environment that names no other instance; return whether anything was taken.

    What is set already wins. Nothing is taken where ENVIRONMENT says anything but `demo`, nor where it is not set and a secret
    or a server is: that is a deployment which relies on the default, `production`.
    """
    said = environment.get("ENVIRONMENT")
    if said not in {None, "", "demo"}:
        return False
    if not said and any(environment.get(name) or environment.get(f"{name}_FILE") for name in _TELLING):
        return False
    missing = {name: value for name, value in _demo_settings(var).items() if not _is_set(environment, name)}
    environment.update(missing)
    return bool(missing)


def _is_set(environment: MutableMapping[str, str], name: str) -> bool:
    return bool(environment.get(name) or environment.get(f"{name}_FILE"))


def _demo_settings(var: Path) -> dict[str, str]:
    """Return what a demo left for commands beside it; nothing where others than its owner could have written it."""
    file = var / DEMO_SETTINGS
    try:
        found = file.stat()
        if found.st_mode & 0o022 or found.st_uid not in {0, os.geteuid()}:
            return {}
        return {str(name): str(value) for name, value in json.loads(file.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError):
        return {}
