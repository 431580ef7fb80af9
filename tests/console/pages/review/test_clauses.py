"""Decisions that rest on a clause: what is offered, what is stored, what the creator reads, and what is refused."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from moderation.items.queries import item_history
from moderation.models import AuditEvent, Decision, DecisionDraft, Job
from policies.choices import Outcome
from tests.support import scenes
from tests.support.people import seen

BLOCK, RESTRICT, ESCALATE, CLEAR = (
    str(int(o)) for o in (Outcome.BLOCK, Outcome.RESTRICT, Outcome.ESCALATE, Outcome.CLEAR)
)


def _decide(browser: Client, job: Job, **fields: Any) -> HttpResponse:
    data = {"lease_token": str(job.lease_token), "expected_decision": seen(job.item), **fields}
    return browser.post(reverse("job_decide", args=[job.key]), data)


def test_the_page_offers_the_clauses_of_the_proposed_policy_by_their_digits(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    page = browser.get(reverse("job_page", args=[job.key])).content.decode()
    assert 'value="harassment-pile-on" data-category="harassment" data-digit="2"' in page
    assert 'data-sentence="This upload insults a person."' in page
    assert "self-harm-help" not in page.split("data-clauses")[1].split("</fieldset>")[0]  # a help message blames nobody
    assert "<kbd>h</kbd> <span>Hate</span>" in page


def test_a_clause_alone_is_reason_enough_and_its_sentence_is_the_note(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer, language="de")
    assert _decide(browser, job, outcome=BLOCK, category="harassment", clause="harassment-insult").status_code == 302
    decision = Decision.objects.get(job=job)
    assert (decision.clause, decision.note) == ("harassment-insult", "Dieser Upload beleidigt eine Person.")
    [said] = item_history(job.item)[-1]["reasons"]  # what the API tells of it
    assert said["clause"] == "harassment-insult"
    assert AuditEvent.objects.get(action="job.decided").data["clause"] == "harassment-insult"


@pytest.mark.parametrize(
    ("language", "begins"), [("es-MX", "Esta publicación"), ("fr", "This upload"), ("und", "This upload")]
)
def test_it_is_told_in_the_items_language_else_in_the_deployments(
    browser: Client, reviewer: User, language: str, begins: str
) -> None:
    job = scenes.job_held(reviewer, language=language)
    _decide(browser, job, outcome=BLOCK, category="harassment", clause="harassment-insult")
    assert Decision.objects.get(job=job).note.startswith(begins)


def test_words_of_ones_own_stay_as_they_were_written(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    _decide(
        browser, job, outcome=BLOCK, category="harassment", clause="harassment-insult", note="Aimed at a neighbour."
    )
    decision = Decision.objects.get(job=job)
    assert (decision.clause, decision.note) == ("harassment-insult", "Aimed at a neighbour.")


@pytest.mark.parametrize(
    "fields",
    [
        {"category": "harassment", "clause": "hate-slur"},
        {"category": "harassment", "clause": "made-up"},
        {"category": "self_harm", "clause": "self-harm-help"},
    ],
)
def test_a_clause_that_is_none_of_this_policy_is_refused(
    browser: Client, reviewer: User, fields: dict[str, str]
) -> None:
    job = scenes.job_held(reviewer)
    response = _decide(browser, job, outcome=BLOCK, note="why", **fields)
    assert response.status_code == 422
    assert "The policy in force has no such clause" in response.content.decode()
    assert not Decision.objects.filter(actor=reviewer).exists()


def test_what_goes_to_seniors_is_asked_in_ones_own_words(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    response = _decide(browser, job, outcome=ESCALATE, category="harassment", clause="harassment-insult")
    assert response.status_code == 422
    assert "Say in a sentence why" in response.content.decode()


def test_what_is_clear_breaks_no_clause(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    assert _decide(browser, job, outcome=CLEAR, category="harassment", clause="harassment-insult").status_code == 302
    assert Decision.objects.get(job=job).clause == ""


def test_the_items_page_names_the_clause_and_history_keeps_it(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    _decide(browser, job, outcome=BLOCK, category="harassment", clause="harassment-insult")
    page = browser.get(reverse("item_page", args=[job.item.key])).content.decode()
    assert "clause “Insult”" in html.unescape(page)


def test_a_draft_keeps_the_clause(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    fields = {"outcome": BLOCK, "category": "harassment", "clause": "harassment-pile-on", "note": "This upload calls."}
    browser.post(reverse("job_draft", args=[job.key]), fields | {"expected_decision": seen(job.item)})
    assert DecisionDraft.objects.get().fields["clause"] == "harassment-pile-on"
    page = browser.get(reverse("job_page", args=[job.key])).content.decode()
    assert "checked" in page.split('value="harassment-pile-on"')[1].split(">")[0]


def _insert(reviewer: User, job: Job, **changes: object) -> None:
    decision = Decision.objects.get(job=job)
    row = {
        "outcome": 4, "stage": "review", "decided_by": "person.review", "category": "harassment", "clause": "harassment-insult",
        "actor_id": reviewer.pk, **changes,
    }  # fmt: skip
    insert = """INSERT INTO moderation_decision (key, created_at, item_id, outcome, min_age, territories_blocked, stage,
        decided_by, category, clause, reasons, evidence, evidence_digest, policy_version_id, actor_id, note, supersedes_id)
        VALUES (gen_random_uuid(), now(), %s, %s, 0, '{}', %s, %s, %s, %s, '[]', '{}', '', %s, %s, '', %s)"""
    values = [job.item_id, row["outcome"], row["stage"], row["decided_by"], row["category"], row["clause"]]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(insert, [*values, decision.policy_version_id, row["actor_id"], decision.pk])


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"clause": "made-up"}, "moderation_decision_clause_of_version"),
        ({"category": "hate"}, "moderation_decision_clause_of_version"),
        ({"category": "self_harm", "clause": "self-harm-help"}, "moderation_decision_clause_of_version"),
        ({"outcome": 0}, "moderation_decision_clause_by_person"),
        ({"stage": "deep", "actor_id": None}, "moderation_decision_clause_by_person"),
    ],
)
def test_the_database_holds_a_clause_to_its_version_and_to_people(
    browser: Client, reviewer: User, changes: dict[str, object], constraint: str
) -> None:
    job = scenes.job_held(reviewer)
    _decide(browser, job, outcome=BLOCK, category="harassment", note="why")
    with pytest.raises(DatabaseError) as error:
        _insert(reviewer, job, **changes)
    assert getattr(error.value.__cause__.diag, "constraint_name", "") == constraint  # type: ignore[union-attr]
