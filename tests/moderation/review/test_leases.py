"""One job, one reviewer: claims, leases, and decisions under them."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from moderation.decisions.record import item_overturn
from moderation.exceptions import DecisionInvalid, LeaseLost
from moderation.models import AuditEvent, Clearance, Decision, Item, Job
from moderation.review.leases import job_claim, job_decide, job_heartbeat, job_release, leases_expire
from policies.choices import Outcome
from tests.support.people import escalating_caption, person, ready, seen, text_item


@pytest.fixture
def job(db: None) -> Job:
    ready()
    item = text_item("e-1", escalating_caption())
    return Job.objects.get(item=item, state="open")


def decide(actor: Any, job: Job, **changes: Any) -> Decision:
    fields = {
        "outcome": Outcome.CLEAR, "category": "", "note": "", "min_age": 0, "territories": (), "now": timezone.now(),
        "job_key": str(job.key), "lease_token": str(job.lease_token), "expected_decision": seen(job.item), **changes,
    }  # fmt: skip
    return job_decide(actor=actor, **fields)


def test_a_claim_leases_the_job_to_one_person_and_is_audited(job: Job) -> None:
    ana = person("ana")
    claimed = job_claim(actor=ana, now=timezone.now())
    assert claimed is not None
    assert (claimed.pk, claimed.lease_holder_id) == (job.pk, ana.pk)
    assert job_claim(actor=person("ben"), now=timezone.now()) is None
    assert AuditEvent.objects.filter(action="job.claimed", actor=ana).count() == 1


def test_claiming_again_returns_the_same_job(job: Job) -> None:
    ana = person("ana")
    first = job_claim(actor=ana, now=timezone.now())
    again = job_claim(actor=ana, now=timezone.now())
    assert first
    assert again
    assert (first.pk, first.lease_token) == (again.pk, again.lease_token)


def test_who_may_not_review_may_not_claim(job: Job) -> None:
    with pytest.raises(PermissionDenied):
        job_claim(actor=person("eve", "analyst"), now=timezone.now())


def test_an_expired_lease_gives_the_job_back_however_often(job: Job) -> None:
    ana, ben, now = person("ana"), person("ben"), timezone.now()
    for n in range(5):
        claimed = job_claim(actor=ana if n % 2 else ben, now=now)
        assert claimed
        assert claimed.n_leases == n + 1
        now += timedelta(minutes=11)
        assert leases_expire(now=now) == 1
    job.refresh_from_db()
    assert (job.state, job.lease_holder) == ("open", None)


def test_a_heartbeat_keeps_the_lease(job: Job) -> None:
    ana, now = person("ana"), timezone.now()
    claimed = job_claim(actor=ana, now=now)
    assert claimed
    later = now + timedelta(minutes=9)
    end = job_heartbeat(actor=ana, job_key=str(job.key), lease_token=str(claimed.lease_token), now=later)
    assert end > now + timedelta(minutes=18)
    assert leases_expire(now=now + timedelta(minutes=11)) == 0


def test_a_decision_after_the_lease_is_refused_and_changes_nothing(job: Job) -> None:
    ana, now = person("ana"), timezone.now()
    claimed = job_claim(actor=ana, now=now)
    assert claimed
    with pytest.raises(LeaseLost):
        decide(ana, claimed, now=now + timedelta(minutes=11))
    assert not Decision.objects.filter(actor=ana).exists()


def test_nobody_decides_on_another_persons_lease(job: Job) -> None:
    claimed = job_claim(actor=person("ana"), now=timezone.now())
    assert claimed
    with pytest.raises(LeaseLost):
        decide(person("ben"), claimed)


def test_a_clearing_decision_clears_the_item_and_ends_the_job(job: Job) -> None:
    ana = person("ana")
    claimed = job_claim(actor=ana, now=timezone.now())
    assert claimed
    decision = decide(ana, claimed)
    item = Item.objects.get(pk=job.item_id)
    assert (item.state, item.current_decision_id) == ("cleared", decision.pk)
    assert Clearance.objects.get(item=item).is_granted
    job.refresh_from_db()
    assert (job.state, job.decision_id) == ("decided", decision.pk)
    with pytest.raises(LeaseLost):
        decide(ana, claimed)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("category", {"outcome": Outcome.BLOCK, "note": "because"}),
        ("category", {"outcome": Outcome.BLOCK, "note": "because", "category": "nonsense"}),
        ("note", {"outcome": Outcome.BLOCK, "category": "violence", "note": "  "}),
        ("min_age", {"outcome": Outcome.RESTRICT, "category": "violence", "note": "mild"}),
        ("min_age", {"outcome": Outcome.RESTRICT, "category": "violence", "note": "mild", "min_age": 15}),
        ("min_age", {"outcome": Outcome.CLEAR, "min_age": 18}),
        ("outcome", {"outcome": Outcome.HOLD, "category": "violence", "note": "wait"}),
    ],
)
def test_an_incomplete_decision_names_what_is_missing_and_keeps_the_lease(job: Job, field: str, changes: Any) -> None:
    ana = person("ana")
    claimed = job_claim(actor=ana, now=timezone.now())
    assert claimed
    with pytest.raises(DecisionInvalid) as raised:
        decide(ana, claimed, **changes)
    assert raised.value.field == field
    job.refresh_from_db()
    assert job.state == "leased"


def test_escalating_hands_the_item_to_the_seniors(job: Job) -> None:
    ana = person("ana")
    claimed = job_claim(actor=ana, now=timezone.now())
    assert claimed
    decide(ana, claimed, outcome=Outcome.ESCALATE, category="violence", note="not sure who is meant")
    assert job_claim(actor=ana, now=timezone.now()) is None
    seniors = job_claim(actor=person("sue", "senior"), now=timezone.now())
    assert seniors
    assert seniors.queue.slug == "seniors"


def test_a_released_job_is_open_again(job: Job) -> None:
    ana = person("ana")
    claimed = job_claim(actor=ana, now=timezone.now())
    assert claimed
    job_release(actor=ana, job_key=str(job.key), lease_token=str(claimed.lease_token), now=timezone.now())
    other = job_claim(actor=person("ben"), now=timezone.now())
    assert other
    assert other.pk == job.pk


def test_the_restricted_partition_is_claimed_only_with_its_permission(job: Job) -> None:
    job.queue.is_restricted = True
    job.queue.save()
    assert job_claim(actor=person("ana"), now=timezone.now()) is None
    assert job_claim(actor=person("sue", "senior"), now=timezone.now()) is not None


def test_a_senior_who_decides_meanwhile_takes_the_job_from_its_holder(job: Job) -> None:
    ana = person("ana")
    claimed = job_claim(actor=ana, now=timezone.now())
    assert claimed
    item_overturn(
        actor=person("sue", "senior"), item_key=str(job.item.key), outcome=Outcome.BLOCK, category="violence",
        note="a threat", min_age=0, territories=(), now=timezone.now(), expected_decision=seen(job.item),
    )  # fmt: skip
    with pytest.raises(LeaseLost):
        decide(ana, claimed)
    assert Item.objects.get(pk=job.item_id).state == "blocked"


def test_a_reviewer_is_not_given_a_seniors_job_by_its_name_either(job: Job) -> None:
    job.queue.slug = "seniors"
    job.queue.save()
    assert job_claim(actor=person("ana"), queue_slugs=["seniors"], now=timezone.now()) is None
    assert job_claim(actor=person("sue", "senior"), queue_slugs=["seniors"], now=timezone.now()) is not None


@pytest.mark.parametrize(
    "change",
    ["state = 'leased'", "lease_token = gen_random_uuid()", "state = 'decided'"],
)
def test_the_database_refuses_half_a_lease_and_a_decision_without_one(job: Job, change: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE moderation_job SET {change} WHERE id = %s", [job.pk])


def test_the_database_refuses_a_second_active_job_for_an_item(job: Job) -> None:
    now = timezone.now()
    with pytest.raises(IntegrityError, match="moderation_job_one_active"), transaction.atomic():
        Job.objects.create(item=job.item, queue=job.queue, reason="twice", claim_by=now, due_at=now)


@pytest.mark.django_db(transaction=True)
def test_many_claims_at_once_never_win_the_same_job() -> None:
    ready()
    for n in range(12):
        text_item(f"c-{n}", f"{escalating_caption()} {n}", creator=f"creator-{n}")
    people = [person(f"p{n}") for n in range(16)]
    barrier = threading.Barrier(len(people))
    won: list[int] = []

    def claim(actor: Any) -> None:
        barrier.wait()
        try:
            claimed = job_claim(actor=actor, now=timezone.now())
            if claimed:
                won.append(claimed.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=claim, args=(p,)) for p in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == len(set(won)) == 12
    assert Job.objects.filter(state="leased").count() == 12


@pytest.mark.django_db(transaction=True)
def test_two_clicks_of_one_person_at_once_lease_one_job() -> None:
    ready()
    for n in range(4):
        text_item(f"d-{n}", f"{escalating_caption()} {n}", creator=f"creator-{n}")
    ana = person("ana")
    barrier = threading.Barrier(4)
    got: list[int | None] = []

    def click() -> None:
        barrier.wait()
        try:
            job = job_claim(actor=ana, now=timezone.now())
            got.append(job.pk if job else None)
        finally:
            connection.close()

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(got)) == 1
    assert Job.objects.filter(state="leased").count() == 1
