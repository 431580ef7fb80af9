"""The second factor: who needs one, what is open before, and that it must be shown in the session itself."""

from __future__ import annotations

import allauth.mfa.urls
import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import Permission, User
from django.core.checks import run_checks
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse
from pytest_django import Settings

from console.identity.roles import ROLES
from console.identity.second_factor import OPEN_TO_SET_UP, OPEN_TO_SHOW, is_required
from tests.support import scenes
from tests.support.access_table import NOBODY_KEY, TABLE
from tests.support.second_factor import SECRET, code_of
from tests.support.sign_in import signed_in

NEEDING = ["senior", "policy-editor", "policy-approver", "admin"]


@pytest.fixture(autouse=True)
def _required(settings: Settings, ready: None) -> None:
    settings.MFA_REQUIRED_ROLES = NEEDING


def enrolled(role: str) -> User:
    user = scenes.person(role)
    TOTP.activate(user, SECRET)
    return user


def sign_in(user: User) -> Client:
    """Return a browser in which somebody typed their password."""
    client = Client(REMOTE_ADDR=f"203.0.113.{user.pk % 250}")
    client.post(reverse("account_login"), {"login": user.username, "password": scenes.PASSWORD})
    return client


@pytest.mark.parametrize("role", ["", *ROLES])
def test_it_is_needed_by_those_who_can_do_harm(role: str) -> None:
    assert is_required(scenes.person(role)) == (role in NEEDING)


@pytest.mark.parametrize(
    ("roles", "needing"),
    [
        (["senior"], {"senior", "admin"}),
        (["reviewer"], {"reviewer", "senior", "admin"}),
        (["admin"], {"admin"}),
        (list(ROLES), set(ROLES)),
    ],
)
def test_any_choice_of_roles_includes_whoever_may_as_much(
    settings: Settings, roles: list[str], needing: set[str]
) -> None:
    settings.MFA_REQUIRED_ROLES = roles
    assert {role for role in ROLES if is_required(scenes.person(role))} == needing


def test_it_goes_by_what_one_may_do_however_one_came_to_it() -> None:
    reviewer = scenes.person("reviewer")
    reviewer.user_permissions.add(Permission.objects.get(codename="overturn_decisions"))
    assert is_required(User.objects.get(pk=reviewer.pk))
    assert is_required(User.objects.create_user("staff", is_staff=True))
    assert is_required(User.objects.create_superuser("root"))


@pytest.mark.parametrize("role", NEEDING)
def test_without_one_only_the_pages_to_set_it_up_are_open(role: str) -> None:
    client, reached = signed_in(scenes.person(role)), {}
    for name, (method, args, _, allowed) in TABLE.items():
        if name in OPEN_TO_SET_UP or (role not in allowed and "" not in allowed):
            continue
        answer = getattr(client, method)(reverse(name, args=args))
        if (answer.status_code, answer.get("Location")) != (302, reverse("mfa_activate_totp")):
            reached[name] = answer.status_code
    assert reached == {}
    assert client.get("/admin/").headers["Location"] == reverse("mfa_activate_totp")


