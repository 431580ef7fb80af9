"""Every address of the console by every role: a table, and a test that the table is complete."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests.support import scenes
from tests.support.access_table import TABLE
from tests.support.addresses import address, body
from tests.support.clearances import cleared
from tests.support.sign_in import signed_in

#: Name -> (arguments, status for strangers): pages that need nobody signed in, mostly allauth's.
OPEN: dict[str, tuple[list[object], int]] = {
    "account_login": ([], 200),
    "account_logout": ([], 302),
    "account_inactive": ([], 200),
    "account_signup": ([], 200),
    "account_email_verification_sent": ([], 200),
    "account_reset_password": ([], 200),
    "account_reset_password_done": ([], 200),
    "account_reset_password_from_key": (["1", "x"], 200),
    "account_reset_password_from_key_done": ([], 200),
    "account_confirm_login_code": ([], 302),
    "account_confirm_email": (["x"], 200),
    "mfa_authenticate": ([], 302),
    "socialaccount_login_cancelled": ([], 200),
    "socialaccount_login_error": ([], 401),
    "socialaccount_signup": ([], 302),
    "openid_connect_login": (["none"], 404),
    "openid_connect_callback": (["none"], 404),
    "media": (["forged"], 404),
    "livez": ([], 200),
}
#: Addresses that answer to API keys or to machines; tests/console/api/test_health.py and tests/moderation cover them.
OTHERS = ("api-", "readyz", "metrics", "demo_")


def _names(resolver: URLResolver) -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern) and pattern.name:
            yield pattern.name
        elif isinstance(pattern, URLResolver) and pattern.namespace != "admin":
            yield from _names(pattern)


def test_every_address_is_in_the_table() -> None:
    missing = {name for name in _names(get_resolver()) if not name.startswith(OTHERS)} - set(TABLE) - set(OPEN)
    assert not missing


@pytest.fixture
def crowd(ready: None) -> dict[str, User]:
    return scenes.people()


def test_each_role_sees_what_it_may_and_nothing_else(crowd: dict[str, User]) -> None:
    wrong = []
    for role, user in crowd.items():
        client = signed_in(user)
        for name, (method, args, status, allowed) in TABLE.items():
            expected = status if role in allowed else 403
            got = getattr(client, method)(reverse(name, args=args)).status_code
            if got != expected:
                wrong.append((role or "no role", name, got, expected))
    assert not wrong


def test_strangers_are_sent_to_sign_in(ready: None, client: Client) -> None:
    for name, (method, args, _, _) in TABLE.items():
        response = getattr(client, method)(reverse(name, args=args))
        assert response.status_code == 302, name
        assert response.url.startswith(reverse("account_login")), name


def test_open_pages_open(ready: None, client: Client) -> None:
    got = {name: client.get(reverse(name, args=args)).status_code for name, (args, _) in OPEN.items()}
    assert got == {name: status for name, (_, status) in OPEN.items()}


def test_the_wrong_method_is_refused(ready: None, crowd: dict[str, User]) -> None:
    client = signed_in(crowd["admin"])
    other = {"get": "post", "post": "get"}
    ours = [name for name in TABLE if not name.startswith(("account_", "mfa_", "social"))]
    got = {
        name: getattr(client, other[TABLE[name][0]])(reverse(name, args=TABLE[name][1])).status_code for name in ours
    }
    assert set(got.values()) == {405}, got


def test_the_admin_site_is_closed_to_people_who_are_not_staff(crowd: dict[str, User], client: Client) -> None:
    assert client.get("/admin/").status_code == 302
    for user in crowd.values():
        assert signed_in(user).get("/admin/", follow=True).status_code == 403


def test_nobody_can_sign_up(ready: None, client: Client) -> None:
    data = {"username": "sneaky", "password1": scenes.PASSWORD, "password2": scenes.PASSWORD}
    client.post(reverse("account_signup"), data)
    assert not User.objects.filter(username="sneaky").exists()


def test_it_signs_in_and_out(reviewer: User, client: Client) -> None:
    response = client.post(reverse("account_login"), {"login": reviewer.username, "password": scenes.PASSWORD})
    assert response.status_code == 302
    assert client.get("/").status_code == 200
    client.post(reverse("account_logout"))
    assert client.get("/").status_code == 302


def test_guessing_passwords_is_slowed_down(ready: None) -> None:
    # A person and an address of their own: the limits outlive this test.
    guessed, client = scenes.person("reviewer", f"guessed-{uuid.uuid4().hex}"), Client(REMOTE_ADDR="203.0.113.7")
    url = reverse("account_login")
    codes = [client.post(url, {"login": guessed.username, "password": f"wrong-{n}"}) for n in range(12)]
    assert b"Too many" in codes[-1].content or codes[-1].status_code == 429
    assert client.post(url, {"login": guessed.username, "password": scenes.PASSWORD}).status_code != 302


def test_htmx_strangers_are_told_to_load_the_sign_in_page(ready: None, client: Client) -> None:
    response = client.get("/queues/", headers={"HX-Request": "true"})
    assert response["HX-Redirect"].startswith(reverse("account_login"))


def test_pages_send_a_strict_policy(browser: Client) -> None:
    headers = browser.get("/").headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["X-Frame-Options"] == "DENY"


def test_a_forged_media_address_is_no_address(follow: Callable[[], None], client: Client) -> None:
    item = cleared("shown", media=scenes.stored(b"not forged" * 10))
    follow()
    good = address(item)
    assert body(client.get(good)) == b"not forged" * 10
    assert client.get(good[:-1] + ("a" if good[-1] != "a" else "b")).status_code == 404
    assert client.get("/media/../../etc/passwd").status_code == 404
