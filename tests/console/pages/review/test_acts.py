"""What a reviewer does on a job beside deciding it: help message, warning, a call to whoever leads."""

from __future__ import annotations

import html
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.pages.review import acts
from moderation import tasks
from moderation.models import AuditEvent, CreatorAct, Decision, Job, LeadCall, OutboxMessage
from moderation.outbox.promise import TOPIC_CREATOR_ACT
from moderation.review.lead_calls import lead_call_see, lead_calls_open
from tests.support import scenes
from tests.support.owner import owner
from tests.support.sign_in import signed_in

HTMX = {"HX-Request": "true"}


def _post(browser: Client, name: str, job: Job, *, htmx: bool = False, **fields: Any) -> HttpResponse:
    data = {"lease_token": str(job.lease_token), **fields}
    return browser.post(reverse(name, args=[job.key]), data, headers=HTMX if htmx else None)


def test_a_help_message_is_recorded_promised_and_audited_without_its_words(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer, language="de")
    assert _post(browser, "job_help", job, act_clause="self-harm-help").status_code == 302
    act = CreatorAct.objects.get()
    assert (act.kind, act.creator, act.item, act.actor) == ("help", job.item.creator, job.item, reviewer)
    assert (act.clause, act.language, act.policy_version.number) == ("self-harm-help", "de", 1)
    assert act.text.startswith("Wir haben deinen Upload gesehen")
    promise = OutboxMessage.objects.get(topic=TOPIC_CREATOR_ACT)
    assert (promise.item, promise.payload) == (job.item, {"act": str(act.key)})
    event = AuditEvent.objects.get(action="creator.help_sent")
    assert (event.actor, event.object_key) == (reviewer, "waits-1")
    assert event.data == {"act": str(act.key), "clause": "self-harm-help", "category": "self_harm"}
    tasks.creator_act(str(promise.key))
    promise.refresh_from_db()
    assert promise.state == OutboxMessage.State.DONE


