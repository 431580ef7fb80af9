"""The demo's feed page: the real feed for a chosen audience, and the question whether what it shows still stands."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from console.identity.roles import roles_sync
from moderation.gate import door as gate
from moderation.gate.door import Gate
from tests.support import scenes
from tests.support.clearances import cleared, revoke
from tests.support.sign_in import signed_in

Follow = Callable[[], None]


@pytest.fixture
def browser(follow: Follow) -> Client:
    """Return a browser in which somebody without any role is signed in."""
    return signed_in(User.objects.create_user("anybody"))


def shown(browser: Client, **query: str) -> list[str]:
    answer = browser.get("/demo/feed", query)
    assert answer.status_code == 200
    return re.findall(r'data-id="([^"]+)"', answer.content.decode())


def gone(browser: Client, *names: str, **query: str) -> dict[str, str]:
    answer = browser.get("/demo/feed/standing", {**query, "id": list(names)})
    assert answer.status_code == 200
    return {row["id"]: row["why"] for row in answer.json()["gone"]}


def test_it_shows_what_is_cleared_for_the_chosen_age_and_region(browser: Client, follow: Follow) -> None:
    for n, (name, min_age, blocked) in enumerate(
        (("all", 0, []), ("teen", 13, []), ("adult", 18, []), ("not-de", 0, ["DE"]))
    ):
        cleared(name, min_age=min_age, territories=blocked, creator=f"c-{n}")
    follow()
    assert set(shown(browser, age="25", region="US")) == {"all", "teen", "adult", "not-de"}
    assert set(shown(browser, age="14", region="DE")) == {"all", "teen"}
    assert set(shown(browser, age="", region="US")) == {"all", "not-de"}


def test_it_takes_the_default_for_what_the_form_does_not_offer(browser: Client) -> None:
    answer = browser.get("/demo/feed", {"age": "900", "region": "<script>"})
    assert (answer.context["audience"].age, answer.context["audience"].region) == ("25", "US")


def test_it_says_why_it_is_empty(browser: Client) -> None:
    answer = browser.get("/demo/feed")
    assert answer.context["cards"] == []
    assert b"Nothing to show" in answer.content
    assert b'id="nothing" hidden' not in answer.content


def test_cards_link_to_their_items_for_those_who_may_see_them_and_for_nobody_else(
    browser: Client, follow: Follow
) -> None:
    item = cleared("one")
    follow()
    address = f"/items/{item.key}/"
    assert address not in browser.get("/demo/feed").content.decode()
    roles_sync()
    reviewer = signed_in(scenes.person("reviewer"))
    assert address in reviewer.get("/demo/feed").content.decode()


def test_it_needs_no_inline_script_and_no_inline_style(browser: Client, follow: Follow) -> None:
    cleared("one")
    follow()
    page = browser.get("/demo/feed").content.decode()
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=", page)


def test_what_is_revoked_no_longer_stands(browser: Client, follow: Follow) -> None:
    item, _ = cleared("leaves"), cleared("stays", creator="c-2")
    follow()
    assert gone(browser, "leaves", "stays") == {}
    revoke(item)
    follow()
    assert gone(browser, "leaves", "stays") == {"leaves": "not_granted"}


def test_standing_depends_on_who_looks(browser: Client, follow: Follow) -> None:
    cleared("adult", min_age=18)
    cleared("not-de", territories=["DE"], creator="c-2")
    follow()
    assert gone(browser, "adult", "not-de", age="25", region="US") == {}
    assert gone(browser, "adult", "not-de", age="14", region="DE") == {"adult": "age", "not-de": "territory"}


def test_what_nobody_knows_and_what_has_ended_does_not_stand(browser: Client, follow: Follow) -> None:
    cleared("ended", valid_until=timezone.now() - timedelta(seconds=1))
    follow()
    assert gone(browser, "ended", "no-such-item") == {"ended": "expired", "no-such-item": "unknown"}


def test_with_a_view_that_is_too_old_nothing_stands(browser: Client, follow: Follow) -> None:
    cleared("one")
    follow()
    gate.replace_current(Gate(max_age_seconds=-1.0))
    answer = browser.get("/demo/feed/standing", {"id": "one"}).json()
    assert answer["is_stale"]
    assert answer["gone"] == [{"id": "one", "why": "stale"}]
    assert shown(browser) == []


def test_strangers_sign_in_first(follow: Follow) -> None:
    for path in ("/demo/feed", "/demo/feed/standing"):
        answer = Client().get(path)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/")


def test_it_does_not_exist_outside_the_demo(browser: Client, settings: Settings) -> None:
    settings.DEMO_ENABLED = False
    assert browser.get("/demo/feed").status_code == 404
    assert browser.get("/demo/feed/standing").status_code == 404


def test_it_only_reads(browser: Client) -> None:
    assert browser.post("/demo/feed").status_code == 405
    assert browser.post("/demo/feed/standing").status_code == 405


def test_asking_costs_three_queries_however_many_are_shown(
    browser: Client, follow: Follow, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    names = [cleared(f"i-{n}", creator=f"c-{n}").external_id for n in range(20)]
    follow()
    with django_assert_max_num_queries(3):  # session, user, names
        assert gone(browser, *names) == {}
