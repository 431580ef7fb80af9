"""Health: what answers, what says that it is not ready, and who may read the numbers."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client
from pytest_django.fixtures import Settings

from console.api import health
from console.celery import app as celery_app
from moderation.gate import door as gate
from policies import live as live_policies


class _Gate:
    """A gate of a given age."""

    n_items = 3

    def __init__(self, age_seconds: float) -> None:
        self._age = age_seconds
        self.is_stale = not age_seconds <= 1.0

    def age_seconds(self) -> float:
        return self._age

    def stop(self) -> None:
        """Nothing to stop."""


@pytest.fixture
def _ready(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Seed a policy and put a fresh gate in place."""
    call_command("policy_seed", verbosity=0, stdout=io.StringIO())
    live_policies.invalidate()
    monkeypatch.setattr(gate, "current", lambda: _Gate(0.05))
    yield
    live_policies.invalidate()


def _checks(client: Client) -> tuple[int, dict[str, Any]]:
    answer = client.get("/readyz")
    return answer.status_code, answer.json()["checks"]


def test_livez_needs_no_database(client: Client) -> None:
    answer = client.get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.usefixtures("_ready")
def test_readyz_says_what_is_usable_and_how_old_the_gate_is(client: Client) -> None:
    status, checks = _checks(client)
    assert status == 200, checks
    assert set(checks) == {"database", "broker", "gate", "policy", "banks", "deep", "decoders"}
    assert checks["decoders"]["held"].startswith("files: ")
    assert all(check["ok"] for check in checks.values())
    assert checks["gate"]["age_ms"] == 50
    assert checks["policy"]["version"] == 1


@pytest.mark.usefixtures("_ready")
@pytest.mark.parametrize("age", [5.0, float("inf"), float("nan")])
def test_readyz_is_503_while_the_gate_is_stale(client: Client, monkeypatch: pytest.MonkeyPatch, age: float) -> None:
    monkeypatch.setattr(gate, "current", lambda: _Gate(age))
    status, checks = _checks(client)
    assert status == 503
    assert [name for name, check in checks.items() if not check["ok"]] == ["gate"]


@pytest.mark.usefixtures("_ready")
def test_readyz_is_503_while_the_broker_is_away(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(celery_app.conf, "broker_write_url", "redis://127.0.0.1:1/0")
    status, checks = _checks(client)
    assert status == 503
    assert [name for name, check in checks.items() if not check["ok"]] == ["broker"]


@pytest.mark.django_db
def test_readyz_is_503_without_a_policy(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    live_policies.invalidate()
    monkeypatch.setattr(gate, "current", lambda: _Gate(0.0))
    status, checks = _checks(client)
    assert status == 503
    assert [name for name, check in checks.items() if not check["ok"]] == ["policy"]


@pytest.mark.usefixtures("_ready")
def test_readyz_is_503_while_the_database_is_away_and_tells_no_secret(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> dict[str, Any]:
        raise OperationalError("password authentication failed for user gatehouse")

    monkeypatch.setitem(health._CHECKS, "database", away)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"]["error"] == "OperationalError"
    assert "password" not in json.dumps(answer.json())


@pytest.mark.django_db
def test_metrics_answers_this_machine_with_counters_and_what_waits(client: Client) -> None:
    client.get("/api/v1/items/nobody")
    answer = client.get("/metrics")
    assert answer.status_code == 200
    text = answer.content.decode()
    for name in (
        "api_seconds_bucket",
        "outbox_lag_seconds",
        "dead_letters",
        "jobs_active",
        "activation_age_seconds",
        "gate_age_seconds",
        "deep_wanted_workers",
    ):
        assert name in text


@pytest.mark.django_db
@pytest.mark.parametrize(
    "headers",
    [
        {"REMOTE_ADDR": "192.0.2.1"},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_FORWARDED": "for=x"},
        {"REMOTE_ADDR": ""},
    ],
)
def test_metrics_is_not_public(client: Client, headers: dict[str, Any]) -> None:
    assert client.get("/metrics", **headers).status_code == 404


@pytest.mark.django_db
def test_metrics_takes_only_the_token_where_one_is_set(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = "s3cret"
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
    outside = client.get("/metrics", headers={"Authorization": "Bearer s3cret"}, REMOTE_ADDR="192.0.2.1")
    assert outside.status_code == 200


@pytest.mark.parametrize("address", ["/livez", "/readyz", "/metrics"])
def test_health_is_only_read(client: Client, address: str) -> None:
    assert client.post(address).status_code == 405
