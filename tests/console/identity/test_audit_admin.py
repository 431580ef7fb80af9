"""Every change that the admin site offers writes an audit row in the name of whoever made it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, reverse
from django.utils import timezone
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

from moderation.domains.service import domain_list
from moderation.models import AuditEvent, ListedDomain
from policies.choices import Outcome
from tests.support import scenes
from tests.support.sign_in import signed_in

#: Model -> how one is made, and what a change of it through the form says anew. None: its admin page changes nothing.
MADE: dict[type[Model], tuple[Callable[[User], Model], dict[str, object] | None]] = {
    User: (lambda user: user, {"is_staff": "on"}),
    Group: (lambda user: Group.objects.create(name="newcomers"), {"name": "oldtimers"}),
    EmailAddress: (
        lambda user: EmailAddress.objects.create(user=user, email="a@example.test"), {"email": "b@example.test"},
    ),
    Authenticator: (
        lambda user: Authenticator.objects.create(user=user, type="totp", data={"secret": "x"}), {"data": '{"secret": "y"}', "last_used_at_0": "2031-01-01", "last_used_at_1": "10:00:00"},
    ),
    SocialApp: (lambda user: SocialApp.objects.create(provider="openid_connect", name="SSO", client_id="1"), {"name": "Another"}),
    SocialAccount: (lambda user: SocialAccount.objects.create(user=user, provider="openid_connect", uid="7"), {"uid": "8", "extra_data": '{"a": 1}'}),
    SocialToken: (
        lambda user: SocialToken.objects.create(
            account=SocialAccount.objects.create(user=user, provider="openid_connect", uid="7"),
            app=SocialApp.objects.create(provider="openid_connect", name="SSO", client_id="1"), token="t",
        ),
        {"token": "u"},
    ),
    PeriodicTask: (
        lambda user: PeriodicTask.objects.create(
            name="sweep", task="moderation.tasks.samples_sweep", interval=IntervalSchedule.objects.create(every=9, period="days"),
        ),
        {"enabled": ""},
    ),
    IntervalSchedule: (lambda user: IntervalSchedule.objects.create(every=7, period="days"), {"every": 8}),
    CrontabSchedule: (lambda user: CrontabSchedule.objects.create(hour="3"), {"hour": "4"}),
    SolarSchedule: (
        lambda user: SolarSchedule.objects.create(event="sunset", latitude=1, longitude=1), {"event": "sunrise"},
    ),
    ClockedSchedule: (
        lambda user: ClockedSchedule.objects.create(clocked_time=timezone.now()),
        {"clocked_time_0": "2031-01-01", "clocked_time_1": "10:00:00"},
    ),
    ListedDomain: (
        lambda user: domain_list(
            actor=user, domain="bad.example", category="spam_scam", outcome=Outcome.BLOCK, score=None, note="",
            now=timezone.now(),
        ),
        None,
    ),
}  # fmt: skip
NEW_PERSON = {
    "username": "newcomer",
    "password1": "a-new-horse-1",
    "password2": "a-new-horse-1",
    "usable_password": "true",
}


@pytest.fixture
def root(ready: None) -> User:
    return User.objects.create_superuser("root", password=scenes.PASSWORD)


def _url(model: type[Model], act: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{act}", args=args)


def _last() -> int:
    return AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _told(after: int) -> list[tuple[str, str]]:
    return list(AuditEvent.objects.filter(pk__gt=after).values_list("actor_name", "data__via"))


def _form(page: Any) -> dict[str, Any]:
    """Return an admin form as a browser would send it back untouched."""
    context = page.context
    forms = [context["adminform"].form]
    for inline in context["inline_admin_formsets"]:
        forms += [inline.formset.management_form]
    data: dict[str, Any] = {}
    for form in forms:
        for bound in form:
            value, widget = bound.value(), bound.field.widget
            if hasattr(widget, "widgets"):  # a date and a time
                parts = widget.decompress(bound.field.prepare_value(value) if value else value)
                data |= {f"{bound.html_name}_{i}": part for i, part in enumerate(parts) if part}
            elif value is True:
                data[bound.html_name] = "on"
            elif isinstance(value, dict):
                data[bound.html_name] = json.dumps(value)
            elif value is not None and value is not False:
                data[bound.html_name] = getattr(value, "pk", value)
    return data


def test_every_model_of_the_admin_site_is_in_the_table() -> None:
    assert set(admin.site._registry) == set(MADE)


def _names() -> Iterator[str]:
    for pattern in admin.site.urls[0]:
        for inner in getattr(pattern, "url_patterns", [pattern]):
            if isinstance(inner, URLPattern) and inner.name:
                yield inner.name


def test_the_admin_site_offers_no_other_kinds_of_address() -> None:
    """Lists with actions, additions, changes and deletions are tried below; the others change nothing, or accounts."""
    kinds = {name.rpartition("_")[2] for name in _names()}
    assert kinds - {"add", "change", "changelist", "delete"} == {
        "list", "autocomplete", "done", "history", "index", "jsi18n", "login",
        "logout", "site",
    }  # fmt: skip


@pytest.mark.parametrize("model", [m for m, (_, change) in MADE.items() if change], ids=lambda m: m.__name__)
def test_a_change_and_a_deletion_are_written_down(root: User, model: type[Model]) -> None:
    browser, make, change = signed_in(root), *MADE[model]
    made = make(scenes.person("reviewer"))
    url, before = _url(model, "change", made.pk), _last()
    answer = browser.post(url, _form(browser.get(url)) | (change or {}))
    assert answer.status_code == 302, answer.context["errors"]
    assert ("root", url_name(model, "change")) in _told(before)
    before = _last()
    assert browser.post(_url(model, "delete", made.pk), {"post": "yes"}).status_code == 302
    assert not model._default_manager.filter(pk=made.pk).exists()
    assert ("root", url_name(model, "delete")) in _told(before)


def url_name(model: type[Model], act: str) -> str:
    return f"admin:{model._meta.app_label}_{model._meta.model_name}_{act}"


@pytest.mark.parametrize("model", [m for m, (_, change) in MADE.items() if change], ids=lambda m: m.__name__)
def test_an_addition_and_a_deletion_by_the_lists_action_are_written_down(root: User, model: type[Model]) -> None:
    browser, make, change = signed_in(root), *MADE[model]
    made = make(scenes.person("reviewer"))
    data = _form(browser.get(_url(model, "change", made.pk))) | (change or {})
    if model is PeriodicTask:
        data |= {"name": "another"}
    if model is Authenticator:
        data |= {"user": root.pk}
    if model is SocialToken:
        data |= {"account": SocialAccount.objects.create(user=root, provider="openid_connect", uid="9").pk}
    before = _last()
    answer = browser.post(_url(model, "add"), NEW_PERSON if model is User else data)
    assert answer.status_code == 302, answer.context["errors"]
    assert ("root", url_name(model, "add")) in _told(before)
    before = _last()
    chosen = {"action": "delete_selected", "_selected_action": [made.pk], "post": "yes"}
    assert browser.post(_url(model, "changelist"), chosen).status_code == 302
    assert ("root", url_name(model, "changelist")) in _told(before)


def test_a_domain_listed_and_retired_by_the_admin_site_is_written_down(root: User) -> None:
    browser, before = signed_in(root), _last()
    data = {"domain": "worse.example", "category": "spam_scam", "outcome": str(int(Outcome.BLOCK)), "note": "x"}
    assert browser.post(_url(ListedDomain, "add"), data).status_code == 302
    assert [who for who, _ in _told(before)] == ["root"]
    before, row = _last(), ListedDomain.objects.get()
    browser.post(_url(ListedDomain, "changelist"), {"action": "retire", "_selected_action": [row.pk]})
    assert [who for who, _ in _told(before)] == ["root"]


def test_passwords_set_in_the_admin_site_and_its_sign_out_are_written_down(root: User) -> None:
    browser, person, before = signed_in(root), scenes.person("reviewer"), _last()
    before = _last()
    data = {"password1": "a-new-horse-1", "password2": "a-new-horse-1", "usable_password": "true"}
    assert browser.post(reverse("admin:auth_user_password_change", args=[person.pk]), data).status_code == 302
    assert ("root", "admin:auth_user_password_change") in _told(before)
    before = _last()
    own = {"old_password": scenes.PASSWORD, "new_password1": "a-new-horse-2", "new_password2": "a-new-horse-2"}
    assert browser.post(reverse("admin:password_change"), own).status_code == 302
    assert ("root", "admin:password_change") in _told(before)
    before = _last()
    browser.post(reverse("admin:logout"))
    assert _told(before) == [("root", "admin:logout")]


def test_the_admin_sites_own_sign_in_leads_to_the_one_that_is_audited(client: Client, ready: None) -> None:
    assert (
        client.post("/admin/login/", {"username": "root", "password": "x"})
        .headers["Location"]
        .startswith(reverse("account_login"))
    )
