"""Drafts: what a person typed and did not send is kept for them alone, until it is decided, emptied or old."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone

from moderation.exceptions import DecisionInvalid, DraftTooLarge
from moderation.models import AuditEvent, DecisionDraft, Job
from moderation.review.drafts import draft_drop, draft_keep, draft_of, drafts_expire
from moderation.review.giving_back import job_ask, job_skip, shift_end
from moderation.review.leases import job_claim, job_decide, job_release, leases_expire
from moderation.tasks import drafts_expire as drafts_expire_task
from policies.choices import Outcome
from tests.support import scenes
from tests.support.people import seen
from tests.support.two_at_once import beside

TYPED = {"outcome": "4", "category": "harassment", "note": "Aimed at a private person."}


@pytest.fixture
def ana(db: None) -> User:
    scenes.policy_ready()
    return scenes.person("reviewer", "ana")


@pytest.fixture
def job(ana: User) -> Job:
    return scenes.job_held(ana)


def keep(actor: User, job: Job, **changes: Any) -> DecisionDraft | None:
    given = {"basis": "", "now": timezone.now(), **changes}
    return draft_keep(actor=actor, job_key=str(job.key), fields=given.pop("fields", TYPED), **given)


def decide(actor: User, job: Job, **changes: Any) -> None:
    fields = {
        "outcome": Outcome.CLEAR, "category": "", "note": "", "min_age": 0, "territories": (), "now": timezone.now(),
        "job_key": str(job.key), "lease_token": str(job.lease_token), "expected_decision": seen(job.item), **changes,
    }  # fmt: skip
    job_decide(actor=actor, **fields)


def test_the_later_write_wins_and_there_is_one_draft_a_person_and_job(ana: User, job: Job) -> None:
    keep(ana, job)
    keep(ana, job, fields={**TYPED, "note": "Typed in another tab."})
    assert DecisionDraft.objects.get().fields == {**TYPED, "note": "Typed in another tab."}


def test_nothing_of_it_is_written_to_the_audit_log(ana: User, job: Job) -> None:
    n = AuditEvent.objects.count()
    keep(ana, job)
    draft_drop(actor=ana, job_key=str(job.key))
    assert AuditEvent.objects.count() == n


def test_it_keeps_no_claim_no_basis_and_no_reason_of_a_skip_among_its_fields(ana: User, job: Job) -> None:
    sent = {**TYPED, "lease_token": "t", "expected_decision": "e", "reason": "technical", "csrfmiddlewaretoken": "c"}
    assert keep(ana, job, fields=sent, basis="e")
    draft = DecisionDraft.objects.get()
    assert (draft.fields, draft.basis) == (TYPED, "e")


def test_a_lease_that_ran_out_still_keeps_the_draft(ana: User, job: Job) -> None:
    leases_expire(now=timezone.now() + timedelta(minutes=11))
    assert keep(ana, job)
    assert draft_of(ana, job)


def test_somebody_who_has_it_next_neither_sees_nor_loses_the_first_ones_draft(ana: User, job: Job) -> None:
    keep(ana, job)
    leases_expire(now=timezone.now() + timedelta(minutes=11))
    ben = scenes.person("reviewer", "ben")
    assert job_claim(actor=ben, now=timezone.now()) == job
    assert draft_of(ben, job) is None
    keep(ben, job, fields={"note": "Ben's."})
    assert draft_drop(actor=ben, job_key=str(job.key))
    kept = draft_of(ana, job)
    assert kept
    assert kept.fields == TYPED


def test_who_never_had_the_job_keeps_nothing(ana: User, job: Job) -> None:
    with pytest.raises(PermissionDenied):
        keep(scenes.person("reviewer", "ben"), job)
    with pytest.raises(PermissionDenied):
        keep(scenes.person("analyst"), job)
    assert not DecisionDraft.objects.exists()


def test_a_draft_on_what_became_restricted_is_hidden_from_who_may_not_know_of_it(ana: User, job: Job) -> None:
    keep(ana, job)
    scenes.restrict(job.item)
    assert draft_of(ana, job) is None
    with pytest.raises(Job.DoesNotExist):
        keep(ana, job, fields={"note": "more"})
    assert DecisionDraft.objects.get().fields == TYPED


def test_a_decision_drops_it_in_the_same_transaction(ana: User, job: Job) -> None:
    keep(ana, job)
    with transaction.atomic():
        decide(ana, job)
        assert not DecisionDraft.objects.exists()
        transaction.set_rollback(True)
    assert draft_of(ana, job)
    decide(ana, job)
    assert not DecisionDraft.objects.exists()


def test_a_decision_that_is_refused_drops_nothing(ana: User, job: Job) -> None:
    keep(ana, job)
    with pytest.raises(DecisionInvalid):
        decide(ana, job, outcome=Outcome.BLOCK)
    assert draft_of(ana, job)


def test_what_arrives_after_the_decision_does_not_come_back(ana: User, job: Job) -> None:
    decide(ana, job)
    assert keep(ana, job) is None
    assert not DecisionDraft.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_arrives_while_the_decision_is_recorded_waits_for_it_and_keeps_nothing() -> None:
    scenes.policy_ready()
    ana = scenes.person("reviewer", "ana")
    job = scenes.job_held(ana)
    assert beside(lambda: decide(ana, job), lambda: keep(ana, job)).result() is None
    assert not DecisionDraft.objects.exists()


def test_somebody_elses_decision_leaves_it(ana: User, job: Job) -> None:
    keep(ana, job)
    leases_expire(now=timezone.now() + timedelta(minutes=11))
    ben = scenes.person("reviewer", "ben")
    claimed = job_claim(actor=ben, now=timezone.now())
    assert claimed
    decide(ben, claimed)
    assert draft_of(ana, job)


@pytest.mark.parametrize("back", ["released", "handed over"])
def test_giving_a_job_back_without_a_word_leaves_it(ana: User, job: Job, back: str) -> None:
    keep(ana, job)
    if back == "released":
        job_release(actor=ana, job_key=str(job.key), lease_token=str(job.lease_token), now=timezone.now())
    else:
        shift_end(actor=ana, note="", now=timezone.now())
    assert draft_of(ana, job)


def test_words_that_were_sent_with_a_skip_or_a_question_are_gone_and_the_rest_stays(ana: User, job: Job) -> None:
    keep(ana, job, fields={**TYPED, "question": "Who is meant?", "skip_note": "Dutch"})
    lease = {"job_key": str(job.key), "lease_token": str(job.lease_token), "now": timezone.now()}
    job_ask(actor=ana, question="Who is meant?", **lease)  # type: ignore[arg-type]
    assert DecisionDraft.objects.get().fields == TYPED


def test_a_draft_that_was_only_words_beside_a_skip_is_gone_with_it(ana: User, job: Job) -> None:
    keep(ana, job, fields={"skip_note": "Dutch"})
    job_skip(
        actor=ana, job_key=str(job.key), lease_token=str(job.lease_token), reason="language", note="Dutch",
        now=timezone.now(),
    )  # fmt: skip
    assert not DecisionDraft.objects.exists()


def test_what_was_too_much_is_not_written_down_as_a_draft_either(ana: User, job: Job) -> None:
    keep(ana, job, fields={"skip_note": "I cannot", "reason": "too_much"})
    assert not DecisionDraft.objects.exists()


@pytest.mark.parametrize("emptied", [{}, {"note": "  "}, {"category": "harassment"}])
def test_one_that_was_emptied_is_no_draft(ana: User, job: Job, emptied: dict[str, str]) -> None:
    keep(ana, job)
    assert keep(ana, job, fields=emptied) is None
    assert not DecisionDraft.objects.exists()


@pytest.mark.parametrize("letter", ["a", "語", '"', "\x01"])
def test_one_that_is_too_large_is_refused_and_what_was_kept_stays(ana: User, job: Job, letter: str) -> None:
    keep(ana, job)
    with pytest.raises(DraftTooLarge, match="It stays on this page"):
        keep(ana, job, fields={"note": letter * 16_000})
    assert DecisionDraft.objects.get().fields == TYPED


@pytest.mark.parametrize("letter", ["a", "語", "😀", '"'])
def test_whatever_the_pages_fields_take_fits(ana: User, job: Job, letter: str) -> None:
    longest = {"note": 2_000, "answer": 2_000, "question": 2_000, "territories": 800, "skip_note": 400}
    fields = {name: letter * n for name, n in longest.items()}
    assert keep(ana, job, fields=fields)


def test_what_no_database_takes_is_left_out(ana: User, job: Job) -> None:
    draft = keep(ana, job, fields={"note": "half\0 a \ud800sentence"})
    assert draft
    assert draft.fields == {"note": "half a sentence"}


@pytest.mark.parametrize("fields", [{}, {"note": "a" * 16_001}])
def test_the_database_refuses_an_empty_and_an_endless_one(ana: User, job: Job, fields: dict[str, str]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        DecisionDraft.objects.create(person=ana, job=job, fields=fields, updated_at=timezone.now())


def test_it_goes_with_its_job(ana: User, job: Job) -> None:
    keep(ana, job)
    job.delete()
    assert not DecisionDraft.objects.exists()


def test_one_that_nobody_touched_for_a_fortnight_is_removed(ana: User, job: Job) -> None:
    now = timezone.now()
    keep(ana, job)
    assert drafts_expire(now=now + timedelta(days=13)) == 0
    assert drafts_expire(now=now + timedelta(days=15)) == 1
    assert not DecisionDraft.objects.exists()
    drafts_expire_task()
