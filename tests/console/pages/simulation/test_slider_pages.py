"""The slider: one threshold moved by range or by number, with and without a script, and written into the draft."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from moderation.evidence import store as evidence_store
from moderation.models import Item
from moderation.simulation import queries as simulation_queries
from policies.document.stored import document_of
from policies.live import invalidate
from policies.models import Approval, PolicyVersion
from policies.services.drafts import section_token, threshold_set, version_copy
from tests.support import scenes
from tests.support.responses import Response
from tests.support.sign_in import signed_in
from tests.support.simulated_items import item

HTMX = {"HX-Request": "true", "HX-Target": "answer"}


@pytest.fixture(autouse=True)
def _fresh_memory() -> None:
    """Forget what an earlier test's transaction had stored."""
    evidence_store.forget()
    simulation_queries.sliders_forget()


@pytest.fixture
def editor(ready: None) -> User:
    return scenes.person("policy-editor")


@pytest.fixture
def browser(editor: User) -> Client:
    return signed_in(editor)


@pytest.fixture
def draft(editor: User) -> PolicyVersion:
    return version_copy(actor=editor, version=PolicyVersion.objects.get(number=1))


@pytest.fixture
def uploads(ready: None) -> list[Item]:
    return [item(f"item-{i}", score, creator=f"c-{i}") for i, score in enumerate((0.1, 0.6, 0.71, 0.73, 0.8))]


def asked(place: str = "", **changes: str) -> dict[str, str]:
    """Return what the form sends: the range where it stood, and the number."""
    given = {
        "category": "harassment", "level": "block", "days": "28", "of": "harassment/block", "slide": "0.95",
        "slid_from": "0.95", "threshold": place,
    }  # fmt: skip
    return {**given, **changes}


def get(
    browser: Client, draft: PolicyVersion, given: Mapping[str, str] | None = None, status: int = 200, **more: object
) -> str:
    response = browser.get(reverse("policy_slider", args=[draft.number]), given or {}, **more)  # type: ignore[arg-type]
    assert response.status_code == status, response.content.decode()[-2000:]
    return response.content.decode()


def test_it_opens_where_the_version_stands(browser: Client, draft: PolicyVersion, uploads: list[Item]) -> None:
    page = get(browser, draft)
    assert "as version 3 says" in page
    assert 'type="range"' in page
    assert 'type="number"' in page
    assert "Write into the draft" not in page
    for chart in ("histogram", "pairs"):
        assert f'class="chart {chart}"' in page


def test_a_typed_number_moves_it(browser: Client, draft: PolicyVersion, uploads: list[Item]) -> None:
    page = get(browser, draft, asked("0.7125"))
    assert "block from 0.7125" in page
    assert 'value="0.7125"' in page
    assert ">+2<" in page  # two items more are blocked
    assert "Write into the draft" in page


def test_the_range_moves_it_without_a_script(browser: Client, draft: PolicyVersion, uploads: list[Item]) -> None:
    page = get(browser, draft, asked("0.95", slide="0.75"))
    assert "block from 0.75" in page
    assert 'value="0.75"' in page


def test_nothing_typed_is_never(browser: Client, draft: PolicyVersion, uploads: list[Item]) -> None:
    assert "block from never" in get(browser, draft, asked(""))


def test_another_level_starts_where_that_level_stands(
    browser: Client, draft: PolicyVersion, uploads: list[Item]
) -> None:
    page = get(browser, draft, asked("0.8", level="escalate"))
    assert "escalate to people from 0.65" in page
    assert "as version 3 says" in page


def test_htmx_gets_only_the_answer_while_it_moves(browser: Client, draft: PolicyVersion, uploads: list[Item]) -> None:
    part = get(browser, draft, asked("0.75"), headers=HTMX)
    assert part.strip().startswith('<div id="answer"')
    assert 'type="range"' not in part
    whole = get(browser, draft, asked("0.75"), headers={**HTMX, "HX-Target": "slider"})
    assert whole.strip().startswith('<div id="slider"')


@pytest.mark.parametrize(
    ("place", "said"),
    [("0.5", "The levels would be out of order"), ("2", "less than or equal to 1"), ("high", "Write a number")],
)
def test_an_impossible_place_is_refused_and_says_why(
    browser: Client, draft: PolicyVersion, uploads: list[Item], place: str, said: str
) -> None:
    for headers in ({}, HTMX):
        assert said in get(browser, draft, asked(place), status=422, headers=headers)


