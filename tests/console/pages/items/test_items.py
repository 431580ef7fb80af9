"""Finding items, reading the history of one, and deciding anew."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from moderation.models import Item
from moderation.review.leases import job_decide
from policies.choices import ItemKind, Outcome
from tests.support import scenes
from tests.support.decisions import decision_of
from tests.support.people import seen
from tests.support.responses import Response
from tests.support.sign_in import signed_in


def _list(browser: Client, **query: str) -> str:
    return browser.get(reverse("item_list"), query).content.decode()


def _page(browser: Client, item: Item) -> str:
    return browser.get(reverse("item_page", args=[item.key])).content.decode()


@pytest.fixture
def some(ready: None) -> list[Item]:
    now = timezone.now()
    return [
        scenes.item_judged("canal", caption="a walk along the canal", now=now - timedelta(days=3)),
        scenes.item_judged("soup", caption="potato soup with grandma", creator="cook", language="de", region="DE"),
        scenes.item_judged("photo", kind=ItemKind.IMAGE, media=scenes.stored(b"jpeg", mime="image/jpeg")),
        scenes.item_judged("known", findings=[scenes.bank_hit("violence")]),
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "soup"}, {"soup"}),
        ({"q": "soup grandma"}, {"soup"}),
        ({"q": "soup canal"}, set()),
        ({"q": "canal"}, {"canal", "photo", "known"}),
        ({"q": "photo"}, {"photo"}),
        ({"q": "cook"}, {"soup"}),
        ({"kind": "0"}, set()),
        ({"kind": "1"}, {"photo"}),
        ({"state": "blocked"}, {"known"}),
        ({"outcome": "4"}, {"known"}),
        ({"outcome": "0"}, {"canal", "soup", "photo"}),
        ({"category": "violence"}, {"known"}),
        ({"language": "de"}, {"soup"}),
        ({"until": (timezone.now() - timedelta(days=2)).date().isoformat()}, {"canal"}),
    ],
)
def test_it_finds_items(browser: Client, some: list[Item], query: dict[str, str], found: set[str]) -> None:
    page = _list(browser, **query)
    assert {item.external_id for item in some if reverse("item_page", args=[item.key]) in page} == found
    assert found or "Nothing matches" in page


@pytest.mark.parametrize("query", [{"state": "made-up"}, {"since": "never"}])
def test_a_filter_that_makes_no_sense_is_422(browser: Client, some: list[Item], query: dict[str, str]) -> None:
    assert browser.get(reverse("item_list"), query).status_code == 422


def test_a_filter_that_is_no_text_is_turned_away_at_the_door(browser: Client, some: list[Item]) -> None:
    assert browser.get(reverse("item_list"), {"q": "a\x00b"}).status_code == 400


def test_an_empty_list_says_what_to_do(browser: Client) -> None:
    assert "POST /api/v1/items" in _list(browser)


def test_pages_follow_each_other_without_gap_or_repeat(browser: Client) -> None:
    same_moment = timezone.now()
    for n in range(120):
        scenes.item_judged(f"item-{n:03}", now=same_moment - timedelta(seconds=n // 10))
    seen: list[str] = []
    query = ""
    for _ in range(3):
        response = browser.get(reverse("item_list") + query)
        page = response.context["page"]
        seen += [item.external_id for item in page.rows]
        query = f"?{page.next_query}"
    assert len(seen) == len(set(seen)) == 120
    assert query == "?"


def test_a_cursor_that_names_nothing_is_an_empty_page(browser: Client, some: list[Item]) -> None:
    for cursor in ("nonsense", "00000000-0000-0000-0000-000000000001"):
        assert browser.get(reverse("item_list"), {"after": cursor}).context["page"].rows == []


def test_htmx_gets_only_the_results(browser: Client, some: list[Item]) -> None:
    page = browser.get(reverse("item_list"), headers={"HX-Request": "true"}).content.decode()
    assert page.lstrip().startswith('<section class="panel" id="results"')


def test_the_list_needs_the_same_queries_for_any_number_of_rows(
    browser: Client, some: list[Item], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(60):
        scenes.item_judged(f"more-{n}", creator=f"creator-{n}")
    browser.get(reverse("item_list"))
    with django_assert_max_num_queries(12):
        browser.get(reverse("item_list"))


def test_restricted_items_do_not_exist_for_others(browser: Client, senior_browser: Client) -> None:
    item = scenes.job_restricted().item
    assert "opaque-1" not in _list(browser)
    assert "opaque-1" not in _list(browser, q=scenes.OPAQUE)
    assert browser.get(reverse("item_page", args=[item.key])).status_code == 404
    assert "opaque-1" in _list(senior_browser)
    assert "Media are not shown" in _page(senior_browser, item)


def test_the_page_tells_every_decision_with_evidence_policy_and_person(senior_browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    job_decide(
        actor=reviewer, job_key=str(job.key), lease_token=str(job.lease_token), outcome=Outcome.BLOCK,
        category="harassment", note="Aimed at a private person.", min_age=0, territories=[], now=timezone.now(),
        expected_decision=seen(job.item),
    )  # fmt: skip
    page = _page(senior_browser, job.item)
    for words in ("On the upload path", "By a reviewer", "reviewer-1", "policy 1", "Aimed at a private person.",
                  "over 0.65 (escalate)", "Evidence as stored", "&quot;scores&quot;"):  # fmt: skip
        assert words in page, words


def test_the_page_needs_few_queries(
    senior_browser: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    item = scenes.job_open().item
    _page(senior_browser, item)
    with django_assert_max_num_queries(12):
        _page(senior_browser, item)


def _overturn(browser: Client, item: Item, *, htmx: bool = False, **fields: Any) -> Response:
    data = {"outcome": "4", "category": "violence", "note": "wrong", "expected_decision": decision_of(item).key}
    headers = {"HX-Request": "true"} if htmx else None
    return browser.post(reverse("item_overturn", args=[item.key]), data | fields, headers=headers)


@pytest.mark.parametrize("htmx", [False, True])
def test_a_senior_takes_down_what_was_cleared(senior_browser: Client, some: list[Item], htmx: bool) -> None:
    response = _overturn(senior_browser, some[0], htmx=htmx)
    assert response.status_code == (200 if htmx else 302)
    item = Item.objects.select_related("clearance").get(pk=some[0].pk)
    assert item.state == "blocked"
    assert not item.clearance.is_granted


def test_a_senior_restores_what_was_blocked(senior_browser: Client, some: list[Item]) -> None:
    _overturn(senior_browser, some[3], outcome="0", category="", note="A known false match.")
    assert Item.objects.get(pk=some[3].pk).state == "cleared"


@pytest.mark.parametrize(
    "fields", [{"note": ""}, {"category": ""}, {"outcome": "2"}, {"outcome": "0", "note": " "}, {"outcome": "1"}]
)
def test_an_incomplete_overturn_comes_back(senior_browser: Client, some: list[Item], fields: dict[str, Any]) -> None:
    assert _overturn(senior_browser, some[0], **fields).status_code == 422
    assert Item.objects.get(pk=some[0].pk).state == "cleared"


def test_an_overturn_of_a_decision_that_changed_is_refused(senior_browser: Client, some: list[Item]) -> None:
    assert _overturn(senior_browser, some[0]).status_code == 302
    late = _overturn(senior_browser, some[0], outcome="0")
    assert late.status_code == 409
    assert "Somebody decided this item while you looked" in late.content.decode()
    assert Item.objects.get(pk=some[0].pk).state == "blocked"


def test_only_seniors_are_offered_to_decide_anew(browser: Client, senior_browser: Client, some: list[Item]) -> None:
    assert "Decide anew" not in _page(browser, some[0])
    assert "Decide anew" in _page(senior_browser, some[0])
    assert _overturn(browser, some[0]).status_code == 403


def test_what_people_write_is_never_markup(ready: None) -> None:
    analyst = signed_in(scenes.person("analyst"))
    item = scenes.item_judged("script", caption="<script>alert(1)</script>", creator="<b>bold</b>")
    for page in (_page(analyst, item), _list(analyst)):
        assert "<script>alert" not in page
        assert "<b>bold" not in page
