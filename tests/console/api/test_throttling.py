"""Rate limits: per key, per address without one, and by each process alone while Redis is away."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from console.api import throttling
from console.models import ApiKey

ADDRESS = "/api/v1/items/nobody"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Give each test its own window and its own local counts."""
    window = int(time.time()) - uuid.uuid4().int % 10**6 * 60
    monkeypatch.setattr(time, "time", lambda: float(window))
    monkeypatch.setattr(throttling, "_local", throttling._LocalWindow())


def _request(address: str = "192.0.2.1", **headers: Any) -> Request:
    return Request(APIRequestFactory().get("/", REMOTE_ADDR=address, **headers))


def _key(limit: int) -> ApiKey:
    return ApiKey(pk=uuid.uuid4().int % 2**31, name="k", rate_per_minute=limit)


def _n_until_refused(request: Request, key: ApiKey | None, most: int = 1_000) -> int:
    for n in range(most):
        try:
            throttling.call_count(request, key)
        except Throttled:
            return n
    return most


def test_it_allows_as_many_calls_as_the_key_may_make() -> None:
    assert _n_until_refused(_request(), _key(7)) == 7


def test_it_counts_each_key_alone() -> None:
    first, second = _key(3), _key(3)
    assert _n_until_refused(_request(), first) == 3
    assert _n_until_refused(_request(), second) == 3


def test_it_counts_callers_without_a_valid_key_by_address() -> None:
    assert _n_until_refused(_request("192.0.2.7"), None) == throttling.ANONYMOUS_PER_MINUTE
    throttling.call_count(_request("192.0.2.8"), None)


def test_it_does_not_believe_a_forwarded_address_unless_a_proxy_of_ours_is_declared() -> None:
    for n in range(throttling.ANONYMOUS_PER_MINUTE):
        throttling.call_count(_request("192.0.2.9", HTTP_X_FORWARDED_FOR=f"198.51.100.{n}"), None)
    with pytest.raises(Throttled):
        throttling.call_count(_request("192.0.2.9", HTTP_X_FORWARDED_FOR="203.0.113.5"), None)


def test_it_says_how_long_to_wait() -> None:
    key = _key(1)
    throttling.call_count(_request(), key)
    with pytest.raises(Throttled) as refused:
        throttling.call_count(_request(), key)
    wait: float = refused.value.wait  # type: ignore[attr-defined]  # the stubs leave it out
    assert 0 < wait <= throttling.WINDOW_SECONDS


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:1/0", "unix:///nowhere/redis.sock", "redis://no.such.host.invalid/0"]
)
def test_it_counts_in_the_process_while_redis_is_away(settings: Settings, url: str) -> None:
    settings.REDIS_URL = url
    began = time.perf_counter()
    assert _n_until_refused(_request(), _key(40)) == 40
    assert time.perf_counter() - began < 2  # the time-out is paid once, not by every call


def test_it_starts_afresh_in_the_next_window_while_redis_is_away(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    key = _key(2)
    assert _n_until_refused(_request(), key) == 2
    later = time.time() + throttling.WINDOW_SECONDS
    monkeypatch.setattr(time, "time", lambda: later)
    assert _n_until_refused(_request(), key) == 2


@pytest.mark.django_db
def test_a_key_over_its_limit_gets_429_with_retry_after() -> None:
    key, secret = ApiKey.issue(name="slow", scopes=["items:read"])
    ApiKey.objects.filter(pk=key.pk).update(rate_per_minute=2)
    client = Client(headers={"Authorization": f"Api-Key {secret}"})
    assert [client.get(ADDRESS).status_code for _ in range(3)] == [404, 404, 429]
    answer = client.get(ADDRESS)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:gatehouse:problem:rate-limited"
    assert 0 < int(answer.headers["Retry-After"]) <= 61


@pytest.mark.django_db
def test_calls_refused_for_their_scope_are_counted_as_well() -> None:
    key, secret = ApiKey.issue(name="wrong", scopes=["feed:read"])
    ApiKey.objects.filter(pk=key.pk).update(rate_per_minute=2)
    client = Client(headers={"Authorization": f"Api-Key {secret}"})
    assert [client.get(ADDRESS).status_code for _ in range(3)] == [403, 403, 429]


@pytest.mark.django_db
def test_guessing_keys_is_limited() -> None:
    client = Client(REMOTE_ADDR="192.0.2.77")
    statuses = [
        client.get(ADDRESS, headers={"Authorization": f"Api-Key gh_{n:043d}"}).status_code
        for n in range(throttling.ANONYMOUS_PER_MINUTE + 2)
    ]
    assert statuses[: throttling.ANONYMOUS_PER_MINUTE] == [401] * throttling.ANONYMOUS_PER_MINUTE
    assert statuses[throttling.ANONYMOUS_PER_MINUTE :] == [429, 429]
