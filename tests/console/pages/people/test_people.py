"""People and roles: invited, given roles, shut out; nobody lifts themself, and every change is in the audit log."""

from __future__ import annotations

import html
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from console.identity import people
from moderation.models import AuditEvent
from policies.services.versions import system_user
from tests.support import scenes
from tests.support.sign_in import signed_in


@pytest.fixture
def admin(ready: None) -> User:
    return scenes.person("admin", "ada")


@pytest.fixture
def desk(admin: User) -> Client:
    return signed_in(admin)


def test_an_invited_person_chooses_a_password_and_may_do_what_their_role_says(desk: Client) -> None:
    page = desk.post(reverse("person_invite"), {"username": "nina", "roles": ["reviewer"]}).content.decode()
    link = html.unescape(re.search(r"<code class=\"wrap\">([^<]+)</code>", page)[1])  # type: ignore[index]
    nina = User.objects.get(username="nina")
    assert not nina.has_usable_password()
    assert list(nina.groups.values_list("name", flat=True)) == ["reviewer"]
    browser = Client()
    form = browser.get(link.replace("http://testserver", "")).url
    browser.post(form, {"password1": "a-long-horse-battery-1", "password2": "a-long-horse-battery-1"})
    nina.refresh_from_db()
    assert nina.has_usable_password()
    assert nina.has_perm("moderation.review_jobs")
    again = Client().get(link.replace("http://testserver", ""))
    assert again.status_code == 200  # the page that says that the address was used


def test_the_log_says_who_made_whom_and_gave_which_role(desk: Client) -> None:
    desk.post(reverse("person_invite"), {"username": "nina", "roles": ["senior"]})
    rows = AuditEvent.objects.filter(actor_name="ada", object_type="user", object_key="nina")
    assert rows.filter(action="user.created").exists() or rows.exists()
    assert "a-long" not in "".join(str(row.data) for row in rows)


def test_roles_are_exactly_those_that_are_ticked(desk: Client) -> None:
    rita = scenes.person("reviewer", "rita")
    desk.post(reverse("person_roles", args=["rita"]), {"roles": ["policy-editor", "analyst"]})
    assert set(rita.groups.values_list("name", flat=True)) == {"policy-editor", "analyst"}
    desk.post(reverse("person_roles", args=["rita"]), {"roles": ["emperor"]})
    assert set(rita.groups.values_list("name", flat=True)) == {"policy-editor", "analyst"}


def test_who_is_shut_out_is_out_at_once_and_comes_back_only_by_an_administrator(desk: Client) -> None:
    rita = signed_in(scenes.person("reviewer", "rita"))
    assert rita.get("/").status_code == 200
    desk.post(reverse("person_active", args=["rita"]), {"is_active": "0"})
    assert rita.get("/").status_code == 302
    desk.post(reverse("person_active", args=["rita"]), {"is_active": "1"})
    assert signed_in(User.objects.get(username="rita")).get("/").status_code == 200


def test_nobody_changes_their_own_roles_or_a_superuser_that_they_are_not(desk: Client, admin: User) -> None:
    root = User.objects.create_superuser("root", password="a-long-horse-battery-1")
    for name in ("ada", "root"):
        desk.post(reverse("person_roles", args=[name]), {"roles": []})
        desk.post(reverse("person_active", args=[name]), {"is_active": "0"})
    admin.refresh_from_db()
    root.refresh_from_db()
    assert admin.is_active
    assert root.is_active
    assert list(admin.groups.values_list("name", flat=True)) == ["admin"]


def test_a_name_that_is_taken_or_none_is_refused_in_place(desk: Client) -> None:
    scenes.person("reviewer", "rita")
    for name in ("rita", "r/ta", ""):
        response = desk.post(reverse("person_invite"), {"username": name, "roles": ["reviewer"]})
        assert response.status_code == 422
    assert User.objects.filter(username="rita").count() == 1


def test_the_account_of_machines_is_nobody(desk: Client) -> None:
    name = system_user().get_username()
    assert desk.post(reverse("person_roles", args=[name]), {"roles": ["admin"]}).status_code == 404


def test_only_administrators_handle_people(ready: None) -> None:
    target = scenes.person("reviewer", "rita")
    for role in ("senior", "analyst", "policy-approver"):
        actor = scenes.person(role)
        with pytest.raises(Exception, match="Only administrators"):
            people.person_set_roles(actor=actor, person=target, roles=["admin"])
