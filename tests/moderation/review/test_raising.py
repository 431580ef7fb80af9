"""An open job follows what comes in later: reports, evidence, viewers. It is never made later, and its history stays."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from moderation.decisions.bulk import changes_write
from moderation.decisions.record import version_pk
from moderation.enforcement.standing import creators_reach_note
from moderation.jobs.opening import job_open
from moderation.models import AuditEvent, Item, Job, JobNote
from moderation.models.decision import DecisionStage
from moderation.reports.reporters import reporter_register
from moderation.reports.service import report_file
from moderation.review.leases import job_claim
from moderation.verdict.change import Change, job_for
from policies.choices import Outcome
from policies.live import active_policy
from tests.support import scenes

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ready() -> None:
    scenes.policy_ready()


def spam_job() -> Job:
    """Return an open job about spam that is due in twelve hours."""
    item = scenes.item_judged("spam-1")
    job = job_open(
        item=item,
        policy=active_policy(),
        category="spam_scam",
        score=0.6,
        reason="escalate.spam_scam",
        now=timezone.now(),
    )
    return Job.objects.select_related("queue", "item").get(pk=job.pk)


def report(item: Item, reporter: str, category: str) -> None:
    report_file(
        actor="api:t", external_id=item.external_id, reporter=reporter, category=category, text="", now=timezone.now()
    )


def test_a_trusted_flaggers_suicide_report_moves_an_open_spam_job_to_the_front() -> None:
    reporter_register(
        actor=scenes.person("admin"),
        external_id="hotline",
        name="A hotline",
        is_trusted_flagger=True,
        now=timezone.now(),
    )
    job = spam_job()
    report(job.item, "hotline", "self_harm")
    raised = Job.objects.select_related("queue").get(pk=job.pk)
    assert (raised.queue.slug, raised.category, raised.is_imminent) == ("wellbeing", "self_harm", True)
    assert raised.due_at <= timezone.now() + timedelta(minutes=30)
    assert raised.created_at == job.created_at
    note, row = JobNote.objects.get(job=job), AuditEvent.objects.get(action="job.raised")
    assert (note.data["was_queue"], note.data["was_category"], note.data["was_reason"]) == (
        "spam", "spam_scam", "escalate.spam_scam",
    )  # fmt: skip
    assert (row.object_key, row.data["was_queue"], row.data["queue"]) == (str(job.key), "spam", "wellbeing")
    assert job_claim(actor=scenes.person("reviewer"), now=timezone.now()) == job


def test_whoever_holds_it_keeps_it(reviewer_job: tuple[User, Job]) -> None:
    reviewer, job = reviewer_job
    report(job.item, "r-1", "self_harm")
    job.refresh_from_db()
    assert (job.state, job.lease_holder, job.is_imminent) == ("leased", reviewer, True)


@pytest.fixture
def reviewer_job() -> tuple[User, Job]:
    reviewer, job = scenes.person("reviewer"), spam_job()
    assert job_claim(actor=reviewer, now=timezone.now()) == job
    return reviewer, job


def test_a_milder_report_changes_neither_queue_nor_due_time() -> None:
    item = scenes.item_judged("note-1")
    job_open(item=item, policy=active_policy(), category="self_harm", score=0.9, reason="x", now=timezone.now())
    before = Job.objects.get(item=item)
    report(item, "r-1", "spam_scam")
    after = Job.objects.get(item=item)
    assert (after.queue_id, after.category, after.due_at, after.claim_by) == (
        before.queue_id, before.category, before.due_at, before.claim_by,
    )  # fmt: skip
    assert not JobNote.objects.exists()


def test_a_pile_of_reports_weighs_more_than_one() -> None:
    job = spam_job()
    for n in range(4):
        report(job.item, f"r-{n}", "spam_scam")
    raised = Job.objects.get(pk=job.pk)
    assert raised.score > job.score
    assert raised.claim_by < job.claim_by
    assert raised.due_at == job.due_at


def test_who_reports_much_as_suicide_does_not_fill_the_front() -> None:
    for n in range(5):
        report(scenes.item_judged(f"flood-{n}"), "floods", "self_harm")
    imminent = Job.objects.order_by("pk").values_list("is_imminent", flat=True)
    assert list(imminent) == [True, False, False, False, False]


def test_new_evidence_raises_an_open_job() -> None:
    job = scenes.job_open()
    words = scenes.hit("go away", job.item.caption, category="self_harm", score=0.8)
    scenes.judged_again(job.item, [words], stage=DecisionStage.DEEP)
    raised = Job.objects.select_related("queue").get(pk=job.pk)
    assert (raised.queue.slug, raised.is_imminent) == ("wellbeing", True)
    assert JobNote.objects.filter(job=job).exists()


def test_many_decisions_at_once_raise_open_jobs_too() -> None:
    job, policy, now = scenes.job_open(), active_policy(), timezone.now()
    current = Item.objects.select_related("current_decision").get(pk=job.item_id).current_decision
    assert current
    asked = job_for(
        {"language": "en", "kind": job.item.kind},
        policy,
        category="self_harm",
        outcome=Outcome.ESCALATE,
        score=0.9,
        now=now,
    )
    change = Change(
        item_pk=job.item_id, expected=current.pk, outcome=Outcome.ESCALATE, min_age=0, territories=(),
        decided_by="escalate.self_harm", category="self_harm", score=0.9, reasons="[]",
        evidence=json.dumps(current.evidence), digest=current.evidence_digest, job=asked,
    )  # fmt: skip
    written = changes_write([change], stage=DecisionStage.ACTIVATION, version_pk=version_pk(policy), now=now)
    raised = Job.objects.select_related("queue").get(pk=job.pk)
    assert (raised.queue.slug, raised.category, raised.is_imminent, raised.state) == (
        "wellbeing",
        "self_harm",
        True,
        "open",
    )
    assert raised.due_at == now + timedelta(minutes=30)
    assert written.n_jobs == 0
    row = AuditEvent.objects.get(action="job.raised")
    assert (row.object_key, row.data["was_category"]) == (str(job.key), "harassment")
    assert JobNote.objects.get(job=job).data["queue"] == "wellbeing"


def test_a_climb_in_views_brings_a_served_items_job_forward_and_a_fall_does_nothing() -> None:
    item = scenes.item_judged("watched-1")
    item.creator.expected_views = 10
    item.creator.save()
    now = timezone.now()
    job_open(item=item, policy=active_policy(), category="harassment", score=0.9, reason="Reported", now=now)
    before = Job.objects.get(item=item)
    creators_reach_note(views={item.creator_id: 500_000}, now=now)
    raised = Job.objects.get(item=item)
    assert raised.claim_by < before.claim_by
    assert raised.due_at == before.due_at
    creators_reach_note(views={item.creator_id: 0}, now=now)
    assert Job.objects.get(item=item).claim_by == raised.claim_by
    assert JobNote.objects.filter(job=raised).count() == 1


def test_what_nobody_is_shown_does_not_climb() -> None:
    job = scenes.job_open()
    creators_reach_note(views={job.item.creator_id: 500_000}, now=timezone.now())
    assert Job.objects.get(pk=job.pk).claim_by == job.claim_by