def test_htmx_is_sent_there_as_well() -> None:
    client = signed_in(scenes.person("senior"))
    answer = client.get(reverse("queue_list"), headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == reverse("mfa_activate_totp")


def test_setting_it_up_opens_the_console_and_shows_recovery_codes() -> None:
    senior = scenes.person("senior")
    client = sign_in(senior)
    assert client.get("/").status_code == 302
    url = reverse("mfa_activate_totp")
    asked = client.get(url, follow=True)
    assert asked.redirect_chain[-1][0].startswith(reverse("account_reauthenticate"))
    client.post(f"{reverse('account_reauthenticate')}?next={url}", {"password": scenes.PASSWORD, "next": url})
    secret = client.get(url).context["form"].secret
    assert client.post(url, {"code": "000000"}).status_code == 200
    done = client.post(url, {"code": code_of(secret)}, follow=True)
    assert done.redirect_chain[-1][0] == reverse("mfa_view_recovery_codes")
    assert len(done.context["unused_codes"]) == 10
    assert client.get("/").status_code == 200


def test_signing_in_again_asks_for_it_before_anything_else() -> None:
    senior = enrolled("senior")
    client = sign_in(senior)
    assert client.get("/").headers["Location"].startswith(reverse("account_login"))
    client.post(reverse("mfa_authenticate"), {"code": code_of(SECRET)})
    assert client.get("/").status_code == 200


def test_a_code_is_good_for_one_sign_in() -> None:
    senior, code = enrolled("senior"), code_of(SECRET)
    for works in (True, False):
        client = sign_in(senior)
        client.post(reverse("mfa_authenticate"), {"code": code})
        assert (client.get("/").status_code == 200) == works


def test_a_recovery_code_stands_in_once() -> None:
    senior = enrolled("senior")
    code = RecoveryCodes.activate(senior).get_unused_codes()[0]
    for works in (True, False):
        client = sign_in(senior)
        client.post(reverse("mfa_authenticate"), {"code": code})
        assert (client.get("/").status_code == 200) == works


def test_a_session_of_before_it_was_set_up_has_not_shown_it() -> None:
    senior = scenes.person("senior")
    stolen = signed_in(senior)
    TOTP.activate(senior, SECRET)
    answer = stolen.get(reverse("queue_list"))
    assert answer.headers["Location"] == f"{reverse('mfa_reauthenticate')}?next=%2Fqueues%2F"
    stolen.post(answer.headers["Location"], {"code": code_of(SECRET), "next": "/queues/"})
    assert stolen.get(reverse("queue_list")).status_code == 200


@pytest.mark.parametrize("role", ["senior", "reviewer"])
@pytest.mark.parametrize("page", ["view", "download", "generate"])
def test_an_old_session_and_the_password_do_not_give_the_second_factor(page: str, role: str) -> None:
    person = scenes.person(role)
    thief = sign_in(person)  # knows the password, from before there was a second factor
    TOTP.activate(person, SECRET)
    codes = RecoveryCodes.activate(person).get_unused_codes()
    thief.post(reverse("account_reauthenticate"), {"password": scenes.PASSWORD})
    answer = thief.post(reverse("mfa_generate_recovery_codes"), {}) if page == "generate" else None
    answer = answer or thief.get(reverse(f"mfa_{page}_recovery_codes"))
    assert answer.headers["Location"].startswith(reverse("mfa_reauthenticate"))
    assert RecoveryCodes(Authenticator.objects.get(user=person, type="recovery_codes")).get_unused_codes() == codes


@pytest.mark.parametrize("role", ["senior", "reviewer"])
def test_of_the_pages_of_ones_own_sign_in_only_showing_it_is_open_before_it_was_shown(role: str) -> None:
    person = scenes.person(role)
    old = signed_in(person)
    TOTP.activate(person, SECRET)
    names = {pattern.name for pattern in allauth.mfa.urls.urlpatterns for pattern in _flat(pattern)}
    held = reverse("mfa_reauthenticate")
    let_in = {
        name
        for name in {*names, "account_reauthenticate", "account_change_password"} - OPEN_TO_SHOW
        if not old.get(reverse(name)).headers.get("Location", "").startswith(held)
    }
    assert let_in == set()
    assert len(names) > 6


def _flat(pattern: URLPattern | URLResolver) -> list[URLPattern]:
    if isinstance(pattern, URLPattern):
        return [pattern]
    return [inner for one in pattern.url_patterns for inner in _flat(one)]


def test_one_that_was_shown_before_the_present_one_was_set_up_does_not_count() -> None:
    """Whoever set up one of their own with a stolen password loses it, and their session, when it is taken off."""
    senior = enrolled("senior")
    thief = sign_in(senior)
    thief.post(reverse("mfa_authenticate"), {"code": code_of(SECRET)})
    assert thief.get(reverse("queue_list")).status_code == 200
    Authenticator.objects.filter(user=senior).delete()  # by an administrator
    TOTP.activate(senior, SECRET[::-1])
    assert thief.get(reverse("queue_list")).headers["Location"].startswith(reverse("mfa_reauthenticate"))


def enrol(client: Client) -> str:
    """Set one up as the page does, and return its secret."""
    url = reverse("mfa_activate_totp")
    client.post(f"{reverse('account_reauthenticate')}?next={url}", {"password": scenes.PASSWORD, "next": url})
    secret: str = client.get(url).context["form"].secret
    assert client.post(url, {"code": code_of(secret)}).status_code == 302
    return secret


@pytest.mark.parametrize("role", ["senior", "reviewer"])
def test_setting_it_up_ends_the_persons_other_sessions_and_nobody_elses(role: str) -> None:
    person, other = scenes.person(role), signed_in(scenes.person("reviewer", "somebody-else"))
    thief, client = sign_in(person), sign_in(person)
    enrol(client)
    assert thief.get("/").headers["Location"].startswith(reverse("account_login"))
    assert client.get("/").status_code == other.get("/").status_code == 200


def test_recovery_codes_of_a_former_one_are_gone_with_the_next() -> None:
    senior = enrolled("senior")
    former = RecoveryCodes.activate(senior).get_unused_codes()
    Authenticator.objects.filter(
        user=senior, type="totp"
    ).delete()  # an administrator took off the one, and left the codes
    enrol(sign_in(senior))
    present = RecoveryCodes(Authenticator.objects.get(user=senior, type="recovery_codes")).get_unused_codes()
    assert len(present) == 10
    assert not set(former) & set(present)


def test_who_needs_it_cannot_take_it_off() -> None:
    senior = enrolled("senior")
    client = sign_in(senior)
    client.post(reverse("mfa_authenticate"), {"code": code_of(SECRET)})
    for method in ("get", "post"):
        assert getattr(client, method)(reverse("mfa_deactivate_totp")).status_code == 403
    assert Authenticator.objects.filter(user=senior, type="totp").exists()


def test_others_are_asked_for_none_and_may_have_one() -> None:
    client = signed_in(scenes.person("reviewer"))
    assert client.get(reverse("queue_list")).status_code == 200
    assert client.get(reverse("mfa_index")).status_code == 200


def test_keys_and_strangers_are_not_concerned(client: Client) -> None:
    senior = signed_in(scenes.person("senior"))
    assert senior.get("/api/v1/items/nobody").status_code == 401
    assert client.get("/livez").status_code == 200
    assert client.get(reverse("job_page", args=NOBODY_KEY)).headers["Location"].startswith(reverse("account_login"))


def test_it_can_be_switched_off_and_says_so_to_the_checks(settings: Settings) -> None:
    settings.MFA_REQUIRED_ROLES = []
    assert signed_in(scenes.person("senior")).get(reverse("queue_list")).status_code == 200
    settings.MFA_REQUIRED_ROLES = ["senior", "janitor"]
    assert [m.msg for m in run_checks() if m.id == "gatehouse.E040"] == ["MFA_REQUIRED_ROLES names janitor."]
