"""A Gatehouse of one's own over real HTTP: embedded servers, a migrated and seeded database, our web server on a free port.

For benchmarks, and for tests whose requests must go through the real server's parsing.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.support.migrated import restore_schema_once
from tests.support.places import ROOT

_START_SECONDS = 60


@dataclass(frozen=True)
class Live:
    """A running service. `keys` maps names to secrets: `all`, `none`, `revoked`, and one for each scope."""

    url: str
    keys: Mapping[str, str]
    environment: Mapping[str, str]
    media_root: Path
    process: subprocess.Popen[bytes]

    def authorization(self, key: str = "all") -> dict[str, str]:
        """Return the header that sends one of the keys."""
        return {"Authorization": f"Api-Key {self.keys[key]}"}


def prepare() -> None:
    """Migrate, seed and issue keys in the database of the environment; print the keys as JSON. Runs in a child."""
    import django

    django.setup()
    from django.core.management import call_command

    from console.models import SCOPES, ApiKey

    if owner_url := os.environ.get("DATABASE_OWNER_URL"):
        restore_schema_once(owner_url, urlsplit(os.environ["DATABASE_URL"]).path.removeprefix("/"))
    call_command("migrate", verbosity=0)
    call_command("roles_sync", verbosity=0)
    call_command("policy_seed", verbosity=0)
    keys = {scope: ApiKey.issue(name=scope, scopes=[scope])[1] for scope in SCOPES}
    keys["all"] = ApiKey.issue(name="all", scopes=list(SCOPES))[1]
    keys["none"] = ApiKey.issue(name="none", scopes=[])[1]
    keys["revoked"] = ApiKey.issue(name="revoked", scopes=list(SCOPES))[1]
    ApiKey.objects.filter(name="revoked").update(is_active=False)
    sys.stdout.write(json.dumps(keys))


@contextmanager
def live_service(
    environment: Mapping[str, str], folder: Path, *, workers: int = 1, threads: int = 8, log: Path | None = None
) -> Iterator[Live]:
    """Run the service over an empty database until the block ends.

    Args:
        environment: what points at the servers (`Servers.environment()`), and any setting to change.
        folder: where media and the log go.
        workers: web processes.
        threads: threads that handle requests in each.
    """
    media = folder / "media"
    media.mkdir(parents=True, exist_ok=True)
    (folder / "var").mkdir(exist_ok=True)  # as the start makes it: processes share a lock in it
    defaults = {
        "DJANGO_SETTINGS_MODULE": "console.settings", "ENVIRONMENT": "test", "VAR_DIR": str(folder / "var"),
        "MEDIA_ROOT": str(media), "API_RATE_PER_MINUTE": "10000000", "LOG_LEVEL": "INFO",
        "WEB_THREADS": str(threads),
    }  # fmt: skip
    full = {**os.environ, **defaults, **environment}
    code = "from tests.support.live import prepare; prepare()"
    made = subprocess.run([sys.executable, "-c", code], env=full, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    full.pop("DATABASE_OWNER_URL", None)  # only preparing needs it: what serves runs as the application
    port = _free_port()
    with (log or folder / "web.log").open("wb") as output:
        process = subprocess.Popen(_command(port, workers), env=full, cwd=ROOT, stdout=output, stderr=output)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, process, Path(output.name))
            yield Live(url, json.loads(made.stdout.splitlines()[-1]), full, media, process)
        finally:
            process.terminate()
            process.wait(timeout=20)


def _command(port: int, workers: int) -> list[str]:
    return [sys.executable, "-m", "console.server", "--port", str(port), "--workers", str(workers)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"The service ended at once: {log.read_text(errors='replace')[-2_000:]}")
        try:
            if httpx.get(f"{url}/livez", timeout=20).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"The service did not answer in time: {log.read_text(errors='replace')[-2_000:]}")
