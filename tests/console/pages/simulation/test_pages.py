"""Simulations in the console: begun with a filter, watched, cancelled, read, compared; and what flips one item."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from moderation.detection.types import Finding
from moderation.evidence import store as evidence_store
from moderation.models import AuditEvent, Item, SimulationRun
from moderation.models.simulation import RunState
from moderation.review.leases import job_claim, job_decide
from moderation.simulation import queries as simulation_queries
from moderation.simulation import service as simulation_services
from policies.choices import Outcome
from policies.document.stored import document_of
from policies.models import PolicyVersion
from policies.services.drafts import section_token, threshold_set
from tests.support import scenes
from tests.support.people import seen
from tests.support.sign_in import signed_in
from tests.support.simulated_items import item

HTMX = {"HX-Request": "true"}


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
    """Return a draft of version 1 that blocks harassment from 0.72."""
    from policies.services.drafts import version_copy

    version = version_copy(actor=editor, version=PolicyVersion.objects.get(number=1))
    move(editor, version, "harassment", "block", 0.72)
    return version


def move(editor: User, version: PolicyVersion, category: str, level: str, value: float) -> None:
    token = section_token(document_of(version), "thresholds")
    threshold_set(actor=editor, version=version, category=category, level=level, value=value, expected=token)


@pytest.fixture
def uploads(ready: None) -> list[Item]:
    """Return items on both sides of the draft's threshold."""
    return [item(f"item-{score}", score) for score in (0.1, 0.6, 0.71, 0.73, 0.8)]


def start(browser: Client, version: PolicyVersion, **given: str) -> SimulationRun:
    today = timezone.now().date()
    data = {"since": str(today - timedelta(days=3)), "until": str(today), **given}
    response = browser.post(reverse("simulation_start", args=[version.number]), data)
    assert response.status_code == 302, response.content.decode()[-3000:]
    return SimulationRun.objects.get(key=response.headers["Location"].rstrip("/").rpartition("/")[2])


def page_of(browser: Client, run: SimulationRun) -> str:
    response = browser.get(reverse("simulation_page", args=[run.key]))
    assert response.status_code == 200
    return response.content.decode()


# --- begin -------------------------------------------------------------------------------------------------------


def test_a_short_run_is_answered_at_once(browser: Client, draft: PolicyVersion, uploads: list[Item]) -> None:
    run = start(browser, draft)
    assert run.state == RunState.DONE
    page = page_of(browser, run)
    assert "newly" in page
    assert "item-0.73" in page
    assert "item-0.71" not in page
    assert AuditEvent.objects.filter(action="simulation.started", object_key=str(run.key)).exists()


def test_the_filter_narrows_what_is_replayed(browser: Client, draft: PolicyVersion, uploads: list[Item]) -> None:
    item("german", 0.75, language="de", region="DE", creator="c-2")
    run = start(browser, draft, markets="de", languages="DE")
    assert run.n_items == 1
    page = page_of(browser, run)
    assert "DE; de" in page


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"since": ""}, "since", "Say from which day on."),
        ({"since": "yesterday"}, "since", "Enter a valid date."),
        ({"since": "2026-01-01"}, "since", "Evidence is replayed for the last 90 days"),
        ({"until": "2020-01-01"}, "until", "The period must end on the day it begins, or later."),
        ({"markets": "Germany"}, "markets", "“GERMANY” is not a country code of two letters"),
        ({"languages": "d3"}, "languages", "is not a language code"),
        ({"kind": "9"}, "kind", "Select a valid choice."),
    ],
)
def test_what_is_wrong_is_told_at_its_field_and_nothing_typed_is_lost(
    browser: Client, draft: PolicyVersion, given: dict[str, str], field: str, said: str
) -> None:
    today = timezone.now().date()
    data = {"since": str(today - timedelta(days=3)), "until": str(today), "languages": "fr", **given}
    response = browser.post(reverse("simulation_start", args=[draft.number]), data)
    page = response.content.decode()
    assert response.status_code == 422
    assert said in page
    assert f'id="id_{field}_error"' in page
    assert f'value="{data["languages"]}"' in page
    assert not SimulationRun.objects.exists()


def test_those_who_only_read_see_runs_and_no_form(draft: PolicyVersion, browser: Client, uploads: list[Item]) -> None:
    start(browser, draft)
    analyst = signed_in(scenes.person("analyst"))
    page = analyst.get(reverse("policy_simulate", args=[draft.number])).content.decode()
    assert "you can read what they ran" in page
    assert "simulate/start" not in page
    assert "simulation" in page


def test_a_version_that_does_not_exist_is_not_found(browser: Client) -> None:
    for name in ("policy_simulate", "policy_slider", "policy_flips"):
        assert browser.get(reverse(name, args=[999])).status_code == 404


