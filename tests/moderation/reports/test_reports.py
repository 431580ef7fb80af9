"""Reports: who is trusted is known from the register, and no single report takes an item out of reviewers' sight."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from console.models import ApiKey
from moderation.decisions.bulk import changes_write
from moderation.decisions.record import version_pk
from moderation.detection.types import Finding
from moderation.items.queries import items_search
from moderation.jobs.opening import job_close, job_open, reports_wait
from moderation.models import AuditEvent, Item, Job, Report, Reporter
from moderation.models.decision import DecisionStage
from moderation.models.review import JobState
from moderation.reports.queries import item_reports
from moderation.reports.reporters import ReporterInvalid, reporter_known, reporter_register, reporter_trust
from moderation.reports.service import REPORT_SCORE, TRUSTED_SCORE, report_file
from moderation.review.leases import job_claim, job_decide
from moderation.review.queries import item_jobs, queue_depths
from moderation.verdict.change import Change
from policies.choices import REPORTED_QUEUE, RESTRICTED_QUEUE, Outcome
from policies.live import active_policy
from tests.support import flagged, people, scenes

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ready() -> None:
    flagged.policy_with_two()


@pytest.fixture
def reviewer() -> User:
    return scenes.person("reviewer")


@pytest.fixture
def holder() -> User:
    return scenes.person("senior")


@pytest.fixture
def admin() -> User:
    return scenes.person("admin")


def report(external_id: str, reporter: str = "r-1", category: str = flagged.SECOND, **given: Any) -> Report:
    return report_file(
        actor="api:t", external_id=external_id, reporter=reporter, category=category, text="", **{"now": timezone.now(), **given}
    )  # fmt: skip


def sees(user: User, item: Item) -> bool:
    return items_search(user).filter(pk=item.pk).exists()


def depth(user: User, slug: str) -> int | None:
    """Return how many open jobs a person is told of in a queue; None where the queue does not exist for them."""
    return next((d.n_open for d in queue_depths(user, timezone.now()) if d.slug == slug), None)


@pytest.mark.parametrize("category", ["child_safety", flagged.SECOND])
def test_a_strangers_report_goes_to_the_partitions_people_and_hides_nothing(
    category: str, reviewer: User, holder: User
) -> None:
    item = people.text_item("t-1")
    filed = report("t-1", category=category)
    assert sees(reviewer, item)
    assert not Item.objects.get(pk=item.pk).is_restricted
    assert (depth(reviewer, REPORTED_QUEUE), depth(holder, REPORTED_QUEUE)) == (None, 1)
    assert job_claim(actor=reviewer, now=timezone.now()) is None
    claimed = job_claim(actor=holder, now=timezone.now())
    assert claimed is not None
    assert claimed == filed.job
    assert claimed.queue.is_restricted


def test_work_that_waits_for_ordinary_reviewers_stays_theirs(reviewer: User, holder: User) -> None:
    job = scenes.job_open()
    report(job.item.external_id)
    claimed = job_claim(actor=reviewer, now=timezone.now())
    assert claimed == job
    report(job.item.external_id, "r-2")
    job.refresh_from_db()
    assert (job.state, job.lease_holder) == (JobState.LEASED, reviewer)
    assert sees(reviewer, job.item)
    assert depth(holder, REPORTED_QUEUE) == 1


def test_neither_machines_nor_ordinary_reviewers_answer_it(reviewer: User, holder: User) -> None:
    job = scenes.job_held(reviewer)
    report(job.item.external_id)
    job_decide(
        actor=reviewer, job_key=str(job.key), lease_token=str(job.lease_token), outcome=Outcome.CLEAR, category="", note="",
        min_age=0, territories=(), now=timezone.now(), expected_decision=people.seen(job.item),
    )  # fmt: skip
    assert depth(holder, REPORTED_QUEUE) == 1


def test_a_true_one_is_blocked_and_hidden_by_whoever_may_say_so(reviewer: User, holder: User) -> None:
    job = scenes.job_open()
    report(job.item.external_id)
    held = job_claim(actor=holder, queue_slugs=[REPORTED_QUEUE], now=timezone.now())
    assert held is not None
    job_decide(
        actor=holder, job_key=str(held.key), lease_token=str(held.lease_token), outcome=Outcome.BLOCK, category=flagged.SECOND,
        note="It is.", min_age=0, territories=(), now=timezone.now(), expected_decision=people.seen(job.item, holder),
    )  # fmt: skip
    assert not sees(reviewer, job.item)
    assert not Job.objects.filter(item=job.item, state__in=["open", "leased"]).exists()


def test_a_trusted_flaggers_report_moves_the_item_and_its_job(reviewer: User, admin: User, holder: User) -> None:
    reporter_register(actor=admin, external_id="hotline", name="A hotline", is_trusted_flagger=True, now=timezone.now())
    job = scenes.job_held(reviewer)
    filed = report(job.item.external_id, "hotline")
    assert filed.is_trusted_flagger
    assert not sees(reviewer, job.item)
    job.refresh_from_db()
    assert (job.queue.slug, job.state) == (RESTRICTED_QUEUE, JobState.OPEN)
    assert depth(holder, RESTRICTED_QUEUE) == 1


def test_a_trusted_flagger_is_scored_higher_and_a_stranger_not(admin: User) -> None:
    reporter_register(actor=admin, external_id="desk", name="A desk", is_trusted_flagger=True, now=timezone.now())
    reporter_register(actor=admin, external_id="known", name="Known", is_trusted_flagger=False, now=timezone.now())
    scores = {}
    for n, reporter in enumerate(("desk", "known", "stranger")):
        people.text_item(f"t-{n}")
        job = report(f"t-{n}", reporter, category="hate").job
        assert job is not None
        scores[reporter] = job.score
    assert scores == {"desk": TRUSTED_SCORE, "known": REPORT_SCORE, "stranger": REPORT_SCORE}


def test_who_reports_everything_as_the_gravest_harm_sinks_below_whoever_reports_one(holder: User) -> None:
    now = timezone.now()
    for n in range(6):
        people.text_item(f"t-{n}")
        report(f"t-{n}", "floods", now=now)
    people.text_item("honest")
    report("honest", "reports-once", now=now)
    scores = list(Job.objects.filter(is_unconfirmed=True).order_by("item_id").values_list("score", flat=True))
    assert scores == [*sorted(scores[:-1], reverse=True), REPORT_SCORE]
    assert all(score > 0 for score in scores)
    first = [job_claim(actor=scenes.person("senior", f"s-{n}"), now=now) for n in range(7)]
    assert {job.item.external_id for job in first[:2] if job} == {"t-0", "honest"}
    assert None not in first  # nothing is dropped


def test_several_people_raise_the_job_that_is_there() -> None:
    people.text_item("t-1")
    scores = []
    for n in range(4):
        job = report("t-1", f"r-{n}").job
        assert job is not None
        scores.append(job.score)
    assert Job.objects.filter(is_unconfirmed=True).count() == 1
    assert scores == sorted(set(scores))
    assert scores[-1] <= TRUSTED_SCORE


def test_what_a_machine_confirms_replaces_what_was_only_reported(reviewer: User) -> None:
    finding = Finding("terms", "1", flagged.SECOND, 0.5, {"field": "caption"})
    item = scenes.job_open("t-1").item
    report("t-1")
    job_open(item=item, policy=active_policy(), category=finding.category, score=0.5, reason="x", now=timezone.now())
    [job] = Job.objects.select_related("queue").filter(item=item, state="open")
    assert (job.queue.slug, job.is_unconfirmed) == (RESTRICTED_QUEUE, False)


def test_others_are_not_told_of_the_report(reviewer: User) -> None:
    item = people.text_item("t-1")
    report("t-1")
    report("t-1", category="hate")
    assert [r.category for r in item_reports(reviewer, item)] == ["hate"]
    assert [j.is_unconfirmed for j in item_jobs(reviewer, item)] == [False]
    holder = scenes.person("senior")
    assert item_reports(holder, item).count() == item_jobs(holder, item).count() == 2


# --- the register --------------------------------------------------------------------------------------------------


def test_the_calls_word_counts_for_nothing() -> None:
    _, secret = ApiKey.issue(name="t", scopes=["reports:write"])
    client = Client(headers={"Authorization": f"Api-Key {secret}"})
    people.text_item("t-1")
    body = {"external_id": "t-1", "reporter": "r-1", "category": "hate", "trusted_flagger": True}
    answer = client.post("/api/v1/reports", body, content_type="application/json")
    assert answer.status_code == 422
    assert [(e["field"], e["code"]) for e in answer.json()["errors"]] == [("trusted_flagger", "unknown")]
    assert not Report.objects.exists()


def test_only_a_keyed_hash_of_the_id_is_kept(admin: User) -> None:
    reporter = reporter_register(
        actor=admin, external_id="hotline-77", name="A hotline", is_trusted_flagger=True, now=timezone.now()
    )
    row = Reporter.objects.filter(pk=reporter.pk).values().get()
    assert "hotline-77" not in str(row)
    assert "hotline-77" not in str(list(AuditEvent.objects.values()))
    assert reporter_known("hotline-77") == reporter
    assert reporter_known("hotline-78") is None


def test_it_is_still_found_after_the_secret_was_replaced(admin: User, settings: Settings) -> None:
    reporter = reporter_register(actor=admin, external_id="h", name="H", is_trusted_flagger=True, now=timezone.now())
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another-secret-" * 4
    assert reporter_known("h") is None  # unknown is not trusted
    settings.SECRET_KEY_FALLBACKS = [old]
    assert reporter_known("h") == reporter


def test_each_change_is_in_the_audit_log_and_a_repeat_is_none(admin: User) -> None:
    reporter = reporter_register(actor=admin, external_id="h", name="H", is_trusted_flagger=False, now=timezone.now())
    for trusted in (True, True, False):
        reporter_trust(actor=admin, reporter_key=str(reporter.key), is_trusted_flagger=trusted)
    rows = AuditEvent.objects.filter(object_type="reporter").order_by("pk")
    assert [row.action for row in rows] == ["reporter.registered", "reporter.trusted", "reporter.distrusted"]
    assert {row.actor for row in rows} == {admin}


def test_only_administrators_say_who_is_trusted(holder: User, admin: User) -> None:
    with pytest.raises(PermissionDenied):
        reporter_register(actor=holder, external_id="h", name="H", is_trusted_flagger=True, now=timezone.now())
    reporter = reporter_register(actor=admin, external_id="h", name="H", is_trusted_flagger=False, now=timezone.now())
    with pytest.raises(PermissionDenied):
        reporter_trust(actor=holder, reporter_key=str(reporter.key), is_trusted_flagger=True)


@pytest.mark.parametrize(("external_id", "name", "field"), [("h", "Again", "external_id"), ("new", "  ", "name")])
def test_bad_registrations_are_refused(admin: User, external_id: str, name: str, field: str) -> None:
    reporter_register(actor=admin, external_id="h", name="H", is_trusted_flagger=False, now=timezone.now())
    with pytest.raises(ReporterInvalid) as refused:
        reporter_register(actor=admin, external_id=external_id, name=name, is_trusted_flagger=True, now=timezone.now())
    assert refused.value.field == field
    assert Reporter.objects.count() == 1


# --- what machines decide answers no report -----------------------------------------------------------------------


def _many_decided(item: Item, outcome: Outcome) -> None:
    """Decide an item as one of many."""
    current = Item.objects.select_related("current_decision").get(pk=item.pk).current_decision
    assert current
    change = Change(
        item_pk=item.pk, expected=current.pk, outcome=outcome, min_age=18 if outcome == Outcome.RESTRICT else 0,
        territories=(), decided_by="restrict.violence", category="violence", score=0.7, reasons="[]",
        evidence=json.dumps(current.evidence), digest=current.evidence_digest, job=None, ends_lease=True,
    )  # fmt: skip
    changes_write([change], stage=DecisionStage.ACTIVATION, version_pk=version_pk(active_policy()), now=timezone.now())


def test_many_decisions_at_once_leave_the_job_of_a_report(reviewer: User) -> None:
    item = people.text_item("m-1")
    waits = report("m-1", category="violence").job
    assert waits
    for outcome, state in ((Outcome.RESTRICT, JobState.OPEN), (Outcome.BLOCK, JobState.CLOSED)):
        _many_decided(item, outcome)
        waits.refresh_from_db()
        assert waits.state == state
    _many_decided(item, Outcome.RESTRICT)
    waits.refresh_from_db()
    assert waits.state == JobState.OPEN
    assert job_claim(actor=reviewer, now=timezone.now()) == waits
    _many_decided(item, Outcome.RESTRICT)  # their page was overtaken: it is somebody else's turn, and nothing is lost
    waits.refresh_from_db()
    assert (waits.state, waits.taken_from) == (JobState.OPEN, reviewer)


def test_a_report_of_the_gravest_harm_waits_again_when_what_confirmed_it_is_gone(holder: User) -> None:
    item = people.text_item("m-2")
    waits = report("m-2").job
    assert waits
    job_open(
        item=item, policy=active_policy(), category=flagged.SECOND, score=1.0, reason="A match", now=timezone.now()
    )
    waits.refresh_from_db()
    assert waits.state == JobState.CLOSED
    assert job_close(item=item, now=timezone.now()) == 1
    assert reports_wait(item_pks=[item.pk]) == 1
    assert job_claim(actor=holder, now=timezone.now()) == waits
    assert reports_wait(item_pks=[item.pk]) == 0
