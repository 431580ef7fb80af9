"""The API while a server that it needs is away: an honest problem, nothing half stored, and work again afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from console.demo.embedded import Servers
from tests.support.forms import FORM_TYPE, document, jpeg, upload
from tests.support.live import Live, live_service

pytestmark = pytest.mark.fault


def _post(live: Live, external_id: str) -> httpx.Response:
    return httpx.post(
        f"{live.url}/api/v1/items",
        content=document(external_id=external_id),
        headers={"Content-Type": "application/json", **live.authorization()},
        timeout=30,
    )


def _post_image(live: Live, external_id: str, seed: int) -> httpx.Response:
    body = upload("image", jpeg(seed=seed), external_id=external_id)
    headers = {"Content-Type": FORM_TYPE, **live.authorization()}
    return httpx.post(f"{live.url}/api/v1/items", content=body, headers=headers, timeout=30)


def _ready(live: Live) -> tuple[int, list[str]]:
    answer = httpx.get(f"{live.url}/readyz", timeout=30)
    checks: dict[str, Any] = answer.json()["checks"]
    return answer.status_code, sorted(name for name, check in checks.items() if not check["ok"])


def _files(live: Live) -> list[Path]:
    return [path for path in live.media_root.rglob("*") if path.is_file()]


def test_it_says_so_and_recovers(servers: Servers, tmp_path: Path) -> None:
    with live_service(servers.environment(), tmp_path) as live:
        assert _post(live, "before").status_code == 201
        assert _ready(live) == (200, [])

        servers.redis.stop()
        assert _post(live, "without-redis").status_code == 201
        assert _ready(live) == (503, ["broker"])
        servers.redis.start()

        servers.postgres.stop()
        for refused in (_post(live, "without-database"), _post_image(live, "image-without-database", 71)):
            assert refused.status_code == 503, refused.text
            assert refused.headers["Content-Type"] == "application/problem+json"
            assert refused.json()["type"] == "urn:gatehouse:problem:unavailable"
            assert int(refused.headers["Retry-After"]) > 0
        assert httpx.get(f"{live.url}/livez").status_code == 200
        assert "database" in _ready(live)[1]
        assert _files(live) == []

        servers.postgres.start()
        assert _post(live, "after").status_code == 201
        assert _post_image(live, "image-after", 71).status_code == 201
        assert len(_files(live)) == 1
        assert _post(live, "before").status_code == 200