def test_a_warning_is_an_act_on_the_creator_and_changes_nothing_of_the_item(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    n_decisions = Decision.objects.count()
    _post(browser, "job_warn", job, act_clause="harassment-insult", act_text="Please mind your words.")
    act = job.item.creator.acts.get()
    assert (act.kind, act.clause, act.language, act.text) == (
        "warning", "harassment-insult", "", "Please mind your words."
    )  # fmt: skip
    assert AuditEvent.objects.filter(action="creator.warned").count() == 1
    assert Decision.objects.count() == n_decisions
    assert Job.objects.get(pk=job.pk).state == "leased"


@pytest.mark.parametrize("name", ["job_help", "job_warn"])
def test_pressed_twice_is_meant_once(browser: Client, reviewer: User, name: str) -> None:
    job = scenes.job_held(reviewer)
    for text in ("first", "second"):
        assert _post(browser, name, job, act_text=text).status_code == 302
    assert CreatorAct.objects.get().text == "first"
    assert OutboxMessage.objects.filter(topic=TOPIC_CREATOR_ACT).count() == 1


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize(
    ("name", "fields", "sentence"),
    [
        ("job_help", {}, "Choose a sentence, or write"),
        ("job_help", {"act_clause": "harassment-insult", "act_text": "kept"}, "no such clause for this"),
        ("job_warn", {"act_clause": "self-harm-help", "act_text": "kept"}, "no such clause for this"),
        ("job_warn", {"act_clause": "made-up", "act_text": "kept"}, "no such clause for this"),
        ("job_call_lead", {"lead_text": "x" * 501}, "at most 500 characters"),
    ],
)
def test_what_cannot_be_sent_comes_back_with_its_words(
    browser: Client, reviewer: User, name: str, fields: dict[str, str], sentence: str, htmx: bool
) -> None:
    job = scenes.job_held(reviewer)
    response = _post(browser, name, job, htmx=htmx, **fields)
    page = html.unescape(response.content.decode())
    assert response.status_code == 422
    assert sentence in page
    assert fields.get("act_text", "") in page
    assert ("<html" in page) is not htmx
    assert not CreatorAct.objects.exists()
    assert not LeadCall.objects.exists()


def test_an_answer_in_place_leaves_the_rest_of_the_page_alone(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    page = _post(browser, "job_help", job, htmx=True, act_clause="self-harm-help").content.decode()
    assert page.lstrip().startswith('<section class="panel" id="acts"')
    assert "The help message to the creator is recorded." in page
    assert 'name="note"' not in page


@pytest.mark.parametrize("name", ["job_help", "job_warn", "job_call_lead"])
def test_only_who_holds_the_job_acts_on_it(browser: Client, reviewer: User, senior_browser: Client, name: str) -> None:
    job = scenes.job_held(reviewer)
    fields = {"act_text": "x", "lead_text": "x"}
    assert _post(senior_browser, name, job, **fields).status_code == 409
    assert _post(signed_in(scenes.person("analyst")), name, job, **fields).status_code == 403
    Job.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    late = _post(browser, name, job, htmx=True, **fields)
    assert (late.status_code, late["HX-Retarget"]) == (409, "#job")
    assert not CreatorAct.objects.exists()
    assert not LeadCall.objects.exists()


def test_a_call_stands_on_the_leads_home_page_until_one_has_seen_to_it(
    browser: Client, reviewer: User, senior: User, senior_browser: Client
) -> None:
    job = scenes.job_held(reviewer)
    _post(browser, "job_call_lead", job, lead_text="Somebody seems in danger.")
    _post(browser, "job_call_lead", job, lead_text="again")
    call = LeadCall.objects.get()
    page = senior_browser.get(reverse("home")).content.decode()
    assert "Somebody seems in danger." in page
    assert "Somebody seems in danger." not in browser.get(reverse("home")).content.decode()
    assert browser.post(reverse("lead_call_seen", args=[call.key])).status_code == 403
    assert senior_browser.post(reverse("lead_call_seen", args=[call.key])).status_code == 302
    assert "Somebody seems in danger." not in senior_browser.get(reverse("home")).content.decode()
    call.refresh_from_db()
    assert (call.seen_by, call.caller) == (senior, reviewer)
    lead_call_see(actor=senior, call_key=str(call.key), now=timezone.now())  # a repeat changes nothing
    assert AuditEvent.objects.filter(action="lead.called").count() == 1
    assert AuditEvent.objects.filter(action="lead.call_seen").count() == 1


def test_a_call_without_a_word_asks_to_look(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    _post(browser, "job_call_lead", job)
    assert LeadCall.objects.get().text == "Please look at this job."


def test_a_call_from_the_partition_is_told_only_within_it(senior: User) -> None:
    job = scenes.job_restricted()
    LeadCall.objects.create(job=job, caller=senior, text="Look, please.")
    outside = scenes.person("senior", "senior-2")
    outside.groups.clear()
    outside.user_permissions.add(*_permissions("overturn_decisions", "review_jobs"))
    assert len(lead_calls_open(senior)) == 1
    assert lead_calls_open(User.objects.get(pk=outside.pk)) == []


def _permissions(*names: str) -> list[Any]:
    from django.contrib.auth.models import Permission

    return list(Permission.objects.filter(codename__in=names))


def test_acts_are_paced(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    answers = [_post(browser, "job_call_lead", job).status_code for _ in range(acts._CALLS_PER_MINUTE + 1)]
    assert answers == [302] * acts._CALLS_PER_MINUTE + [429]


def test_the_database_keeps_acts_for_ever_and_calls_whole(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    _post(browser, "job_warn", job, act_text="x")
    _post(browser, "job_call_lead", job)
    for act in ("UPDATE moderation_creatoract SET text = 'y'", "DELETE FROM moderation_creatoract"):
        with owner(), pytest.raises(DatabaseError, match="Cannot update or delete"):
            _run(act)
    for change, constraint in (
        ("text = ' '", "moderation_leadcall_says_something"),
        ("seen_at = now()", "moderation_leadcall_seen_by_somebody"),
    ):
        with pytest.raises(IntegrityError, match=constraint):
            _run(f"UPDATE moderation_leadcall SET {change}")
    copied = "INSERT INTO moderation_leadcall (key, created_at, job_id, caller_id, text) SELECT gen_random_uuid(), now(), job_id, caller_id, text FROM moderation_leadcall"
    with pytest.raises(IntegrityError, match="moderation_leadcall_one_open"):
        _run(copied)
    columns = "creator_id, item_id, job_id, actor_id, policy_version_id"
    for kind, text, constraint in (
        ("praise", "x", "moderation_creatoract_kind_known"),
        ("help", " ", "moderation_creatoract_says_something"),
        ("warning", "x", "moderation_creatoract_once_a_job"),
    ):
        insert = f"INSERT INTO moderation_creatoract (key, created_at, kind, text, {columns}) SELECT gen_random_uuid(), now(), %s, %s, {columns} FROM moderation_creatoract"
        with pytest.raises(IntegrityError, match=constraint):
            _run(insert, kind, text)


def _run(statement: str, *values: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values or None)
