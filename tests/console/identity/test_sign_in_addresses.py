"""By which address sign-ins and calls are counted: the same one, and behind a proxy not the proxy's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings

from console.api.throttling import address_of
from console.identity.sign_ins import TellingAdapter
from tests.support import scenes

PROXY = "10.0.0.1"


@pytest.fixture(autouse=True)
def _counts_of_its_own() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def believe(settings: Settings, n_proxies: int) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": n_proxies}


def test_behind_a_proxy_one_stranger_does_not_lock_everybody_out(ready: None, settings: Settings) -> None:
    believe(settings, 1)
    reviewer = scenes.person("reviewer", "honest")
    stranger = Client(REMOTE_ADDR=PROXY, headers={"X-Forwarded-For": "198.51.100.66"})
    statuses = [
        stranger.post(reverse("account_login"), {"login": f"guess-{n}", "password": "wrong-wrong-1"}).status_code
        for n in range(40)
    ]
    assert statuses[-1] == 429
    victim = Client(REMOTE_ADDR=PROXY, headers={"X-Forwarded-For": "203.0.113.9"})
    form = {"login": reviewer.username, "password": scenes.PASSWORD}
    assert victim.post(reverse("account_login"), form).status_code == 302


def test_who_says_of_themselves_that_they_are_many_is_counted_as_one(ready: None, settings: Settings) -> None:
    for n_proxies in (0, 1):
        believe(settings, n_proxies)
        cache.clear()
        for n in range(40):
            forged = f"192.0.2.{n}" if n_proxies == 0 else f"192.0.2.{n}, 198.51.100.66"
            client = Client(
                REMOTE_ADDR="198.51.100.66" if n_proxies == 0 else PROXY, headers={"X-Forwarded-For": forged}
            )
            answer = client.post(reverse("account_login"), {"login": f"guess-{n}", "password": "wrong-wrong-1"})
        assert answer.status_code == 429, n_proxies


@pytest.mark.parametrize(
    ("n_proxies", "forwarded", "expected"),
    [
        (0, "192.0.2.1", PROXY), (1, None, PROXY), (1, "192.0.2.1", "192.0.2.1"), (1, "192.0.2.1, 192.0.2.2", "192.0.2.2"),
        (2, "192.0.2.1, 192.0.2.2", "192.0.2.1"), (2, "192.0.2.2", "192.0.2.2"), (1, "192.0.2.1:4711", "192.0.2.1"),
        (1, "[2001:db8::1]:4711", "2001:db8::1"), (1, "unknown", PROXY), (1, "", PROXY),
    ],
)  # fmt: skip
def test_sign_in_and_the_api_count_by_the_same_address(
    settings: Settings, n_proxies: int, forwarded: str | None, expected: str
) -> None:
    believe(settings, n_proxies)
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = RequestFactory(REMOTE_ADDR=PROXY).get("/", headers=headers)
    assert address_of(request) == TellingAdapter(request).get_client_ip(request) == expected
