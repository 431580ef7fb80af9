"""Who gets which job next: languages, training, wishes and limits of people, and what they gave back."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from moderation.jobs.opening import job_open
from moderation.models import Job, JobPass, Reviewer
from moderation.review.giving_back import shift_end
from moderation.review.leases import job_claim, job_decide, job_release
from moderation.review.queries import queue_depths
from policies.choices import Outcome
from policies.live import active_policy
from tests.support import scenes
from tests.support.people import seen

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ready() -> None:
    scenes.policy_ready()


@pytest.fixture
def ana() -> User:
    return scenes.person("reviewer", "ana")


@pytest.fixture
def ben() -> User:
    return scenes.person("reviewer", "ben")


def gives_back(user: User, now: datetime) -> Job:
    job = job_claim(actor=user, now=now)
    assert job is not None
    return job_release(actor=user, job_key=str(job.key), lease_token=str(job.lease_token), now=now)


def test_an_overdue_suicide_note_comes_before_spam_that_is_due_in_twelve_hours(ana: User) -> None:
    now, policy = timezone.now(), active_policy()
    spam, note = (scenes.item_judged(name) for name in ("spam-1", "note-1"))
    job_open(item=spam, policy=policy, category="spam_scam", score=1.0, reason="x", now=now)
    overdue = job_open(
        item=note, policy=policy, category="self_harm", score=0.6, reason="x", now=now - timedelta(minutes=45)
    )
    assert job_claim(actor=ana, now=now) == overdue


def test_two_who_claim_at_once_get_the_two_most_urgent(ana: User, ben: User) -> None:
    now = timezone.now()
    jobs = [scenes.job_open(f"waits-{n}", now=now - timedelta(minutes=n)) for n in range(4)]
    assert [job_claim(actor=user, now=now) for user in (ana, ben)] == [jobs[3], jobs[2]]


def test_what_somebody_gave_back_is_theirs_again_once_somebody_else_had_it(ana: User, ben: User) -> None:
    job, now = scenes.job_open(), timezone.now()
    assert gives_back(ana, now) == job
    assert job_claim(actor=ana, now=now) is None
    assert gives_back(ben, now) == job
    assert job_claim(actor=ben, now=now) is None
    assert job_claim(actor=ana, now=now) == job
    assert not JobPass.objects.exists()


def test_it_comes_back_after_a_while_where_nobody_else_is_at_work(ana: User) -> None:
    job, now = scenes.job_open(), timezone.now()
    gives_back(ana, now)
    assert job_claim(actor=ana, now=now + timedelta(minutes=29)) is None
    assert job_claim(actor=ana, now=now + timedelta(minutes=31)) == job


def test_it_waits_for_whoever_is_at_work_and_could_take_it(ana: User, ben: User) -> None:
    job, now = scenes.job_open(), timezone.now()
    gives_back(ana, now)
    later = now + timedelta(minutes=31)
    Reviewer.objects.create(user=ben, at_work_at=later)
    assert job_claim(actor=ana, now=later) is None
    shift_end(actor=ben, note="", now=later)
    assert job_claim(actor=ana, now=later) == job


def test_somebody_at_work_who_could_not_take_it_does_not_count(ana: User, ben: User) -> None:
    job, now = scenes.job_open(), timezone.now()
    gives_back(ana, now)
    later = now + timedelta(minutes=31)
    Reviewer.objects.create(user=ben, at_work_at=later, languages=["tr"])
    assert job_claim(actor=ana, now=later) == job


def test_a_lease_that_ran_out_is_not_a_job_given_back(ana: User) -> None:
    job, now = scenes.job_open(), timezone.now()
    assert job_claim(actor=ana, now=now) == job
    assert job_claim(actor=ana, now=now + timedelta(minutes=11)) == job


def test_people_get_jobs_in_languages_that_they_read(ana: User, ben: User) -> None:
    now = timezone.now()
    english, german = scenes.job_open("en-1"), scenes.job_open("de-1", language="de")
    Reviewer.objects.create(user=ana, languages=["de"])
    Reviewer.objects.create(user=ben, languages=["en"], at_work_at=now)
    assert job_claim(actor=ana, now=now) == german
    assert job_claim(actor=ben, now=now) == english


def test_what_nobody_at_work_reads_comes_to_everybody(ana: User) -> None:
    job = scenes.job_open("fi-1", language="fi")
    Reviewer.objects.create(user=ana, languages=["de"])
    assert job_claim(actor=ana, now=timezone.now()) == job


def test_people_work_on_queues_that_they_are_trained_for_unless_they_name_one(ana: User) -> None:
    job = scenes.job_open()
    reviewer = Reviewer.objects.create(user=ana, queues=["spam"])
    assert job_claim(actor=ana, now=timezone.now()) is None
    reviewer.queues = ["hate"]
    reviewer.save()
    assert job_claim(actor=ana, now=timezone.now()) == job


def test_nobody_is_given_what_they_do_not_want(ana: User) -> None:
    scenes.job_open()
    Reviewer.objects.create(user=ana, opted_out=["harassment"])
    assert job_claim(actor=ana, now=timezone.now()) is None


def test_a_limit_of_grave_jobs_holds_for_a_day(ana: User) -> None:
    now = timezone.now().replace(hour=12)
    for n in range(2):
        scenes.job_open(f"waits-{n}")
    Reviewer.objects.create(user=ana, grave_per_day=1)
    gives_back(ana, now)
    assert job_claim(actor=ana, now=now) is None
    assert job_claim(actor=ana, now=now + timedelta(days=1)) is not None


def test_a_jobs_times_are_columns(ana: User) -> None:
    scenes.job_open()
    now = timezone.now()
    job = job_claim(actor=ana, now=now)
    assert job is not None
    assert job.claimed_at == now
    job_decide(
        actor=ana, job_key=str(job.key), lease_token=str(job.lease_token), expected_decision=seen(job.item),
        outcome=Outcome.CLEAR, category="", note="", min_age=0, territories=(), now=now + timedelta(seconds=42),
    )  # fmt: skip
    job.refresh_from_db()
    assert job.decided_at == now + timedelta(seconds=42)
    assert job.handling_time == timedelta(seconds=42)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("harm = 1.5", "harm_range"),
        ("claim_by = due_at + interval '1 second'", "claim_by_before_due"),
        ("language = 'DE'", "language_subtag"),
        ("decided_at = now()", "decided_at_whole"),
        (
            "state = 'leased', lease_holder_id = (SELECT min(id) FROM auth_user), lease_token = gen_random_uuid(), "
            "lease_expires_at = now()",
            "claimed_when_held",
        ),
    ],
)
def test_the_database_holds_the_place_and_the_times_of_a_job(ana: User, change: str, name: str) -> None:
    job = scenes.job_open()
    with pytest.raises(IntegrityError, match=f"moderation_job_{name}"), transaction.atomic():
        connection.cursor().execute(f"UPDATE moderation_job SET {change} WHERE id = %s", [job.pk])


def test_a_queues_facts_are_those_of_the_version_in_force(ana: User) -> None:
    job = scenes.job_open()
    job.queue.severity, job.queue.sla_minutes = 1, 9_999
    job.queue.save()
    [depth] = [depth for depth in queue_depths(ana, timezone.now()) if depth.slug == "hate"]
    assert (depth.severity, depth.sla_minutes) == (4, 120)
