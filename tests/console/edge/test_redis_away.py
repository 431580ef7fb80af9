"""Signing in while Redis is really stopped: it works, guessing stays limited, and codes are good once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from console import degrading_cache
from console.api import throttling
from console.demo.embedded import Servers
from tests.support import scenes
from tests.support.second_factor import SECRET, code_of

pytestmark = [pytest.mark.fault, pytest.mark.slow]


@pytest.fixture
def redis(servers: Servers, settings: Settings) -> Iterator[Servers]:
    """Return servers of this test's own, whose Redis the cache and the limits use."""
    url = servers.environment()["REDIS_URL"]
    settings.REDIS_URL = url
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": url}}
    degrading_cache._Away.until = throttling._local.rest_until = 0.0
    yield servers
    degrading_cache._Away.until = throttling._local.rest_until = 0.0


def browser() -> Client:
    return Client(REMOTE_ADDR=f"198.51.100.{uuid.uuid4().int % 250}")


def sign_in(client: Client, user: User, password: str = scenes.PASSWORD) -> int:
    return client.post(reverse("account_login"), {"login": user.username, "password": password}).status_code


def test_people_sign_in_work_and_sign_out(ready: None, redis: Servers) -> None:
    reviewer = scenes.person("reviewer", f"r-{uuid.uuid4().hex}")
    redis.redis.stop()
    client = browser()
    assert sign_in(client, reviewer) == 302
    assert client.get(reverse("queue_list")).status_code == 200
    assert client.get(reverse("campaign_list")).status_code == 200  # its pace is counted, in this process
    client.post(reverse("account_logout"))
    assert client.get(reverse("queue_list")).status_code == 302


def test_guessing_a_password_stays_limited(ready: None, redis: Servers) -> None:
    guessed = scenes.person("reviewer", f"g-{uuid.uuid4().hex}")
    redis.redis.stop()
    client = browser()
    for n in range(12):
        assert sign_in(client, guessed, f"wrong-{n}") != 302
    assert sign_in(client, guessed) != 302
    assert sign_in(browser(), guessed) != 302  # of the name, wherever it comes from


def test_limits_go_on_where_redis_goes_away_in_between(ready: None, redis: Servers) -> None:
    guessed = scenes.person("reviewer", f"h-{uuid.uuid4().hex}")
    client = browser()
    for n in range(2):
        sign_in(client, guessed, f"wrong-{n}")
    redis.redis.stop()
    for n in range(12):
        sign_in(client, guessed, f"wrong-{n}")
    assert sign_in(client, guessed) != 302


def test_a_code_of_the_second_factor_is_good_once(ready: None, redis: Servers) -> None:
    senior = scenes.person("senior", f"s-{uuid.uuid4().hex}")
    TOTP.activate(senior, SECRET)
    redis.redis.stop()
    code = code_of(SECRET)
    for works in (True, False):
        client = browser()
        sign_in(client, senior)
        client.post(reverse("mfa_authenticate"), {"code": code})
        assert (client.get(reverse("queue_list")).status_code == 200) == works


def test_what_was_remembered_meanwhile_is_forgotten_when_redis_is_back(redis: Servers) -> None:
    redis.redis.stop()
    cache.set("a", 1)
    cache.set("feed:large", 1)
    assert (cache.get("a"), cache.get("feed:large"), cache.add("a", 2), cache.incr("a")) == (1, None, False, 2)
    redis.redis.start()
    degrading_cache._Away.until = 0.001  # the rest is over
    assert cache.get("a") is None
    redis.redis.stop()
    assert cache.get("a") is None