# --- watch and cancel --------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(
    browser: Client, draft: PolicyVersion, uploads: list[Item], monkeypatch: pytest.MonkeyPatch
) -> SimulationRun:
    """Return a run that is left to a worker."""
    monkeypatch.setattr(simulation_services, "is_short", lambda: False)
    return start(browser, draft)


def test_a_long_run_is_watched_with_and_without_a_script(browser: Client, waiting: SimulationRun) -> None:
    page = page_of(browser, waiting)
    assert "Waiting for a worker" in page
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page
    assert 'hx-trigger="every 1s"' in page
    part = browser.get(reverse("simulation_page", args=[waiting.key]), headers=HTMX)
    assert part.content.decode().strip().startswith("<section")
    assert "HX-Refresh" not in part


def test_the_page_is_loaded_anew_when_the_run_has_ended(browser: Client, waiting: SimulationRun) -> None:
    simulation_services.simulation_execute(run_key=str(waiting.key))
    part = browser.get(reverse("simulation_page", args=[waiting.key]), headers=HTMX)
    assert part["HX-Refresh"] == "true"


def test_a_waiting_run_is_cancelled(browser: Client, waiting: SimulationRun) -> None:
    url = reverse("simulation_cancel", args=[waiting.key])
    assert browser.post(url).status_code == 302
    waiting.refresh_from_db()
    assert waiting.state == RunState.CANCELLED
    assert "cancelled before it was done" in page_of(browser, waiting)
    assert browser.post(url).status_code == 302  # once more changes nothing


def test_htmx_is_sent_to_the_whole_page_after_cancelling(browser: Client, waiting: SimulationRun) -> None:
    response = browser.post(reverse("simulation_cancel", args=[waiting.key]), headers=HTMX)
    assert response["HX-Redirect"] == reverse("simulation_page", args=[waiting.key])


def test_a_failed_run_says_why(browser: Client, waiting: SimulationRun, editor: User, draft: PolicyVersion) -> None:
    move(editor, draft, "harassment", "block", 0.9)
    simulation_services.simulation_execute(run_key=str(waiting.key))
    page = page_of(browser, waiting)
    assert "It could not be run." in page
    assert "edited before the simulation began" in page


# --- read --------------------------------------------------------------------------------------------------------


def test_the_answer_has_flows_jobs_quality_and_items_each_with_how(
    browser: Client, draft: PolicyVersion, uploads: list[Item]
) -> None:
    page = page_of(browser, start(browser, draft))
    for head in ("From, to", "Work for people", "How right it would be", "Flipped items", "By category", "By audience"):
        assert head in page
    assert page.count("How computed") == 9
    assert 'class="chart load"' in page
    assert "not known: no job’s time was ever measured" in page


def test_reviewers_are_worked_out_from_measured_times(
    browser: Client, draft: PolicyVersion, uploads: list[Item]
) -> None:
    reviewer = scenes.person("reviewer")
    now = timezone.now()
    job = job_claim(actor=reviewer, now=now)
    assert job is not None
    job_decide(
        actor=reviewer, job_key=str(job.key), lease_token=str(job.lease_token), outcome=Outcome.CLEAR, category="",
        note="", min_age=0, territories=(), now=now + timedelta(seconds=45), expected_decision=seen(job.item),
    )  # fmt: skip
    page = page_of(browser, start(browser, draft))
    assert "44 s" in page or "45 s" in page  # the claim is stamped a moment after `now`
    assert "1 job in all" in page
    assert "from 1 decision by people" in page
    assert "Too few people’s decisions".replace("’", "&#x27;") in page


def test_a_draft_that_was_edited_since_says_so(
    browser: Client, draft: PolicyVersion, uploads: list[Item], editor: User
) -> None:
    run = start(browser, draft)
    assert "was edited since" not in page_of(browser, run)
    move(editor, draft, "harassment", "block", 0.9)
    assert "was edited since" in page_of(browser, run)


def test_no_upload_in_the_period_is_said_kindly(browser: Client, draft: PolicyVersion) -> None:
    page = page_of(browser, start(browser, draft))
    assert "No upload fits" in page


def test_restricted_items_and_counts_are_for_those_who_may(
    browser: Client, draft: PolicyVersion, uploads: list[Item], editor: User
) -> None:
    finding = Finding("terms", "1", "child_safety", 0.5, {"field": "caption"})
    scenes.item_judged("opaque-1", caption=scenes.OPAQUE, findings=[finding], creator="c-9")
    move(editor, draft, "child_safety", "block", 0.45)
    run = start(browser, draft)
    page = page_of(browser, run)
    assert "opaque-1" not in page
    assert "Child safety" not in page
    senior = page_of(signed_in(scenes.person("senior")), run)
    assert "opaque-1" in senior
    assert "Child safety" in senior


