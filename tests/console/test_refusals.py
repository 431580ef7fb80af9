"""Pages of ours in place of bare refusals, with a way on; what somebody typed is not lost with them."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests.support import scenes

pytestmark = pytest.mark.django_db


@pytest.fixture
def ready() -> None:
    scenes.policy_ready()


def signed_in(role: str, *, strict: bool = False) -> Client:
    client = Client(enforce_csrf_checks=strict)
    client.force_login(scenes.person(role))
    return client


def test_a_wrong_method_is_a_page_with_a_way_on(ready: None) -> None:
    answer = signed_in("reviewer").get(reverse("job_claim"))
    assert answer.status_code == 405
    assert answer["Allow"] == "POST"
    assert b"Not opened this way" in answer.content
    assert b'href="/"' in answer.content


def test_the_api_keeps_its_own_refusal_of_a_method() -> None:
    answer = Client().delete("/api/v1/feed")
    assert answer["Content-Type"].startswith("application/problem+json")


def test_a_form_of_another_session_comes_back_with_what_was_typed(ready: None) -> None:
    page = reverse("queue_list")
    answer = signed_in("reviewer", strict=True).post(
        reverse("job_claim"),
        {
            "queue": "spam",
            "note": "Aimed at <b>somebody</b>.",
            "password": "not-to-be-shown-1",
            "csrfmiddlewaretoken": "x" * 64,
        },
        headers={"Referer": f"http://testserver{page}"},
    )
    told = answer.content.decode()
    assert answer.status_code == 403
    assert "another session" in told
    assert "Aimed at &lt;b&gt;somebody&lt;/b&gt;." in told
    assert f'href="{page}"' in told
    assert "not-to-be-shown-1" not in told
    assert "x" * 64 not in told


@pytest.mark.parametrize("referer", ["", "https://elsewhere.example.org/", "http://testserver/accounts/logout/"])
def test_what_another_site_sends_is_not_shown(ready: None, referer: str) -> None:
    answer = signed_in("reviewer", strict=True).post(
        reverse("job_claim"), {"note": "call this number"}, headers={"Referer": referer} if referer else {}
    )
    assert answer.status_code == 403
    assert b"call this number" not in answer.content
