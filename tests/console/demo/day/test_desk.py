"""Reviewers decide a share of what waits, once, and nobody is given one job again and again."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from console.demo.day import desk
from console.demo.day.desk import first_copy_block, people_begin, reviewers_decide
from console.demo.day.rulings import RULINGS, job_rule, ruling_for
from console.demo.picture_list import FIRST_COPY
from moderation.detection.types import Missing
from moderation.models import Decision, Item, Job, Queue
from moderation.models.decision import DecisionStage
from moderation.review.leases import job_claim
from policies.choices import Outcome
from tests.support import scenes

pytestmark = pytest.mark.usefixtures("ready")


def test_reviewers_decide_some_of_the_work_and_only_once() -> None:
    for n in range(10):
        scenes.job_open(f"demo-waits-{n}", creator=f"c-{n}")
    names = [scenes.person("reviewer", f"reviewer-{n}").username for n in range(2)]
    made = reviewers_decide(names)
    assert made.total() == Decision.objects.filter(stage=DecisionStage.REVIEW).count() == round(10 * desk.DECIDED_SHARE)
    assert Job.objects.filter(state="open").count() == 10 - made.total()
    assert not Job.objects.filter(state="leased").exists()
    assert reviewers_decide(names).total() == 0


def test_every_ruling_is_one_that_the_services_accept() -> None:
    person = scenes.person("reviewer")
    for slug, ruling in RULINGS.items():
        scenes.job_open(f"demo-{slug}", creator=f"c-{slug}")
        assert desk._decide_next([User.objects.get(pk=person.pk)], Job.objects.get(state="open").queue.slug) == (
            ruling.outcome.label
        )
        Job.objects.filter(state="open").update(state="closed")


def test_what_no_machine_could_read_is_decided_once_and_claimed_once() -> None:
    for n in range(10):
        missing = [Missing("text", "unsupported")]
        scenes.job_open(f"demo-text-07{n}", creator=f"c-{n}", findings=(), missing=missing, caption="近所のパン屋さん")
    assert set(Job.objects.values_list("category", flat=True)) == {""}
    made = reviewers_decide([scenes.person("reviewer", "reviewer-1").username])
    assert made == {Outcome.CLEAR.label: round(10 * desk.DECIDED_SHARE)}
    assert max(Job.objects.values_list("n_leases", flat=True)) == 1


def test_a_job_that_cannot_be_decided_so_is_given_back_and_goes_to_nobody_twice() -> None:
    scenes.job_open("demo-text-100")
    person = scenes.person("reviewer")
    job = job_claim(actor=person, now=timezone.now())
    assert job
    impossible = RULINGS["text-094"].__class__(Outcome.RESTRICT, "spam_scam", "No age.")
    assert job_rule(person=person, job=job, ruling=impossible, now=timezone.now()) is None
    assert Job.objects.get().state == "open"
    assert desk._decide_next([person], job.queue.slug) == "left for others"
    assert Job.objects.get().n_leases == 1


def test_what_breaks_no_rule_is_never_blocked_for_a_missing_category() -> None:
    job = scenes.job_open("demo-text-025")
    assert ruling_for(job).outcome == Outcome.CLEAR
    assert ruling_for(scenes.job_open("demo-text-101", creator="c-2")).outcome == Outcome.BLOCK


def test_people_are_in_the_middle_of_a_job_of_their_queues() -> None:
    for n in range(4):
        scenes.job_open(f"demo-waits-{n}", creator=f"c-{n}")
    Queue.objects.update(slug="spam")
    for name in desk.AT_WORK:
        scenes.person("reviewer", name)
    assert people_begin() == 1
    assert set(Job.objects.filter(state="leased").values_list("lease_holder__username", flat=True)) == {"reviewer3"}


def test_a_senior_takes_the_first_copy_down_once() -> None:
    scenes.job_open(f"demo-pic-{FIRST_COPY}")
    scenes.person("senior", "senior")
    assert first_copy_block()
    item = Item.objects.get()
    assert item.state == "blocked"
    assert not item.jobs.filter(state="open").exists()
    assert not first_copy_block()