def test_a_run_that_does_not_exist_is_not_found(browser: Client) -> None:
    assert browser.get(reverse("simulation_page", args=[uuid.uuid4()])).status_code == 404


# --- compare -----------------------------------------------------------------------------------------------------


def test_two_runs_stand_side_by_side(browser: Client, draft: PolicyVersion, uploads: list[Item], editor: User) -> None:
    first = start(browser, draft)
    move(editor, draft, "harassment", "block", 0.9)
    second = start(browser, draft)
    page = browser.get(reverse("simulation_compare"), {"a": str(first.key), "b": str(second.key)}).content.decode()
    assert "newly block" in page
    assert "Jobs an hour, by queue" in page
    assert "B less A" in page


@pytest.mark.parametrize("query", [{}, {"a": "x", "b": "y"}, {"a": "same", "b": "same"}])
def test_a_choice_of_other_than_two_runs_is_refused(
    browser: Client, draft: PolicyVersion, uploads: list[Item], query: dict[str, str]
) -> None:
    run = start(browser, draft)
    given = {name: str(run.key) if value == "same" else value for name, value in query.items()}
    response = browser.get(reverse("simulation_compare"), given)
    assert response.status_code == 422
    assert "Choose two different runs" in response.content.decode()


def test_a_run_that_is_not_done_cannot_be_compared(
    browser: Client, waiting: SimulationRun, draft: PolicyVersion
) -> None:
    other = start(browser, draft)
    response = browser.get(reverse("simulation_compare"), {"a": str(waiting.key), "b": str(other.key)})
    assert response.status_code == 422
    assert "must be done" in response.content.decode()


def test_runs_are_listed_newest_first_with_a_choice_of_two(
    browser: Client, draft: PolicyVersion, uploads: list[Item]
) -> None:
    assert "No simulation yet" in browser.get(reverse("simulation_list")).content.decode()
    runs = [start(browser, draft) for _ in range(2)]
    page = browser.get(reverse("simulation_list")).content.decode()
    assert page.index(str(runs[1].key)) < page.index(str(runs[0].key))
    assert page.count('type="radio"') == 4


# --- what flips an item ------------------------------------------------------------------------------------------


def test_the_nearest_threshold_that_flips_an_item_comes_first(
    browser: Client, draft: PolicyVersion, uploads: list[Item]
) -> None:
    for name in ("item-0.71", str(uploads[2].key)):
        page = browser.get(reverse("policy_flips", args=[draft.number]), {"item": f" {name} "}).content.decode()
        assert "Harassment: block" in page
        assert "0.71" in page
        assert page.index("Harassment: block") < page.index("Harassment: escalate")


def test_an_unknown_item_is_told_at_the_field(browser: Client, draft: PolicyVersion) -> None:
    for given in ("nothing-like-it", str(uuid.uuid4()), ""):
        response = browser.get(reverse("policy_flips", args=[draft.number]), {"item": given})
        assert response.status_code == 422
        assert 'id="id_item_error"' in response.content.decode()


def test_a_restricted_item_does_not_exist_for_others(browser: Client, draft: PolicyVersion) -> None:
    restricted = scenes.job_restricted().item
    url = reverse("policy_flips", args=[draft.number])
    assert browser.get(url, {"item": restricted.external_id}).status_code == 422
    senior = signed_in(scenes.person("senior"))
    assert senior.get(url, {"item": restricted.external_id}).status_code == 200


def test_what_rests_on_no_score_is_flipped_by_nothing(browser: Client, draft: PolicyVersion) -> None:
    scenes.item_judged("bank", findings=[scenes.bank_hit("hate")])
    page = browser.get(reverse("policy_flips", args=[draft.number]), {"item": "bank"}).content.decode()
    assert "No threshold flips it" in page


def test_the_item_page_leads_there(browser: Client, uploads: list[Item]) -> None:
    page = browser.get(reverse("item_page", args=[uploads[0].key])).content.decode()
    assert f"flips?item={uploads[0].external_id}" in page


# --- cost --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_items", [2, 40])
def test_the_number_of_queries_does_not_grow(browser: Client, draft: PolicyVersion, n_items: int) -> None:
    for i in range(n_items):
        item(f"item-{i}", 0.73, creator=f"c-{i}")
    run, other = start(browser, draft), start(browser, draft)
    pages = [
        reverse("policy_simulate", args=[draft.number]),
        reverse("simulation_list"),
        reverse("simulation_page", args=[run.key]),
        f"{reverse('simulation_compare')}?a={run.key}&b={other.key}",
        f"{reverse('policy_flips', args=[draft.number])}?item=item-0",
    ]
    for url in pages:
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(url).status_code == 200
        assert len(queries) <= 12, (url, [q["sql"][:100] for q in queries])
