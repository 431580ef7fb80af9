"""The page on which administrators register reporters and say whom to trust."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from moderation.models import AuditEvent, Reporter
from tests.support import scenes
from tests.support.sign_in import signed_in


@pytest.fixture
def admin(ready: None) -> User:
    return scenes.person("admin")


@pytest.fixture
def browser(admin: User) -> Client:
    return signed_in(admin)


def register(browser: Client, **changes: str) -> int:
    data = {"external_id": "hotline-77", "name": "A hotline", "is_trusted_flagger": "on", **changes}
    return browser.post(reverse("reporter_register"), data).status_code


def test_it_registers_and_never_shows_the_id_again(admin: User, browser: Client) -> None:
    assert register(browser) == 302
    assert Reporter.objects.get().is_trusted_flagger
    page = browser.get(reverse("reporter_list")).content.decode()
    assert "A hotline" in page
    assert "hotline-77" not in page
    assert AuditEvent.objects.get(object_type="reporter").actor == admin


@pytest.mark.parametrize("wrong", [{"external_id": ""}, {"name": " "}, {"name": "x" * 81}])
def test_what_is_wrong_is_told_and_nothing_typed_is_lost(browser: Client, wrong: dict[str, str]) -> None:
    data = {"external_id": "hotline-77", "name": "A hotline", **wrong}
    answer = browser.post(reverse("reporter_register"), data)
    assert answer.status_code == 422
    assert not Reporter.objects.exists()
    kept = "A hotline" if "external_id" in wrong else "hotline-77"
    assert f'value="{kept}"' in answer.content.decode()


def test_somebody_is_registered_once(browser: Client) -> None:
    assert (register(browser), register(browser, name="Another name")) == (302, 422)
    assert Reporter.objects.count() == 1


def test_trust_is_given_and_taken(browser: Client) -> None:
    register(browser)
    url = reverse("reporter_trust", args=[Reporter.objects.get().key])
    for value, trusted in (("0", False), ("1", True), ("perhaps", True)):
        assert browser.post(url, {"is_trusted_flagger": value}).status_code == 302
        assert Reporter.objects.get().is_trusted_flagger == trusted
    actions = AuditEvent.objects.filter(object_type="reporter").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["reporter.registered", "reporter.distrusted", "reporter.trusted"]
