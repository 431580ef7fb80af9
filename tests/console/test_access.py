"""Every address of the console by every role: a table, and a test that the table is complete."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from console.roles import ROLES
from tests.console import scenes
from tests.console.addresses import address, body
from tests.console.conftest import signed_in
from tests.moderation.clearances import cleared

ALL = ("", *ROLES)
REVIEWERS = ("reviewer", "senior", "admin")
EXPLORERS = tuple(ROLES)
SENIORS = ("senior", "admin")
WATCHERS = ("senior", "policy-editor", "policy-approver", "analyst", "admin")
POLICY_PEOPLE = ("policy-editor", "policy-approver", "admin")
APPROVERS = ("policy-approver", "admin")

#: Name -> (method, arguments, status for those who may, who may). Everybody else signed in gets 403, strangers are sent
#: to sign in. Keys that name nothing give 404 to those who may.
NOBODY_KEY = [uuid.UUID(int=7)]
TABLE: dict[str, tuple[str, list[object], int, tuple[str, ...]]] = {
    "home": ("get", [], 200, ALL),
    "queue_list": ("get", [], 200, REVIEWERS),
    "job_claim": ("post", [], 302, REVIEWERS),
    "job_page": ("get", NOBODY_KEY, 404, REVIEWERS),
    "job_decide": ("post", NOBODY_KEY, 404, REVIEWERS),
    "job_release": ("post", NOBODY_KEY, 404, REVIEWERS),
    "job_heartbeat": ("post", NOBODY_KEY, 404, REVIEWERS),
    "campaign_list": ("get", [], 200, REVIEWERS),
    "campaign_page": ("get", NOBODY_KEY, 404, REVIEWERS),
    "campaign_decide": ("post", NOBODY_KEY, 404, REVIEWERS),
    "campaign_admit": ("post", NOBODY_KEY, 404, REVIEWERS),
    "item_list": ("get", [], 200, EXPLORERS),
    "item_page": ("get", NOBODY_KEY, 404, EXPLORERS),
    "item_alike": ("get", NOBODY_KEY, 404, EXPLORERS),
    "item_media": ("get", [*NOBODY_KEY, "media"], 404, EXPLORERS),
    "prompt_list": ("get", [], 200, POLICY_PEOPLE),
    "prompt_draft": ("post", [], 302, POLICY_PEOPLE),
    "prompt_page": ("get", [99], 404, POLICY_PEOPLE),
    "prompt_save": ("post", [99], 404, POLICY_PEOPLE),
    "prompt_publish": ("post", [99], 404, ("policy-approver", "admin")),
    "prompt_discard": ("post", [99], 404, POLICY_PEOPLE),
    "prompt_try": ("get", [99], 404, POLICY_PEOPLE),
    "item_overturn": ("post", NOBODY_KEY, 404, SENIORS),
    "deadletter_list": ("get", [], 200, SENIORS),
    "deadletter_redrive_all": ("post", [], 302, SENIORS),
    "deadletter_redrive": ("post", NOBODY_KEY, 404, SENIORS),
    "deep_page": ("get", [], 200, ("senior", "policy-editor", "policy-approver", "analyst", "admin")),
    "rerun_start": ("post", [], 422, ("admin",)),
    "rerun_act": ("post", [*NOBODY_KEY, "pause"], 302, ("admin",)),
    "audit_list": ("get", [], 200, ("analyst", "admin")),
    "policy_list": ("get", [], 200, EXPLORERS),
    "policy_page": ("get", [1], 200, EXPLORERS),
    "policy_simulate": ("get", [1], 200, WATCHERS),
    "simulation_start": ("post", [1], 422, POLICY_PEOPLE),
    "simulation_list": ("get", [], 200, WATCHERS),
    "simulation_page": ("get", NOBODY_KEY, 404, WATCHERS),
    "simulation_cancel": ("post", NOBODY_KEY, 404, POLICY_PEOPLE),
    "simulation_compare": ("get", [], 422, WATCHERS),
    "policy_flips": ("get", [1], 200, WATCHERS),
    "policy_slider": ("get", [1], 200, WATCHERS),
    "slider_apply": ("post", [1], 404, POLICY_PEOPLE),
    "policy_calibration": ("get", [], 200, WATCHERS),
    "calibration_page": ("get", ["none", "hate"], 404, WATCHERS),
    "policy_content": ("get", [1], 200, EXPLORERS),
    "policy_compare": ("get", [2], 200, EXPLORERS),
    "policy_export": ("get", [1], 200, EXPLORERS),
    "policy_live": ("get", [1], 302, EXPLORERS),
    "policy_disagreements": ("get", [1], 200, EXPLORERS),
    "policy_copy": ("post", [99], 404, POLICY_PEOPLE),
    "policy_import": ("get", [], 200, POLICY_PEOPLE),
    "policy_take": ("post", [], 422, POLICY_PEOPLE),
    "policy_edit": ("get", [2, "thresholds"], 200, POLICY_PEOPLE),
    "policy_save": ("post", [1, "thresholds"], 404, POLICY_PEOPLE),
    "policy_step": ("get", [2, "submit"], 200, POLICY_PEOPLE),
    "policy_step_take": ("post", [1, "submit"], 409, POLICY_PEOPLE),
    "policy_terms": ("get", [2], 200, EXPLORERS),
    "terms_tried": ("post", [2], 422, EXPLORERS),
    "term_put": ("post", [2], 422, POLICY_PEOPLE),
    "terms_take": ("post", [2], 422, POLICY_PEOPLE),
    "term_page": ("get", [2, *NOBODY_KEY], 404, POLICY_PEOPLE),
    "term_save": ("post", [2, *NOBODY_KEY], 404, POLICY_PEOPLE),
    "term_drop": ("post", [2, *NOBODY_KEY], 404, POLICY_PEOPLE),
    "activation_list": ("get", [], 200, EXPLORERS),
    "rollback_seen": ("post", NOBODY_KEY, 302, APPROVERS),
    "emergency_list": ("get", [], 200, EXPLORERS),
    "emergency_add": ("post", [], 422, POLICY_PEOPLE),
    "emergency_review": ("post", NOBODY_KEY, 302, APPROVERS),
    "emergency_withdraw": ("post", NOBODY_KEY, 302, POLICY_PEOPLE),
    "bank_list": ("get", [], 200, ("admin",)),
    "bank_page": ("get", ["none"], 404, ("admin",)),
    "bank_ratio": ("post", ["none"], 404, ("admin",)),
    "bank_import": ("post", ["none"], 404, ("admin",)),
    "bank_export": ("post", ["none"], 404, ("admin",)),
    "entry_retire": ("post", NOBODY_KEY, 404, ("admin",)),
    "entry_restore": ("post", NOBODY_KEY, 404, ("admin",)),
    "entry_release": ("post", NOBODY_KEY, 404, ("admin",)),
    "entry_judge": ("post", NOBODY_KEY, 404, SENIORS),
    "match_judge": ("post", NOBODY_KEY * 2, 404, REVIEWERS),
    "match_debugger": ("get", [], 200, SENIORS),
    "match_look": ("post", [], 422, SENIORS),
    "key_list": ("get", [], 200, ("admin",)),
    "key_issue": ("post", [], 422, ("admin",)),
    "key_rotate": ("post", NOBODY_KEY, 404, ("admin",)),
    "key_revoke": ("post", NOBODY_KEY, 404, ("admin",)),
    "reporter_list": ("get", [], 200, ("admin",)),
    "reporter_register": ("post", [], 422, ("admin",)),
    "reporter_trust": ("post", NOBODY_KEY, 404, ("admin",)),
    "mfa_index": ("get", [], 200, ALL),
    "account_change_password": ("get", [], 200, ALL),
    "account_email": ("get", [], 200, ALL),
    "mfa_activate_totp": ("get", [], 302, ALL),  # asks for the password again first
    "mfa_deactivate_totp": ("get", [], 404, ALL),
    "mfa_view_recovery_codes": ("get", [], 404, ALL),
    "mfa_generate_recovery_codes": ("get", [], 302, ALL),
    "mfa_download_recovery_codes": ("get", [], 404, ALL),
    "account_reauthenticate": ("get", [], 200, ALL),
    "mfa_reauthenticate": ("get", [], 302, ALL),
    "account_set_password": ("get", [], 302, ALL),
    "socialaccount_connections": ("get", [], 200, ALL),
}
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
#: Addresses that answer to API keys or to machines; tests/console/test_health.py and tests/moderation cover them.
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