def test_an_unknown_category_or_level_is_refused(browser: Client, draft: PolicyVersion) -> None:
    for wrong in ({"category": "weather"}, {"level": "deport"}, {"category": "child_safety"}):
        assert "Select a valid choice" in get(browser, draft, asked("0.8", **wrong), status=422)


def test_without_uploads_it_shows_zeros(browser: Client, draft: PolicyVersion) -> None:
    page = get(browser, draft)
    assert "0 items" in page
    assert "No curve yet" in page


# --- write it into the draft -------------------------------------------------------------------------------------


def token(version: PolicyVersion) -> str:
    return section_token(document_of(version), "thresholds")


def apply(browser: Client, version: PolicyVersion, place: str, expected: str, **changes: str) -> Response:
    given = {
        "category": "harassment",
        "level": "block",
        "days": "28",
        "threshold": place,
        "expected": expected,
        **changes,
    }
    return browser.post(reverse("slider_apply", args=[version.number]), given)


def block_at(version: PolicyVersion) -> float | None:
    return version.thresholds.get(category_id="harassment", market="", language="", band=None).block_at


def test_what_pleases_is_written_into_the_draft_and_recorded(
    browser: Client, draft: PolicyVersion, uploads: list[Item], editor: User
) -> None:
    page = get(browser, draft, asked("0.75"))
    assert f'name="expected" value="{token(draft)}"' in page
    response = apply(browser, draft, "0.75", token(draft))
    assert response.status_code == 302
    assert response.headers["Location"] == f"/policies/{draft.number}/slider?category=harassment&level=block&days=28"
    assert block_at(draft) == 0.75
    assert Approval.objects.filter(version=draft, actor=editor, verb=Approval.Verb.EDIT).count() == 1
    assert "as version 3 says" in browser.get(response.headers["Location"]).content.decode()


def test_a_number_with_more_digits_is_written_with_four(browser: Client, draft: PolicyVersion) -> None:
    apply(browser, draft, "0.750049", token(draft))
    assert block_at(draft) == 0.75


def test_somebody_elses_change_is_not_overwritten(browser: Client, draft: PolicyVersion) -> None:
    seen = token(draft)
    other = scenes.person("policy-approver")
    threshold_set(actor=other, version=draft, category="hate", level="block", value=0.99, expected=seen)
    response = apply(browser, draft, "0.75", seen)
    assert response.status_code == 409
    assert "Somebody else changed the thresholds" in response.content.decode()
    assert block_at(draft) == 0.95


def test_a_place_out_of_order_is_refused(browser: Client, draft: PolicyVersion) -> None:
    response = apply(browser, draft, "0.3", token(draft))
    assert response.status_code == 422
    assert "out of order" in response.content.decode()
    assert block_at(draft) == 0.95


def test_a_published_version_cannot_be_changed(browser: Client) -> None:
    active = PolicyVersion.objects.get(number=1)
    assert apply(browser, active, "0.75", token(active)).status_code == 404
    assert "Copy this version to a draft" in get(browser, active)


def test_those_who_only_read_may_move_and_not_write(draft: PolicyVersion, uploads: list[Item]) -> None:
    analyst = signed_in(scenes.person("analyst"))
    assert "Write into the draft" not in get(analyst, draft, asked("0.75"))
    assert apply(analyst, draft, "0.75", token(draft)).status_code == 403


def test_the_restricted_category_is_for_those_who_may(
    draft: PolicyVersion, uploads: list[Item], browser: Client
) -> None:
    assert "Child safety" not in get(browser, draft)
    assert "child_safety" in get(signed_in(scenes.person("senior")), draft)


def test_queries_stay_few_first_and_later(browser: Client, draft: PolicyVersion, uploads: list[Item]) -> None:
    counted = []
    evidence_store.forget()
    invalidate()  # a process that knows nothing yet
    for place in ("0.75", "0.76"):
        with CaptureQueriesContext(connection) as queries:
            get(browser, draft, asked(place), headers=HTMX)
        counted.append(len(queries))
    assert counted[1] < counted[0] <= 13, counted  # the first one reads the evidence as well, and what of it is hidden
